import { AssertionError } from "@conclave/bytes";
import fc from "fast-check";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { addRepeated, addSelected, sumOf, swapHalves } from "./xor.ts";

/** Whole words of bytes that begin anywhere in a larger buffer. */
const words = (count: number): fc.Arbitrary<Uint8Array> =>
  fc
    .tuple(fc.uint8Array({ minLength: 4 * count + 4, maxLength: 4 * count + 4 }), fc.nat({ max: 4 }))
    .map(([bytes, from]) => bytes.subarray(from, from + 4 * count));
const size = fc.integer({ min: 1, max: 6 });
const bytewise = (a: Uint8Array, b: (i: number) => number): Uint8Array => a.map((byte, i) => byte ^ b(i));

describe("sums of byte strings, against bytewise ones,", () => {
  test("of one part again and again", () => {
    const input = fc.tuple(size, size).chain(([part, times]) => fc.tuple(words(part * times), words(part)));
    fc.assert(
      fc.property(input, ([target, part]) => {
        const expected = bytewise(target, (i) => part[i % part.length]!);
        addRepeated(target, part);
        assert.deepEqual(target, expected);
      }),
    );
  });

  test("of all pieces", () => {
    const input = fc
      .tuple(size, size)
      .chain(([piece, count]) => fc.tuple(fc.constant(4 * piece), words(piece * count)));
    fc.assert(
      fc.property(input, ([length, pieces]) => {
        const expected = Array.from({ length }, (_, i) => pieces.filter((_, at) => at % length === i));
        assert.deepEqual(
          [...sumOf(pieces, length)],
          expected.map((bytes) => bytes.reduce((sum, byte) => sum ^ byte)),
        );
      }),
    );
  });

  test("of the parts whose bit is set, a part for one row, for some, or for all", () => {
    const input = fc
      .tuple(size, fc.constantFrom(1, 2, 4, 8, 16))
      .chain(([row, each]) =>
        fc.tuple(
          fc.constant({ rowBytes: 4 * row, each }),
          words(16 * row),
          words((16 / each) * row),
          fc.uint8Array({ minLength: 2, maxLength: 2 }),
        ),
      );
    fc.assert(
      fc.property(input, ([{ rowBytes, each }, target, parts, bits]) => {
        const expected = bytewise(target, (i) => {
          const row = Math.floor(i / rowBytes);
          const isSet = ((bits[row >> 3]! >> (row & 7)) & 1) === 1;
          return isSet ? parts[Math.floor(row / each) * rowBytes + (i % rowBytes)]! : 0;
        });
        addSelected(target, parts, { bits, rowBytes, each });
        assert.deepEqual(target, expected);
      }),
    );
  });
});

test("halves are exchanged, or left", () => {
  fc.assert(
    fc.property(
      size.chain((half) => words(2 * half)),
      (pair) => {
        const [before, half] = [pair.slice(), pair.length / 2];
        swapHalves(pair, 0);
        assert.deepEqual(pair, before);
        swapHalves(pair, 1);
        assert.deepEqual(pair, Uint8Array.of(...before.subarray(half), ...before.subarray(0, half)));
      },
    ),
  );
});

test("lengths that do not fit are refused", () => {
  const of = (length: number): Uint8Array => new Uint8Array(length);
  const refused: Record<string, () => void> = {
    "a part of no whole words": () => addRepeated(of(12), of(6)),
    "a part that does not fit whole times": () => addRepeated(of(12), of(8)),
    "pieces of no whole words": () => sumOf(of(12), 6),
    "pieces with a rest": () => sumOf(of(12), 8),
    "rows of no whole words": () => addSelected(of(16), of(16), { bits: of(1), rowBytes: 2, each: 1 }),
    "another number of rows than bits": () => addSelected(of(36), of(36), { bits: of(1), rowBytes: 4, each: 1 }),
    "another number of parts": () => addSelected(of(32), of(32), { bits: of(1), rowBytes: 4, each: 2 }),
    "halves of no whole words": () => swapHalves(of(12), 1),
  };
  for (const [what, act] of Object.entries(refused)) assert.throws(act, AssertionError, what);
});
