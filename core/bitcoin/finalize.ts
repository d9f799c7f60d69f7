/** From an approved payment to what each signing ceremony signs, and from the signatures to the transaction that goes out. */
import { assert } from "@conclave/bytes";
import { Transaction } from "@scure/btc-signer/transaction.js";
import { outpointKey } from "./coins.ts";
import type { Branch } from "./descriptor.ts";
import { unsignedTransaction } from "./payment.ts";
import type { PaymentView } from "./payment-view.ts";
import { verifySchnorr } from "./schnorr.ts";
import { virtualSize } from "./size.ts";
import type { SignedSpend } from "./verification.ts";
import {
  ownBytes,
  serializeStripped,
  serializeTransaction,
  parseTransaction,
  txidOf,
  weightOf,
} from "./transaction.ts";

/** What one ceremony signs: `digest`, with the group key derived along branch and index and tweaked as BIP86 says. */
export interface InputDigest {
  /** BIP341 signature message hash with SIGHASH_DEFAULT, 32 bytes. */
  readonly digest: Uint8Array;
  readonly branch: Branch;
  readonly index: number;
  /** x-only key that the signature must verify under. */
  readonly outputKey: Uint8Array;
}

/** BIP341's hash type that signs everything and adds no byte to the signature. */
const SIGHASH_DEFAULT = 0;

/** One digest per input, in order, computed from the payment alone: a signer never signs a hash that it was handed. */
export function inputDigests(view: PaymentView): readonly InputDigest[] {
  const scripts = view.inputs.map(({ own }) => ownBytes(own.scriptPubKey));
  const values = view.inputs.map(({ value }) => value);
  const stripped = ownBytes(serializeStripped(unsignedTransaction(view)));
  const transaction = Transaction.fromRaw(stripped, { allowUnknownOutputs: true, disableScriptCheck: true });
  return view.inputs.map(({ own }, i) => ({
    digest: transaction.preimageWitnessV1(i, scripts, SIGHASH_DEFAULT, values),
    branch: own.branch,
    index: own.index,
    outputKey: own.outputKey,
  }));
}

/** A signature does not fit its input: `inputs` names every one, counted from 0. */
export class SignatureRefused extends Error {
  override readonly name = "SignatureRefused";
  readonly inputs: readonly number[];
  constructor(inputs: readonly number[], message: string) {
    super(message);
    this.inputs = inputs;
  }
}

/** Ready for a second opinion, then for broadcast. */
export interface SignedTransaction extends SignedSpend {
  readonly txid: string;
  readonly vsize: number;
}

/**
 * The transaction of an approved payment with one 64-byte BIP340 signature per input, in order. Built from the payment,
 * never from what a peer sends. Throws `SignatureRefused` unless every signature verifies.
 */
export function finalizePayment(view: PaymentView, signatures: readonly Uint8Array[]): SignedTransaction {
  if (signatures.length !== view.inputs.length) {
    throw new SignatureRefused([], `${signatures.length} signatures for ${view.inputs.length} inputs`);
  }
  const wrong = inputDigests(view).flatMap(({ digest, outputKey }, i) =>
    verifySchnorr(outputKey, digest, signatures[i] ?? new Uint8Array()) ? [] : [i],
  );
  if (wrong.length > 0) {
    const names = wrong.map((i) => outpointKey(view.inputs[i]!.outpoint)).join(", ");
    throw new SignatureRefused(wrong, `the signature for ${names} does not verify`);
  }
  const unsigned = unsignedTransaction(view);
  const inputs = unsigned.inputs.map(({ outpoint, scriptSig, sequence }, i) => ({
    outpoint,
    scriptSig,
    sequence,
    witness: [signatures[i]!],
  }));
  const rawTx = serializeTransaction({ ...unsigned, inputs });
  assertStructure(view, rawTx);
  const prevouts = view.inputs.map(({ own, value }) => ({ script: own.scriptPubKey, value }));
  return { rawTx, prevouts, txid: view.txid, vsize: view.vsize };
}

/** What BIP141 and BIP341 demand of a key path spend beyond its signature, read back from the bytes that leave. */
function assertStructure(view: PaymentView, rawTx: Uint8Array): void {
  const transaction = parseTransaction(rawTx);
  assert(txidOf(transaction) === view.txid, "signing leaves the txid as it was");
  assert(virtualSize(weightOf(transaction)) === view.vsize, "the size is the one that the fee was computed for");
  for (const { scriptSig, witness } of transaction.inputs) {
    assert(scriptSig.length === 0, "a native segwit input has no scriptSig");
    assert(
      witness.length === 1 && witness[0]?.length === 64,
      "a key path witness is one signature of 64 bytes, no annex",
    );
  }
}
