import { crypto, payments, script, Transaction } from "bitcoinjs-lib";
import * as ecc from "tiny-secp256k1";
import { refuse } from "./rejected.ts";
import type { Output } from "./script-index.ts";
import { scriptKind } from "./scripts.ts";

/**
 * Checks that input `index` is allowed to spend `prevouts[index]`. Throws `Rejected`.
 *
 * A template check, not an interpreter: it knows P2WPKH (BIP141, BIP143), the key path of P2TR (BIP341) and the
 * faucet's OP_TRUE, and refuses everything else. The structural rules beside each signature check matter as much as the
 * signature: bitcoinjs-lib alone would take an annex, a 65-byte Schnorr signature ending in 00 or a filled scriptSig.
 */
export function checkSpend(tx: Transaction, index: number, prevouts: readonly Output[]): void {
  switch (scriptKind(prevouts[index]!.script)) {
    case "v0_p2wpkh":
      return checkWitnessPublicKeyHash(tx, index, prevouts[index]!);
    case "v1_p2tr":
      return checkTaprootKeyPath(tx, index, prevouts);
    case "anyone_can_spend":
      return checkAnyoneCanSpend(tx, index);
    default:
      return refuse(`bad-txns-nonstandard-inputs, input ${index}: this chain verifies P2WPKH and P2TR key spends only`);
  }
}

const fail = (index: number, reason: string): never =>
  refuse(`mandatory-script-verify-flag-failed (${reason}), input ${index}`);

/** All, none or single, each also with "anyone can pay" (BIP143; strict encoding, policy). */
const HASH_TYPES = new Set([0x01, 0x02, 0x03, 0x81, 0x82, 0x83]);
const SIGHASH_SINGLE = 0x03;

function checkWitnessPublicKeyHash(tx: Transaction, index: number, prevout: Output): void {
  const { script: scriptSig, witness } = tx.ins[index]!;
  if (scriptSig.length !== 0) fail(index, "Witness requires empty scriptSig");
  if (witness.length !== 2) fail(index, "Witness program hash mismatch");
  const [signature, publicKey] = witness as [Uint8Array, Uint8Array];
  const hash = prevout.script.slice(2);
  if (publicKey.length !== 33 || !ecc.isPointCompressed(publicKey)) {
    fail(index, "Using non-compressed keys in segwit");
  }
  if (Buffer.compare(crypto.hash160(publicKey), hash) !== 0) {
    fail(index, "Script failed an OP_EQUALVERIFY operation");
  }
  const { compact, hashType } = decodeSignature(signature, index);
  const digest = tx.hashForWitnessV0(index, payments.p2pkh({ hash }).output!, prevout.value, hashType);
  if (!ecc.verify(digest, publicKey, compact)) {
    fail(index, "Signature must be zero for failed CHECK(MULTI)SIG operation");
  }
  if (!ecc.verify(digest, publicKey, compact, true)) {
    fail(index, "Non-canonical signature: S value is unnecessarily high");
  }
}

function decodeSignature(signature: Uint8Array, index: number): { compact: Uint8Array; hashType: number } {
  const hashType = signature.at(-1) ?? fail(index, "Signature must be zero for failed CHECK(MULTI)SIG operation");
  if (!script.isCanonicalScriptSignature(signature)) {
    // The library's check covers DER and hash type; told apart here because Core names them differently.
    fail(
      index,
      HASH_TYPES.has(hashType) ? "Non-canonical DER signature" : "Signature hash type missing or not understood",
    );
  }
  try {
    return { compact: script.signature.decode(signature).signature, hashType };
  } catch {
    return fail(index, "Non-canonical DER signature"); // r or s longer than 32 bytes
  }
}

function checkTaprootKeyPath(tx: Transaction, index: number, prevouts: readonly Output[]): void {
  const { script: scriptSig, witness } = tx.ins[index]!;
  if (scriptSig.length !== 0) fail(index, "Witness requires empty scriptSig");
  if (witness.length === 0) fail(index, "Witness program was passed an empty witness");
  if (witness.length !== 1) fail(index, "only the key path without annex is spendable here");
  const signature = witness[0]!;
  if (signature.length !== 64 && signature.length !== 65) fail(index, "Invalid Schnorr signature size");
  const hashType = signature.length === 65 ? signature[64]! : Transaction.SIGHASH_DEFAULT;
  if (signature.length === 65 && !HASH_TYPES.has(hashType)) fail(index, "Invalid Schnorr signature hash type");
  if ((hashType & 0x03) === SIGHASH_SINGLE && index >= tx.outs.length) {
    fail(index, "Invalid Schnorr signature hash type"); // BIP341: SINGLE without a matching output fails
  }
  const scripts = prevouts.map((output) => output.script);
  const values = prevouts.map((output) => output.value);
  const digest = tx.hashForWitnessV1(index, scripts, values, hashType);
  const outputKey = prevouts[index]!.script.slice(2);
  if (!ecc.isXOnlyPoint(outputKey) || !ecc.verifySchnorr(digest, outputKey, signature.slice(0, 64))) {
    fail(index, "Invalid Schnorr signature");
  }
}

function checkAnyoneCanSpend(tx: Transaction, index: number): void {
  const { script: scriptSig, witness } = tx.ins[index]!;
  if (scriptSig.length !== 0 || witness.length !== 0) fail(index, "an OP_TRUE coin is spent with nothing at all");
}
