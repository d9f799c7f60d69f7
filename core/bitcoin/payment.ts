/**
 * A payment as concrete bytes: a PSBT (BIP174 version 0, for Taproot with BIP371's fields) that is a function of what it
 * pays and spends. Whoever reads one rebuilds it from its own understanding and accepts only equal bytes, so nothing can
 * hide in it.
 */
import { assert, concatBytes, compareBytes } from "@conclave/bytes";
import { RawPSBTV0 } from "@scure/btc-signer/psbt.js";
import { compareOutpoints } from "./coins.ts";
import type { Coin } from "./coins.ts";
import { CHANGE, deriveScript, fingerprint } from "./descriptor.ts";
import type { Wallet, WalletScript } from "./descriptor.ts";
import { checkPreviousSize, readPrevious } from "./previous.ts";
import type { Sats } from "./sats.ts";
import { ownBytes, serializeStripped, wireParts } from "./transaction.ts";
import type { RawTransaction, TransactionOutput } from "./transaction.ts";

/** Transactions of version 2, as Bitcoin Core makes them. */
export const TRANSACTION_VERSION = 2;
/** BIP125: signals that the payment may be replaced by one with a higher fee; keeps the locktime effective. */
export const REPLACEABLE_SEQUENCE = 0xffff_fffd;
/** Locktimes from here on would be timestamps. */
export const LOCKTIME_THRESHOLD = 500_000_000;
/** One input is one signing ceremony: more would take too long. */
export const MAX_INPUTS = 20;
/** What most nodes relay in one OP_RETURN output. */
export const MAX_METADATA_BYTES = 80;

/** What a payment says about a coin that it spends. `previous` is required for P2WPKH and ignored for Taproot. */
export type SpentCoin = Pick<Coin, "outpoint" | "value" | "branch" | "index" | "previous">;

/** Everything that decides the bytes of a payment. */
export interface PaymentParts {
  readonly inputs: readonly SpentCoin[];
  /** Null for a cancellation, which pays only ourselves. */
  readonly recipient: { readonly script: Uint8Array; readonly value: Sats } | null;
  /** Up to 80 bytes that the transaction publishes, or null. */
  readonly metadata: Uint8Array | null;
  readonly change: { readonly index: number; readonly value: Sats } | null;
  /** Height of the chain tip, so that the payment cannot be mined into an earlier block to steal its fee. */
  readonly locktime: number;
}

/**
 * The PSBT of a payment. Inputs and outputs are in BIP69's order, which tells nobody which output is the change. Throws
 * `PaymentRefused` with a `previous-…` code for a P2WPKH coin without the transaction that made it.
 */
export function buildPayment(wallet: Wallet, parts: PaymentParts): Uint8Array {
  const { metadata, recipient, change, locktime } = parts;
  assert(parts.inputs.length >= 1 && parts.inputs.length <= MAX_INPUTS, `a payment has 1 to ${MAX_INPUTS} inputs`);
  assert(recipient !== null || change !== null, "a payment pays somebody");
  assert(
    metadata === null || (metadata.length > 0 && metadata.length <= MAX_METADATA_BYTES),
    "metadata is 1 to 80 bytes",
  );
  assert(Number.isInteger(locktime) && locktime >= 0 && locktime < LOCKTIME_THRESHOLD, "a locktime is a block height");
  const inputs = parts.inputs
    .toSorted((a, b) => compareOutpoints(a.outpoint, b.outpoint))
    .map((coin) => ({ ...coin, own: deriveScript(wallet, coin.branch, coin.index) }));
  const outputs = orderedOutputs(wallet, parts);
  const transaction = unsignedTransaction({ inputs, outputs, locktime });
  const previous = wallet.scriptType === "p2tr" ? [] : inputs.map(provenPrevious);
  checkPreviousSize(previous.map(serializeStripped));
  return RawPSBTV0.encode({
    global: { unsignedTx: wireParts(transaction) },
    inputs: inputs.map(({ value, own }, i) =>
      Object.assign(keyOrigin(wallet, own), nonWitnessUtxo(previous[i]), {
        witnessUtxo: { amount: value, script: ownBytes(own.scriptPubKey) },
      }),
    ),
    outputs: outputs.map(({ own }) => (own === null ? {} : keyOrigin(wallet, own))),
  });
}

