import { encode as cborEncode } from "cborg";
import fc from "fast-check";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { encodeCbor, type Cbor } from "./cbor.ts";
import { fromHex, toHex } from "./index.ts";

/** RFC 8949, appendix A: those of its values that our data model has. */
const RFC_8949: readonly (readonly [Cbor, string])[] = [
  [0, "00"],
  [1, "01"],
  [10, "0a"],
  [23, "17"],
  [24, "1818"],
  [25, "1819"],
  [100, "1864"],
  [1000, "1903e8"],
  [1_000_000, "1a000f4240"],
  [1_000_000_000_000, "1b000000e8d4a51000"],
  [18446744073709551615n, "1bffffffffffffffff"],
  [-18446744073709551616n, "3bffffffffffffffff"],
  [-1, "20"],
  [-10, "29"],
  [-100, "3863"],
  [-1000, "3903e7"],
  [1.1, "fb3ff199999999999a"],
  [false, "f4"],
  [true, "f5"],
  [null, "f6"],
  [new Uint8Array(0), "40"],
  [Uint8Array.of(1, 2, 3, 4), "4401020304"],
  ["", "60"],
  ["a", "6161"],
  ["IETF", "6449455446"],
  ['"\\', "62225c"],
  ["\u00fc", "62c3bc"],
  ["\u6c34", "63e6b0b4"],
  ["\ud800\udd51", "64f0908591"],
  [[], "80"],
  [[1, 2, 3], "83010203"],
  [[1, [2, 3], [4, 5]], "8301820203820405"],
  [Array.from({ length: 25 }, (_, i) => i + 1), "98190102030405060708090a0b0c0d0e0f101112131415161718181819"],
];

const integer = fc.oneof(
  fc.maxSafeInteger(),
  fc.integer({ min: -70_000, max: 70_000 }),
  // Both sides of every length of a head.
  fc.constantFrom(...[5, 8, 16, 32, 52].flatMap((bits) => [-1, 0, 1].map((off) => 2 ** bits + off))),
  fc.constantFrom(...[5, 8, 16, 32, 52].flatMap((bits) => [-1, 0, 1].map((off) => off - 2 ** bits))),
);
const leaf: fc.Arbitrary<Cbor> = fc.oneof(
  integer,
  fc.bigInt({ min: -(2n ** 64n), max: 2n ** 64n - 1n }),
  fc.double(),
  fc.string({ unit: "binary", maxLength: 300 }),
  fc.boolean(),
  fc.constant(null),
  fc.uint8Array({ maxLength: 300 }),
);
const value = fc.letrec<{ value: Cbor }>((tie) => ({
  value: fc.oneof(leaf, fc.array(tie("value"), { maxLength: 30 })),
})).value;

describe("the encoding", () => {
  test("is RFC 8949's, in its shortest form", () => {
    for (const [value, hex] of RFC_8949) assert.equal(toHex(encodeCbor(value)), hex);
  });

  test("is what cborg gives, for any value", () => {
    fc.assert(
      fc.property(value, (value) => assert.deepEqual(encodeCbor(value), new Uint8Array(cborEncode(value)))),
      { numRuns: 500 },
    );
  });

  test("has heads of every length", () => {
    for (const length of [23, 24, 255, 256, 65_535, 65_536]) {
      for (const value of [new Uint8Array(length), "x".repeat(length), Array<number>(length).fill(0)]) {
        assert.deepEqual(encodeCbor(value), new Uint8Array(cborEncode(value)), `${length}`);
      }
    }
  });

  test("lies in memory of its own, which no other encoding shares", () => {
    const encoded = encodeCbor(["conclave", fromHex("00ff")]);
    assert.equal(encoded.buffer.byteLength, encoded.length);
  });
});
