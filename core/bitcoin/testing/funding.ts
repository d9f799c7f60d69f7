/** Coins of a wallet with the transactions that made them. Only for tests. */
import { deriveScript, serializeTransaction, sats, txidOf } from "../index.ts";
import type { Branch, RawTransaction, SpentCoin, TransactionOutput, Wallet } from "../index.ts";
import { txidOfNumber } from "./single-key-wallet.ts";

export interface Funding {
  /** Different numbers give different coins. */
  readonly number: number;
  readonly value: bigint;
  readonly branch?: Branch;
  readonly index?: number;
  readonly vout?: number;
  /** Of a Taproot input of the transaction that pays the coin: none by default. */
  readonly witness?: readonly Uint8Array[];
  /** Further outputs behind the coin. */
  readonly more?: readonly TransactionOutput[];
}

/** The transaction that pays a coin to the wallet, as its output `vout`. */
export function fundingTransaction(wallet: Wallet, funding: Funding): RawTransaction {
  const { number, value, branch = 0, index = 0, vout = 0, witness = [], more = [] } = funding;
  const { scriptPubKey } = deriveScript(wallet, branch, index);
  const others = Array.from({ length: vout }, (_, i) => ({ value: 1_000n + BigInt(i), script: Uint8Array.of(0x51) }));
  return {
    version: 2,
    inputs: [{ outpoint: { txid: txidOfNumber(number), vout: 0 }, scriptSig: new Uint8Array(), sequence: 1, witness }],
    outputs: [...others, { value, script: scriptPubKey }, ...more],
    locktime: 0,
  };
}

/** A coin as `buildPayment` takes it. */
export function fundedCoin(wallet: Wallet, funding: Funding): SpentCoin & { readonly previous: Uint8Array } {
  const transaction = fundingTransaction(wallet, funding);
  return {
    outpoint: { txid: txidOf(transaction), vout: funding.vout ?? 0 },
    value: sats(funding.value),
    branch: funding.branch ?? 0,
    index: funding.index ?? 0,
    previous: serializeTransaction(transaction),
  };
}
