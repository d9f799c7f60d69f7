import { concatBytes } from "@conclave/bytes";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { mod, secp256k1Group, type OtKernel } from "../index.ts";
import {
  bitOf,
  naiveChecksum,
  naiveColumns,
  naiveExpand,
  naiveGadget,
  naiveHashes,
  scalarBytes,
} from "./naive-ot-kernel.ts";
import { seededRng } from "./rng.ts";
import { sameBytes } from "./same-bytes.ts";

const ORDER = secp256k1Group.order;
const ROWS = 512;
/** Scalars where carries and reductions go wrong first. 2^256 − q is what a digest is at most above q. */
const EDGES = [0n, 1n, ORDER - 1n, ORDER - 2n, 2n ** 255n, 2n ** 256n - 1n - ORDER, 2n ** 128n - 1n];

/** What every `OtKernel` promises: the results of a naive reading of its description, and no memory shared. Registers tests. */
export function otContract(ot: OtKernel): void {
  const rng = seededRng("ot-contract");
  const session = rng(32);
  describe("OT kernel", () => {
    binaryContract(ot, session);
    hashContract(ot, session);
    for (const kind of ["random", "edge"] as const) arithmeticContract(ot, kind);
    wireContract(ot);
    lifeContract(ot, session);
  });
}

function binaryContract(ot: OtKernel, session: Uint8Array): void {
  const rng = seededRng("ot-contract/binary");

  test("expands leaves to ChaCha20 streams and sums them", () => {
    for (const leaves of [rng(64 * 16 * 32), new Uint8Array(64 * 16 * 32), new Uint8Array(64 * 16 * 32).fill(255)]) {
      const { planes, sums } = ot.expandLeaves(session, leaves);
      const expected = naiveExpand(session, leaves);
      sameBytes(planes, expected.planes, "planes");
      sameBytes(sums, expected.sums, "sums");
    }
    const other = rng(32);
    const leaves = rng(64 * 16 * 32);
    sameBytes(ot.expandLeaves(other, leaves).planes, naiveExpand(other, leaves).planes, "planes of another session");
  });

  test("makes checksums in GF(2^128): of random rows, single bits, all ones, nothing", () => {
    const ones = new Uint8Array(80).fill(255);
    const bits = [0, 7, 8, 31, 127, 128, 255, 384, 511, 512, 639].map((bit) =>
      new Uint8Array(80).with(bit >> 3, 1 << (bit & 7)),
    );
    const rows = [rng(80), rng(80), ones, new Uint8Array(80), ...bits];
    const highest = new Uint8Array(64).map((_, i) => (i % 16 === 15 ? 0x80 : 0));
    for (const challenges of [rng(64), new Uint8Array(64), new Uint8Array(64).fill(255), highest]) {
      const expected = concatBytes(...rows.map((row) => naiveChecksum(row, challenges)));
      sameBytes(ot.checksums(concatBytes(...rows), challenges), expected);
      sameBytes(ot.checksums(rows[0]!, challenges), expected.slice(0, 16), "one row");
    }
    const many = rng(256 * 80);
    const challenges = rng(64);
    const last = naiveChecksum(many.subarray(255 * 80), challenges);
    sameBytes(ot.checksums(many, challenges).subarray(255 * 16), last, "256 rows");
  });

  test("transposes the first 512 columns", () => {
    for (const rows of [rng(256 * 80), new Uint8Array(256 * 80).fill(255), new Uint8Array(256 * 80).with(81, 2)]) {
      sameBytes(ot.columns(rows), naiveColumns(rows));
    }
  });
}

function hashContract(ot: OtKernel, session: Uint8Array): void {
  test("hashes columns to scalars, one or three wide", () => {
    const random = seededRng("ot-contract/columns")(ROWS * 32);
    for (const columns of [random, new Uint8Array(ROWS * 32), new Uint8Array(ROWS * 32).fill(255)]) {
      for (const width of [1, 3]) {
        const rows = ot.hashColumns(session, columns, width);
        sameBytes(ot.encodeRows(rows), scalarBytes(naiveHashes(session, columns, width)));
      }
    }
  });

  test("makes the gadget vector, another one per session", () => {
    const other = seededRng("ot-contract/gadget")(32);
    sameBytes(ot.encodeRows(ot.gadget(session)), scalarBytes(naiveGadget(session)));
    sameBytes(ot.encodeRows(ot.gadget(other)), scalarBytes(naiveGadget(other)));
  });
}

