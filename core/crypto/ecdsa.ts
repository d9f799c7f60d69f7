/** ECDSA over secp256k1 (SEC 1 §4.1) on 32-byte digests, with the signature as 65 bytes: r ‖ s ‖ recovery id. */
import { assert, concatBytes } from "@conclave/bytes";
import type { Group, Point } from "./groups/group.ts";
import { invert, mod } from "./groups/scalar.ts";

/** r ‖ s ‖ recovery id: bit 0 is the parity of R's y-coordinate, bit 1 says that its x-coordinate is not below q. */
export const COMPACT_SIGNATURE_BYTES = 65;

const DIGEST_BYTES = 32;
const ODD_Y = 1;
const X_NOT_REDUCED = 2;

/** What SEC 1 §4.1.3 takes from R: r, and how R is found again from it. */
export interface NonceCoordinate {
  /** x(R) mod q. Zero for a point that cannot be used. */
  readonly r: bigint;
  readonly recovery: number;
}

/** SEC 1 §4.1.3 steps 2 and 3, for R in its 33 bytes. */
export function nonceCoordinate(group: Group, R: Uint8Array): NonceCoordinate {
  const x = R.subarray(1);
  const r = group.reduce(x);
  const overflow = group.encodeScalar(r).some((byte, i) => byte !== x[i]);
  return { r, recovery: (R[0] === 3 ? ODD_Y : 0) | (overflow ? X_NOT_REDUCED : 0) };
}

/** SEC 1 §4.1.3 step 5: the leftmost 256 bits of the digest, mod q. */
export function digestScalar(group: Group, digest: Uint8Array): bigint {
  assert(digest.length === DIGEST_BYTES, "a digest is 32 bytes");
  return group.reduce(digest);
}

/** The signature with the lower of the two values of s (BIP146): the other belongs to −R. */
export function encodeSignature(group: Group, { r, recovery }: NonceCoordinate, s: bigint): Uint8Array {
  const high = s > group.order / 2n;
  return concatBytes(
    group.encodeScalar(r),
    group.encodeScalar(high ? group.order - s : s),
    Uint8Array.of(high ? recovery ^ ODD_Y : recovery),
  );
}

/**
 * SEC 1 §4.1.4, strict: r and s in [1, q), s in the lower half, and a recovery id that gives back the R that was found.
 * False for anything wrong; never throws on a peer's bytes.
 */
export function verifyEcdsa(group: Group, publicKey: Point, digest: Uint8Array, signature: Uint8Array): boolean {
  if (signature.length !== COMPACT_SIGNATURE_BYTES || digest.length !== DIGEST_BYTES) return false;
  const [r, s] = [scalarOrZero(group, signature.subarray(0, 32)), scalarOrZero(group, signature.subarray(32, 64))];
  if (r === 0n || s === 0n || s > group.order / 2n) return false;
  const inverse = invert(s, group.order);
  const weights = [digestScalar(group, digest) * inverse, r * inverse].map((weight) => mod(weight, group.order));
  const R = group.combine([group.generator, publicKey], weights);
  if (group.isIdentity(R)) return false;
  const found = nonceCoordinate(group, group.encode(R));
  return found.r === r && found.recovery === signature[64];
}

/** Zero, which no signature may hold, for bytes that are no scalar. */
function scalarOrZero(group: Group, bytes: Uint8Array): bigint {
  try {
    return group.decodeScalar(bytes);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return 0n;
  }
}
