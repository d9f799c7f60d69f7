/** Raw transactions: strict reading, and the ids that name them. */
import { equalBytes, fromHex, toHex } from "@conclave/bytes";
import { sha256 } from "@noble/hashes/sha2.js";
import { RawOldTx, RawTx } from "@scure/btc-signer/script.js";
import { printHash } from "./coins.ts";
import type { Outpoint } from "./coins.ts";

/** One input with its witness; empty for none. */
export interface TransactionInput {
  readonly outpoint: Outpoint;
  readonly scriptSig: Uint8Array;
  readonly sequence: number;
  readonly witness: readonly Uint8Array[];
}

/** One output; its value in satoshis as the bytes say, in range or not. */
export interface TransactionOutput {
  readonly value: bigint;
  readonly script: Uint8Array;
}

/** A transaction as its bytes say, judged by nobody. */
export interface RawTransaction {
  readonly version: number;
  readonly inputs: readonly TransactionInput[];
  readonly outputs: readonly TransactionOutput[];
  readonly locktime: number;
}

/** Bytes that are no transaction, or not its one serialization. */
export class TransactionError extends Error {
  override readonly name = "TransactionError";
}

/** Weight 4,000,000 allows no larger serialization in any block. */
const MAX_TRANSACTION_BYTES = 4_000_000;

/** Double SHA-256. */
export const hash256 = (bytes: Uint8Array): Uint8Array => sha256(sha256(bytes));

/** Reads a transaction with or without witnesses (BIP144). Throws `TransactionError`, also on trailing or redundant bytes. */
export function parseTransaction(raw: Uint8Array): RawTransaction {
  if (raw.length > MAX_TRANSACTION_BYTES)
    throw new TransactionError(`a transaction of ${raw.length} bytes fits no block`);
  const decoded = decodeRaw(raw);
  const transaction: RawTransaction = {
    version: decoded.version,
    inputs: decoded.inputs.map((input, i) => ({
      outpoint: { txid: toHex(input.txid), vout: input.index },
      scriptSig: input.finalScriptSig,
      sequence: input.sequence,
      witness: decoded.witnesses?.[i] ?? [],
    })),
    outputs: decoded.outputs.map(({ amount, script }) => ({ value: amount, script })),
    locktime: decoded.lockTime,
  };
  if (transaction.inputs.length === 0) throw new TransactionError("a transaction spends something");
  if (!equalBytes(serializeTransaction(transaction), raw))
    throw new TransactionError("not the canonical serialization");
  return transaction;
}

function decodeRaw(raw: Uint8Array): ReturnType<typeof RawTx.decode> {
  try {
    return RawTx.decode(raw);
  } catch (cause) {
    throw new TransactionError("the bytes are not a Bitcoin transaction", { cause });
  }
}

/** BIP144 bytes; without any witness, the old form. */
export function serializeTransaction(transaction: RawTransaction): Uint8Array {
  const witnesses = transaction.inputs.map(({ witness }) => witness.map(ownBytes));
  const segwitFlag = witnesses.some((items) => items.length > 0);
  return RawTx.encode({ ...wireParts(transaction), segwitFlag, ...(segwitFlag ? { witnesses } : {}) });
}

/** The bytes that a txid is the hash of: no witnesses. */
export const serializeStripped = (transaction: RawTransaction): Uint8Array => RawOldTx.encode(wireParts(transaction));

/** A copy in memory of its own, as the encoders' types ask for. */
export const ownBytes = (bytes: Uint8Array): Uint8Array<ArrayBuffer> => Uint8Array.from(bytes);

/** The fields that RawTx, RawOldTx and a PSBT share. */
export const wireParts = ({ version, inputs, outputs, locktime }: RawTransaction) => ({
  version,
  inputs: inputs.map(({ outpoint, scriptSig, sequence }) => ({
    txid: ownBytes(fromHex(outpoint.txid)),
    index: outpoint.vout,
    finalScriptSig: ownBytes(scriptSig),
    sequence,
  })),
  outputs: outputs.map(({ value, script }) => ({ amount: value, script: ownBytes(script) })),
  lockTime: locktime,
});

/** Printed id of a transaction. */
export const txidOf = (transaction: RawTransaction): string => printHash(hash256(serializeStripped(transaction)));

/** BIP141 weight. */
export const weightOf = (transaction: RawTransaction): number =>
  3 * serializeStripped(transaction).length + serializeTransaction(transaction).length;