/** Bits of every kind, with the fixed patterns that a mask forgets. */
const bitPatterns = (seed: string): Uint8Array[] => [
  new Uint8Array(64),
  new Uint8Array(64).fill(255),
  new Uint8Array(64).with(0, 1),
  new Uint8Array(64).with(63, 0x80),
  Uint8Array.from(seededRng(seed)(64)),
];

function arithmeticContract(ot: OtKernel, kind: "random" | "edge"): void {
  const rng = seededRng(`ot-contract/${kind}`);
  const random = (): bigint => secp256k1Group.reduce(rng(48));
  const pick = kind === "random" ? random : (): bigint => EDGES[rng(1)[0]! % EDGES.length]!;
  const scalars = (width: number): bigint[] => Array.from({ length: ROWS * width }, pick);
  const load = (values: readonly bigint[], width: number) => ot.decodeRows(scalarBytes(values), width);
  const [rows, others, factors] = [scalars(3), scalars(3), scalars(1)];
  const [weights, subtrahend] = [[pick(), pick()] as const, pick()];
  const pairs =
    kind === "random"
      ? [[rows, others] as const]
      : [[rows, others] as const, [rows.map(() => 0n), rows.map(() => ORDER - 1n)] as const];

  test(`adds what ${kind} bits select`, () => {
    for (const bits of bitPatterns(kind)) {
      const sum = factors.reduce((sum, factor, row) => sum + BigInt(bitOf(bits, row)) * factor, 0n);
      assert.equal(ot.selectedSum(load(factors, 1), bits), mod(sum, ORDER));
    }
  });

  test(`corrects ${kind} rows`, () => {
    for (const [zero, one] of pairs) {
      for (const inputs of [
        [pick(), pick(), pick()],
        [0n, ORDER - 1n, 1n],
      ] as const) {
        const expected = zero.map((value, i) => mod(value - one[i]! + inputs[i % 3]!, ORDER));
        sameBytes(ot.encodeRows(ot.correct(load(zero, 3), load(one, 3), inputs)), scalarBytes(expected));
      }
    }
  });

  test(`applies ${kind} corrections`, () => {
    for (const bits of bitPatterns(kind)) {
      const expected = rows.map((value, i) => mod(value + BigInt(bitOf(bits, Math.floor(i / 3))) * others[i]!, ORDER));
      const applied = ot.applyCorrections(load(rows, 3), bits, load(others, 3));
      sameBytes(ot.encodeRows(applied), scalarBytes(expected));
    }
  });

  test(`weighs ${kind} rows, with and without a selected subtrahend`, () => {
    const sums = factors.map(
      (_, row) => rows[3 * row + 2]! + weights[0] * rows[3 * row]! + weights[1] * rows[3 * row + 1]!,
    );
    sameBytes(ot.weigh(load(rows, 3), weights), scalarBytes(sums.map((sum) => mod(sum, ORDER))));
    for (const bits of bitPatterns(kind)) {
      for (const less of [subtrahend, 0n, ORDER - 1n]) {
        const expected = sums.map((sum, row) => mod(sum - BigInt(bitOf(bits, row)) * less, ORDER));
        sameBytes(ot.weigh(load(rows, 3), weights, { bits, subtrahend: less }), scalarBytes(expected));
      }
    }
  });

  test(`makes inner products of ${kind} rows`, () => {
    const product = (column: number): bigint =>
      mod(
        factors.reduce((sum, factor, row) => sum + factor * rows[3 * row + column]!, 0n),
        ORDER,
      );
    assert.deepEqual([...ot.innerProducts(load(factors, 1), load(rows, 3))], [product(0), product(1)]);
  });

  test(`goes on with what it made itself: ${kind} rows, corrected, applied, weighed, multiplied`, () => {
    const bits = bitPatterns(kind)[4]!;
    const inputs = [pick(), pick(), pick()];
    const corrections = ot.correct(load(rows, 3), load(others, 3), inputs);
    const applied = ot.applyCorrections(load(others, 3), bits, corrections);
    const expected = rows.map((value, i) => {
      const chosen = bitOf(bits, Math.floor(i / 3)) === 1;
      return mod(chosen ? value + inputs[i % 3]! : others[i]!, ORDER);
    });
    sameBytes(ot.weigh(applied, weights), ot.weigh(load(expected, 3), weights));
    assert.deepEqual(
      ot.innerProducts(load(factors, 1), applied),
      ot.innerProducts(load(factors, 1), load(expected, 3)),
    );
    sameBytes(ot.encodeRows(applied), scalarBytes(expected));
  });
}

