/** BIP340 verification on the group of `@conclave/crypto`. Signing is the business of the threshold scheme alone. */
import { concatBytes, equalBytes } from "@conclave/bytes";
import type { Group, Point } from "@conclave/crypto";
import { secp256k1Group, taggedHash, xOnly } from "@conclave/crypto";

/**
 * BIP340's Verify(pk, m, sig) for a 32-byte x-only key. False for anything malformed; never throws. `group`: an engine's, where
 * there is a faster one than the portable.
 */
export function verifySchnorr(
  publicKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
  group: Group = secp256k1Group,
): boolean {
  if (publicKey.length !== 32 || signature.length !== 64) return false;
  const r = signature.subarray(0, 32);
  const point = attempt(() => group.decode(concatBytes(Uint8Array.of(2), publicKey)));
  const s = attempt(() => group.decodeScalar(signature.subarray(32)));
  if (point === undefined || s === undefined) return false;
  const challenge = group.reduce(taggedHash("BIP0340/challenge", r, publicKey, message));
  // R = s·G − e·P
  const nonce: Point = group.combine([group.generator, group.negate(point)], [s, challenge]);
  return !group.isIdentity(nonce) && group.hasEvenY(nonce) && equalBytes(xOnly(group, nonce), r);
}

/** What `decode` gives, or nothing where it throws `RangeError`. */
export function attempt<T>(decode: () => T): T | undefined {
  try {
    return decode();
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}
