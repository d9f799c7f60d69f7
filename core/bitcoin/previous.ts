/**
 * The transactions that made the coins of a payment. A BIP143 signature commits to the value of its own coin only: whoever
 * lies about the others makes signers burn the difference as fee. So a P2WPKH payment carries every previous transaction
 * whole (BIP174's non-witness UTXO), and each must be the one that its outpoint names.
 */
import { equalBytes } from "@conclave/bytes";
import { outpointKey } from "./coins.ts";
import type { Outpoint } from "./coins.ts";
import { PaymentRefused } from "./payment-view.ts";
import { parseTransaction, serializeStripped, TransactionError, txidOf } from "./transaction.ts";
import type { RawTransaction, TransactionOutput } from "./transaction.ts";

/**
 * All previous transactions of one payment, without witnesses, each as often as an input names it. Nothing above 100,000
 * bytes is relayed, so any three coins fit, and twenty whose transactions have 19,000 bytes, some 600 outputs, each.
 */
export const MAX_PREVIOUS_BYTES = 380_000;

/** The bytes that a txid is the hash of. Witnesses prove nothing about outputs. Throws `TransactionError`. */
export const stripWitnesses = (rawTx: Uint8Array): Uint8Array => serializeStripped(parseTransaction(rawTx));

/** A coin and what is claimed about it. */
export interface ClaimedCoin extends TransactionOutput {
  readonly outpoint: Outpoint;
}

/** The transaction that made a coin, or why `previous` is not that. Throws `PaymentRefused` with a `previous-…` code. */
export function readPrevious(
  { outpoint, value, script }: ClaimedCoin,
  previous: Uint8Array | undefined,
): RawTransaction {
  const where = `input ${outpointKey(outpoint)}`;
  if (previous === undefined) {
    throw new PaymentRefused(
      "previous-missing",
      `${where} lacks the transaction that made the coin: P2WPKH signers want it whole, so fetch it from the chain`,
    );
  }
  const transaction = parsePrevious(previous, where);
  const txid = txidOf(transaction);
  if (txid !== outpoint.txid) {
    throw new PaymentRefused("previous-other-txid", `${where} comes with transaction ${txid} instead of its own`);
  }
  const output = transaction.outputs[outpoint.vout];
  if (output === undefined || output.value !== value || !equalBytes(output.script, script)) {
    throw new PaymentRefused(
      "previous-output-differs",
      `${where} is not worth ${value} sat of this wallet's by the transaction that made it`,
    );
  }
  return transaction;
}

function parsePrevious(previous: Uint8Array, where: string): RawTransaction {
  try {
    return parseTransaction(previous);
  } catch (cause) {
    if (!(cause instanceof TransactionError)) throw cause;
    throw new PaymentRefused("previous-not-a-transaction", `${where} comes with bytes that are no transaction`, {
      cause,
    });
  }
}

/** Throws `PaymentRefused` if the previous transactions of a payment are too large together. */
export function checkPreviousSize(previous: readonly { readonly length: number }[]): void {
  const bytes = previous.reduce((sum, { length }) => sum + length, 0);
  if (bytes > MAX_PREVIOUS_BYTES) {
    throw new PaymentRefused(
      "previous-too-large",
      `the transactions that made the coins have ${bytes} bytes where ${MAX_PREVIOUS_BYTES} fit: spend fewer coins at once`,
    );
  }
}