function wireContract(ot: OtKernel): void {
  const bytes = scalarBytes(Array.from({ length: ROWS * 3 }, (_, i) => EDGES[i % EDGES.length]!));

  test("gives rows back as they came", () => {
    sameBytes(ot.encodeRows(ot.decodeRows(bytes, 3)), bytes);
    sameBytes(ot.encodeRows(ot.decodeRows(bytes.slice(0, ROWS * 32), 1)), bytes.slice(0, ROWS * 32));
  });

  test("refuses other lengths", () => {
    for (const wrong of [new Uint8Array(0), bytes.slice(1), bytes.slice(32), concatBytes(bytes, Uint8Array.of(0))]) {
      assert.throws(() => ot.decodeRows(wrong, 3), RangeError, `${wrong.length} bytes`);
    }
    assert.throws(() => ot.decodeRows(bytes, 1), RangeError);
  });

  test("refuses a scalar that is not below q, wherever it stands", () => {
    const tooLarge = [ORDER, ORDER + 1n, 2n ** 256n - 1n];
    for (const at of [0, 1, 700, ROWS * 3 - 1]) {
      for (const value of tooLarge) {
        const wrong = bytes.slice();
        wrong.set(
          Uint8Array.from({ length: 32 }, (_, i) => Number((value >> BigInt(8 * (31 - i))) & 0xffn)),
          32 * at,
        );
        assert.throws(() => ot.decodeRows(wrong, 3), RangeError, `${value} at ${at}`);
      }
    }
  });
}

function lifeContract(ot: OtKernel, session: Uint8Array): void {
  const rng = seededRng("ot-contract/life");

  test("hands out arrays of its own, which later calls leave alone, and reads its arguments only", () => {
    const make = (leaves: Uint8Array): Uint8Array[] => {
      const { planes, sums } = ot.expandLeaves(session, leaves);
      const columns = ot.columns(planes);
      const rows = ot.hashColumns(session, columns, 3);
      const results = [planes, sums, columns, ot.checksums(planes, leaves.slice(0, 64)), ot.encodeRows(rows)];
      return [...results, ot.weigh(rows, [1n, 2n])];
    };
    const leaves = Uint8Array.from(rng(64 * 16 * 32));
    const copy = leaves.slice();
    const first = make(leaves);
    const kept = first.map((result) => result.slice());
    make(Uint8Array.from(rng(64 * 16 * 32)));
    for (const [i, result] of first.entries()) sameBytes(result, kept[i]!, `result ${i}`);
    sameBytes(leaves, copy);
    for (const result of first) {
      assert.equal(Object.getPrototypeOf(result), Uint8Array.prototype);
      assert.equal(result.buffer.byteLength, result.length, "no view into a larger buffer");
    }
  });

  test("keeps rows apart from the bytes they came from and went to", () => {
    const bytes = scalarBytes(Array.from({ length: ROWS * 3 }, () => secp256k1Group.reduce(rng(48))));
    const given = bytes.slice();
    const rows = ot.decodeRows(given, 3);
    given.fill(0);
    ot.encodeRows(rows).fill(0);
    sameBytes(ot.encodeRows(rows), bytes);
  });

  test("keeps rows apart from other rows, wiped ones included", () => {
    const columns = Uint8Array.from(rng(ROWS * 32));
    const [zero, one] = [ot.hashColumns(session, columns, 3), ot.hashColumns(session, columns.toReversed(), 3)];
    const corrections = ot.correct(zero, one, [1n, 2n, 3n]);
    const applied = ot.applyCorrections(one, new Uint8Array(64).fill(255), corrections);
    const [before, corrected] = [ot.encodeRows(zero), ot.encodeRows(corrections)];
    ot.wipe(one);
    sameBytes(ot.encodeRows(corrections), corrected);
    ot.wipe(corrections);
    sameBytes(ot.encodeRows(zero), before);
    const plusInputs = naiveHashes(session, columns, 3).map((value, i) => mod(value + BigInt((i % 3) + 1), ORDER));
    sameBytes(ot.encodeRows(applied), scalarBytes(plusInputs));
    ot.wipe(zero);
    ot.wipe(applied);
  });
}