const provenPrevious = ({ outpoint, value, previous, own }: SpentCoin & { readonly own: WalletScript }) =>
  readPrevious({ outpoint, value, script: own.scriptPubKey }, previous);

/** Without witnesses, as Bitcoin Core writes it: the txid proves the outputs and needs no more. */
const nonWitnessUtxo = (transaction: RawTransaction | undefined) =>
  transaction === undefined
    ? {}
    : { nonWitnessUtxo: { ...wireParts(transaction), segwitFlag: false, witnesses: undefined } };

/** The transaction that the signatures of a payment belong to, before they exist. */
export function unsignedTransaction(parts: {
  readonly inputs: readonly Pick<Coin, "outpoint">[];
  readonly outputs: readonly TransactionOutput[];
  readonly locktime: number;
}): RawTransaction {
  return {
    version: TRANSACTION_VERSION,
    inputs: parts.inputs.map(({ outpoint }) => ({
      outpoint,
      scriptSig: new Uint8Array(),
      sequence: REPLACEABLE_SEQUENCE,
      witness: [],
    })),
    outputs: parts.outputs,
    locktime: parts.locktime,
  };
}

interface PlannedOutput {
  readonly value: Sats;
  readonly script: Uint8Array;
  readonly own: WalletScript | null;
}

const ZERO = 0n as Sats;

function orderedOutputs(wallet: Wallet, { recipient, metadata, change }: PaymentParts): readonly PlannedOutput[] {
  const outputs: PlannedOutput[] = [];
  if (recipient !== null) outputs.push({ ...recipient, own: null });
  if (metadata !== null) outputs.push({ value: ZERO, script: metadataScript(metadata), own: null });
  if (change !== null) {
    const own = deriveScript(wallet, CHANGE, change.index);
    outputs.push({ value: change.value, script: own.scriptPubKey, own });
  }
  return outputs.toSorted(compareOutputs);
}

/** BIP69's order of outputs: by value, then script. */
export const compareOutputs = (a: TransactionOutput, b: TransactionOutput): number =>
  a.value < b.value ? -1 : a.value > b.value ? 1 : compareBytes(a.script, b.script);

/** Which of our keys an input or a change output belongs to (BIP174, BIP371). The path starts at the descriptor's key. */
function keyOrigin(wallet: Wallet, own: WalletScript): KeyOrigin {
  const der = { fingerprint: fingerprint(wallet), path: [own.branch, own.index] };
  if (own.scriptType === "p2wpkh") return { bip32Derivation: [[ownBytes(own.outputKey), der]] };
  const key = ownBytes(own.internalKey);
  return { tapInternalKey: key, tapBip32Derivation: [[key, { hashes: [], der }]] };
}

type Bytes = Uint8Array<ArrayBuffer>;
interface KeyPath {
  fingerprint: number;
  path: number[];
}
interface KeyOrigin {
  bip32Derivation?: [Bytes, KeyPath][];
  tapInternalKey?: Bytes;
  tapBip32Derivation?: [Bytes, { hashes: Bytes[]; der: KeyPath }][];
}

const OP_RETURN = 0x6a;
const OP_PUSHDATA1 = 0x4c;

/** OP_RETURN and one push in its shortest form. */
export function metadataScript(metadata: Uint8Array): Uint8Array {
  const push = metadata.length < OP_PUSHDATA1 ? [metadata.length] : [OP_PUSHDATA1, metadata.length];
  return concatBytes(Uint8Array.of(OP_RETURN, ...push), metadata);
}
