/** ECDSA verification (SEC 1 §4.1.4) and strict DER on the group of `@conclave/crypto`. Signing is the threshold scheme's. */
import { concatBytes, equalBytes } from "@conclave/bytes";
import { invert, mod, secp256k1Group, xOnly, type Group } from "@conclave/crypto";
import { attempt } from "./schnorr.ts";

/** r ‖ s ‖ recovery id, 32 + 32 + 1 bytes, big-endian. */
export const COMPACT_SIGNATURE_BYTES = 65;

/**
 * True for the one compact signature that low s (BIP146) leaves for a nonce: r and s in range and not 0, s at most half the
 * order, and a recovery id that names the very point R (bit 0: odd y; bit 1: its x is r plus the order). `digest` is 32
 * bytes, `publicKey` 33. False for anything malformed; never throws. `group` as in `verifySchnorr`.
 */
export function verifyEcdsa(
  publicKey: Uint8Array,
  digest: Uint8Array,
  signature: Uint8Array,
  group: Group = secp256k1Group,
): boolean {
  if (digest.length !== 32 || signature.length !== COMPACT_SIGNATURE_BYTES) return false;
  const { order, generator } = group;
  const point = attempt(() => group.decode(publicKey));
  const r = attempt(() => group.decodeScalar(signature.subarray(0, 32)));
  const s = attempt(() => group.decodeScalar(signature.subarray(32, 64)));
  if (point === undefined || r === undefined || s === undefined) return false;
  if (r === 0n || s === 0n || s > order / 2n) return false;
  const inverse = invert(s, order);
  const [u1, u2] = [mod(group.reduce(digest) * inverse, order), mod(r * inverse, order)];
  const nonce = group.combine([generator, point], [u1, u2]);
  if (group.isIdentity(nonce)) return false;
  const x = xOnly(group, nonce);
  if (group.reduce(x) !== r) return false;
  const reduced = !equalBytes(x, group.encodeScalar(r));
  return signature[64] === (group.hasEvenY(nonce) ? 0 : 1) + (reduced ? 2 : 0);
}

const DER_SEQUENCE = 0x30;
const DER_INTEGER = 0x02;

/** BIP66's strict DER of a compact signature: 8 to 71 bytes if s is low. */
export function derSignature(signature: Uint8Array): Uint8Array {
  const body = concatBytes(derInteger(signature.subarray(0, 32)), derInteger(signature.subarray(32, 64)));
  return concatBytes(Uint8Array.of(DER_SEQUENCE, body.length), body);
}

/** No zero bytes in front, but for the one that keeps a high bit from meaning a negative number. */
function derInteger(bigEndian: Uint8Array): Uint8Array {
  const first = bigEndian.findIndex((byte) => byte !== 0);
  const digits = bigEndian.subarray(first < 0 ? bigEndian.length - 1 : first);
  const padding = digits[0]! >= 0x80 ? [0] : [];
  return concatBytes(Uint8Array.of(DER_INTEGER, padding.length + digits.length, ...padding), digits);
}
