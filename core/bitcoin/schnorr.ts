/** BIP340 verification on the group of `@conclave/crypto`. Signing is the business of the threshold scheme alone. */
import { concatBytes, equalBytes } from "@conclave/bytes";
import type { Point } from "@conclave/crypto";
import { secp256k1Group, taggedHash, xOnly } from "@conclave/crypto";

/** BIP340's Verify(pk, m, sig) for a 32-byte x-only key. False for anything malformed; never throws. */
export function verifySchnorr(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (publicKey.length !== 32 || signature.length !== 64) return false;
  const r = signature.subarray(0, 32);
  const point = attempt(() => secp256k1Group.decode(concatBytes(Uint8Array.of(2), publicKey)));
  const s = attempt(() => secp256k1Group.decodeScalar(signature.subarray(32)));
  if (point === undefined || s === undefined) return false;
  const challenge = secp256k1Group.reduce(taggedHash("BIP0340/challenge", r, publicKey, message));
  // R = s·G − e·P
  const nonce: Point = secp256k1Group.combine([secp256k1Group.generator, secp256k1Group.negate(point)], [s, challenge]);
  return (
    !secp256k1Group.isIdentity(nonce) && secp256k1Group.hasEvenY(nonce) && equalBytes(xOnly(secp256k1Group, nonce), r)
  );
}

function attempt<T>(decode: () => T): T | undefined {
  try {
    return decode();
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}
