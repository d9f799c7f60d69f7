/** A payment as it is understood once its bytes were checked, and the reasons why bytes are none. */
import type { Outpoint } from "./coins.ts";
import type { Wallet, WalletScript } from "./descriptor.ts";
import type { Sats } from "./sats.ts";
import { transactionWeight } from "./size.ts";

/** Why bytes are no payment. */
export type PaymentRefusal =
  | "too-large"
  | "not-a-psbt"
  | "unknown-field"
  | "sighash-type"
  | "wrong-version"
  | "wrong-sequence"
  | "locktime-not-a-height"
  | "input-count"
  | "duplicate-input"
  | "input-not-ours"
  | "previous-missing"
  | "previous-not-a-transaction"
  | "previous-other-txid"
  | "previous-output-differs"
  | "previous-too-large"
  | "output-count"
  | "output-script"
  | "change-not-ours"
  | "amount-out-of-range"
  | "negative-fee"
  | "not-canonical";

/** Bytes that are no payment of this wallet that any honest node would have built. Says which rule they break. */
export class PaymentRefused extends Error {
  override readonly name = "PaymentRefused";
  readonly code: PaymentRefusal;
  constructor(code: PaymentRefusal, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** One coin that a payment spends. */
export interface PaymentInput {
  readonly outpoint: Outpoint;
  /**
   * What the PSBT says the coin is worth. Taproot signatures commit to the values of all coins, so a lie gives an invalid
   * transaction; for P2WPKH it was compared with `previous`.
   */
  readonly value: Sats;
  /** The transaction that made the coin, without witnesses: always there for P2WPKH, never for Taproot. */
  readonly previous?: Uint8Array;
  /** The script it spends, derived by this node. */
  readonly own: WalletScript;
}

/** One output of a payment. */
export interface PaymentOutput {
  readonly value: Sats;
  readonly script: Uint8Array;
}

declare const validated: unique symbol;

/** A payment whose bytes were checked against the wallet's own keys. Made by `readPayment` only. */
export interface PaymentView {
  readonly [validated]: true;
  readonly wallet: Wallet;
  /** The PSBT, in its only encoding: what a revision digest is the hash of. */
  readonly psbt: Uint8Array;
  /** Id that the transaction will have: signatures do not change it. */
  readonly txid: string;
  readonly inputs: readonly PaymentInput[];
  readonly outputs: readonly PaymentOutput[];
  readonly recipient: PaymentOutput | null;
  readonly metadata: Uint8Array | null;
  readonly change: { readonly index: number; readonly value: Sats } | null;
  readonly locktime: number;
  readonly fee: Sats;
  /** Virtual bytes once signed: exact for Taproot, an upper bound for P2WPKH. */
  readonly vsize: number;
}

/** BIP141 weight once signed, with every signature as long as it can be. */
export const signedWeight = ({ wallet, inputs, outputs }: Pick<PaymentView, "wallet" | "inputs" | "outputs">): number =>
  transactionWeight({
    scriptType: wallet.scriptType,
    inputCount: inputs.length,
    outputScripts: outputs.map(({ script }) => script.length),
  });
