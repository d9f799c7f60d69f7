/** ECDSA verification (SEC 1 §4.1.4) and strict DER on the group of `@conclave/crypto`. Signing is the threshold scheme's. */
import { concatBytes } from "@conclave/bytes";
import { secp256k1Group, verifyEcdsa as verifyUnder, type Group } from "@conclave/crypto";
import { attempt } from "./schnorr.ts";

/**
 * True for the one compact signature (r ‖ s ‖ recovery id, 65 bytes) that low s (BIP146) leaves for a nonce. `digest` is 32
 * bytes, `publicKey` 33. False for anything malformed; never throws. `group` as in `verifySchnorr`.
 */
export function verifyEcdsa(
  publicKey: Uint8Array,
  digest: Uint8Array,
  signature: Uint8Array,
  group: Group = secp256k1Group,
): boolean {
  const point = attempt(() => group.decode(publicKey));
  return point !== undefined && verifyUnder(group, point, digest, signature);
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
