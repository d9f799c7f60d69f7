/** RFC 9380 hash_to_field with SHA-256, as far as RFC 9591 §6.5 uses it: one element of a prime field, L = 48 bytes. */
import { assert, concatBytes, xorBytes } from "@conclave/bytes";
import type { Group } from "@conclave/crypto";
import { sha256 } from "@noble/hashes/sha2.js";

/** Input block of SHA-256, in bytes: `s_in_bytes` of RFC 9380. */
const BLOCK_BYTES = 64;
const DIGEST_BYTES = 32;

/** L = ⌈(⌈log2 q⌉ + 128) / 8⌉ for a 256-bit q (RFC 9380 §5.1): the bias of the reduction is below 2^-128. */
const ELEMENT_BYTES = 48;

/** Uniform bytes from a message, separated by `domain` (RFC 9380 §5.3.1, expand_message_xmd). */
export function expandMessage(message: Uint8Array, domain: Uint8Array, length: number): Uint8Array {
  const blocks = Math.ceil(length / DIGEST_BYTES);
  assert(blocks <= 255 && domain.length <= 255, "expand_message_xmd makes at most 255 blocks, for a tag of 255 bytes");
  const domainPrime = concatBytes(domain, Uint8Array.of(domain.length));
  const lengthBytes = Uint8Array.of(length >>> 8, length & 0xff, 0);
  const b0 = sha256(concatBytes(new Uint8Array(BLOCK_BYTES), message, lengthBytes, domainPrime));
  const output: Uint8Array[] = [];
  for (let i = 1; i <= blocks; i++) {
    const previous = output.at(-1);
    const chained = previous === undefined ? b0 : xorBytes(b0, previous);
    output.push(sha256(concatBytes(chained, Uint8Array.of(i), domainPrime)));
  }
  return concatBytes(...output).subarray(0, length);
}

/** hash_to_field(message, 1) into the scalars of `group` (RFC 9380 §5.2). */
export const hashToScalar = (group: Group, message: Uint8Array, domain: Uint8Array): bigint =>
  group.reduce(expandMessage(message, domain, ELEMENT_BYTES));
