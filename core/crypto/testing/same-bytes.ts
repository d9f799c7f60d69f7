import { toHex } from "@conclave/bytes";
import assert from "node:assert/strict";

/** How many bytes around the first difference a failure shows. */
const WINDOW = 16;

/**
 * Fails unless both arrays hold the same bytes, and says where they begin to differ. `assert.deepEqual` would print the
 * difference of two long arrays, which takes minutes and gigabytes.
 */
export function sameBytes(actual: Uint8Array, expected: Uint8Array, what = "bytes"): void {
  assert.equal(actual.length, expected.length, `${what}: length`);
  const at = actual.findIndex((byte, i) => byte !== expected[i]);
  if (at === -1) return;
  const [found, wanted] = [actual, expected].map((bytes) => toHex(bytes.subarray(at, at + WINDOW)));
  assert.fail(`${what}: from byte ${at} of ${actual.length} on ${found}…, expected ${wanted}…`);
}
