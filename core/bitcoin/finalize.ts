/** From an approved payment to what each signing ceremony signs, and from the signatures to the transaction that goes out. */
import { assert, concatBytes } from "@conclave/bytes";
import type { Group, TweakContext } from "@conclave/crypto";
import { outpointKey } from "./coins.ts";
import { tweakOf } from "./descriptor.ts";
import type { Branch, ScriptType, WalletScript } from "./descriptor.ts";
import { derSignature, verifyEcdsa } from "./ecdsa.ts";
import { unsignedTransaction } from "./payment.ts";
import { signedWeight } from "./payment-view.ts";
import type { PaymentView } from "./payment-view.ts";
import { verifySchnorr } from "./schnorr.ts";
import { SIGHASH_ALL, signatureHash } from "./sighash.ts";
import { SIGNATURE_BYTES, virtualSize } from "./size.ts";
import { parseTransaction, serializeStripped, serializeTransaction, txidOf, weightOf } from "./transaction.ts";
import type { RawTransaction } from "./transaction.ts";
import type { Prevout, SignedSpend } from "./verification.ts";

/** What one ceremony signs: `digest`, with the group key that `tweak` gives. */
export interface InputDigest {
  /** Decides the scheme: BIP340 Schnorr for "p2tr", ECDSA for "p2wpkh". */
  readonly scriptType: ScriptType;
  /** 32 bytes: BIP341's signature message hash with SIGHASH_DEFAULT, or BIP143's with SIGHASH_ALL. */
  readonly digest: Uint8Array;
  readonly branch: Branch;
  readonly index: number;
  /** From the group key to the key that signs: branch and index, for Taproot then BIP86. */
  readonly tweak: TweakContext;
  /** Key that the signature must verify under: x-only (32 bytes) for Taproot, compressed (33 bytes) for P2WPKH. */
  readonly outputKey: Uint8Array;
}

/** One digest per input, in order, computed from the payment alone: a signer never signs a hash that it was handed. */
export function inputDigests(view: PaymentView): readonly InputDigest[] {
  const spend = { unsigned: serializeStripped(unsignedTransaction(view)), prevouts: prevoutsOf(view) };
  return view.inputs.map(({ own }, i) => ({
    scriptType: own.scriptType,
    digest: signatureHash(spend, i),
    branch: own.branch,
    index: own.index,
    tweak: tweakOf(own),
    outputKey: own.outputKey,
  }));
}

const prevoutsOf = ({ inputs }: PaymentView): readonly Prevout[] =>
  inputs.map(({ own, value }) => ({ script: own.scriptPubKey, value }));

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
  /** Virtual bytes; for P2WPKH at most those of the payment. */
  readonly vsize: number;
}

/**
 * The transaction of an approved payment with one signature per input, in order: 64 bytes of BIP340 for Taproot; for
 * P2WPKH 65 bytes r ‖ s ‖ recovery id with a low s, as the ECDSA schemes give them. Built from the payment, never from what
 * a peer sends. Throws `SignatureRefused` unless every signature verifies.
 */
export function finalizePayment(view: PaymentView, signatures: readonly Uint8Array[]): SignedTransaction {
  if (signatures.length !== view.inputs.length) {
    throw new SignatureRefused([], `${signatures.length} signatures for ${view.inputs.length} inputs`);
  }
  const wrong = inputDigests(view).flatMap((input, i) =>
    verifies(input, signatures[i]!, view.wallet.group) ? [] : [i],
  );
  if (wrong.length > 0) {
    const names = wrong.map((i) => outpointKey(view.inputs[i]!.outpoint)).join(", ");
    throw new SignatureRefused(wrong, `the signature for ${names} does not verify`);
  }
  const unsigned = unsignedTransaction(view);
  const inputs = unsigned.inputs.map((input, i) => ({
    ...input,
    witness: witnessOf(view.inputs[i]!.own, signatures[i]!),
  }));
  const rawTx = serializeTransaction({ ...unsigned, inputs });
  const transaction = parseTransaction(rawTx);
  assertStructure(view, transaction);
  return { rawTx, prevouts: prevoutsOf(view), txid: view.txid, vsize: virtualSize(weightOf(transaction)) };
}

const verifies = (
  { scriptType, outputKey, digest }: InputDigest,
  signature: Uint8Array,
  group: Group | undefined,
): boolean => (scriptType === "p2tr" ? verifySchnorr : verifyEcdsa)(outputKey, digest, signature, group);

/** BIP341's key path, or BIP141's signature with its hash type and key. */
const witnessOf = ({ scriptType, outputKey }: WalletScript, signature: Uint8Array): readonly Uint8Array[] =>
  scriptType === "p2tr" ? [signature] : [concatBytes(derSignature(signature), Uint8Array.of(SIGHASH_ALL)), outputKey];

/** What BIP141 and BIP341 demand of a spend beyond its signature, read back from the bytes that leave. */
function assertStructure(view: PaymentView, transaction: RawTransaction): void {
  const { scriptType } = view.wallet;
  assert(txidOf(transaction) === view.txid, "signing leaves the txid as it was");
  let shorter = 0;
  for (const { scriptSig, witness } of transaction.inputs) {
    const [signature, publicKey] = witness;
    assert(scriptSig.length === 0, "a native segwit input has no scriptSig");
    assert(signature !== undefined, "a witness begins with its signature");
    if (scriptType === "p2tr") assert(witness.length === 1, "a key path witness is one signature, no annex");
    else assert(witness.length === 2 && publicKey?.length === 33, "a P2WPKH witness is a signature and a key");
    const missing = SIGNATURE_BYTES[scriptType] - signature.length;
    assert(scriptType === "p2tr" ? missing === 0 : missing >= 0, "no signature is longer than its bound");
    shorter += missing;
  }
  // Nothing but short ECDSA signatures may make it lighter than what the fee was computed for.
  assert(
    weightOf(transaction) === signedWeight(view) - shorter,
    "the weight is the promised one, short signatures aside",
  );
}
