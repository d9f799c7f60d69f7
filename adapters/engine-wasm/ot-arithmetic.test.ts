/**
 * The compiled kernel's scalars below its contract: it may hold any number below 2^256, and no input of an `OtKernel` that
 * anyone could find makes it hold those where carries and reductions go wrong first.
 */
import { mod, secp256k1Group } from "@conclave/crypto";
import { seededRng } from "@conclave/crypto/testing";
import assert from "node:assert/strict";
import { test } from "node:test";
import { instantiate } from "./ot-arena.ts";

const ORDER = secp256k1Group.order;
const LIMIT = 2n ** 256n;
const ROWS = 512;
const SCALAR_BYTES = 32;
const MAXIMUM = LIMIT - 1n;
/** Around 0, q, 2^256 and the limbs' ends. */
const EDGES = [
  0n,
  1n,
  2n ** 32n - 1n,
  2n ** 32n,
  2n ** 128n - 1n,
  2n ** 129n,
  2n ** 224n,
  2n ** 255n,
  ...[-3n, -2n, -1n, 0n, 1n, 2n, 3n].flatMap((offset) => [ORDER + offset, LIMIT - ORDER + offset]),
  2n * (LIMIT - ORDER),
  LIMIT - 3n,
  LIMIT - 2n,
  MAXIMUM,
];

const kernel = instantiate();
const memory = new DataView(kernel.memory.buffer);
const START = kernel.ARENA.value;
/** Three matrices, then room for small things. */
const [FIRST, SECOND, THIRD, SMALL] = [0, 1, 2, 3].map((i) => START + i * ROWS * 3 * SCALAR_BYTES) as [
  number,
  number,
  number,
  number,
];
const [BITS, RESULT] = [SMALL + 256, SMALL + 512];

function write(at: number, values: readonly bigint[]): void {
  for (const [i, value] of values.entries()) {
    assert.ok(value >= 0n && value < LIMIT, "the test writes what fits 32 bytes");
    for (let k = 0; k < 4; k++) memory.setBigUint64(at + 32 * i + 8 * k, value >> BigInt(64 * k), true);
  }
}

const integer = (at: number, littleEndian: boolean): bigint =>
  [0, 1, 2, 3].reduce((sum, k) => {
    const shift = BigInt(64 * (littleEndian ? k : 3 - k));
    return sum + (memory.getBigUint64(at + 8 * k, littleEndian) << shift);
  }, 0n);

const read = (at: number, count: number, littleEndian = true): bigint[] =>
  Array.from({ length: count }, (_, i) => integer(at + 32 * i, littleEndian));

/** Bit j is set where `chosen(j)`. */
function writeBits(chosen: (row: number) => boolean): void {
  for (let i = 0; i < ROWS / 8; i++) memory.setUint8(BITS + i, 0);
  for (let row = 0; row < ROWS; row++) {
    if (chosen(row)) memory.setUint8(BITS + (row >> 3), memory.getUint8(BITS + (row >> 3)) | (1 << (row & 7)));
  }
}

const rng = seededRng("ot-arithmetic");
const random = (): bigint => rng(SCALAR_BYTES).reduce((value, byte) => (value << 8n) | BigInt(byte), 0n);
const scalars = (count: number, make: (i: number) => bigint): bigint[] =>
  Array.from({ length: count }, (_, i) => make(i));
const COUNT = EDGES.length;
/** Every edge meets every edge: `fast` runs through them once while `slow` stays. The rest is random. */
const fast = scalars(ROWS * 3, (i) => (i < COUNT * COUNT ? EDGES[i % COUNT]! : random()));
const slow = scalars(ROWS * 3, (i) => (i < COUNT * COUNT ? EDGES[Math.floor(i / COUNT)]! : random()));

function sameModOrder(actual: readonly bigint[], expected: readonly bigint[]): void {
  assert.deepEqual(
    actual.map((value) => mod(value, ORDER)),
    expected.map((value) => mod(value, ORDER)),
  );
}

test("zero + ~one + constant keeps its remainder for every pair of edges", () => {
  for (const constants of [[0n, 1n, ORDER - 1n], [MAXIMUM, MAXIMUM, MAXIMUM], scalars(3, random)]) {
    write(FIRST, fast);
    write(SECOND, slow);
    write(SMALL, constants);
    kernel.correct(FIRST, SECOND, SMALL, 3);
    sameModOrder(
      read(FIRST, ROWS * 3),
      fast.map((value, i) => value + (MAXIMUM - slow[i]!) + constants[i % 3]!),
    );
  }
});

test("rows + selected corrections keep their remainder for every pair of edges, and unselected rows their value", () => {
  write(FIRST, fast);
  write(SECOND, slow);
  writeBits(() => true);
  kernel.applyCorrections(FIRST, BITS, SECOND, 3);
  sameModOrder(
    read(FIRST, ROWS * 3),
    fast.map((value, i) => value + slow[i]!),
  );
  write(FIRST, fast);
  writeBits(() => false);
  kernel.applyCorrections(FIRST, BITS, SECOND, 3);
  assert.deepEqual(read(FIRST, ROWS * 3), fast);
});

test("encoding reduces any number below 2^256, decoding refuses what is not reduced", () => {
  write(FIRST, fast);
  kernel.encode(FIRST, ROWS * 3);
  assert.deepEqual(
    read(FIRST, ROWS * 3, false),
    fast.map((value) => mod(value, ORDER)),
  );
  assert.equal(kernel.decode(FIRST, ROWS * 3), 0);
  assert.deepEqual(
    read(FIRST, ROWS * 3),
    fast.map((value) => mod(value, ORDER)),
  );
  for (const value of EDGES) {
    for (const at of [0, 1, ROWS * 3 - 1]) {
      write(FIRST, scalars(ROWS * 3, () => 0n).with(at, value));
      // To big-endian bytes by the other direction of `decode`.
      kernel.decode(FIRST, ROWS * 3);
      assert.equal(kernel.decode(FIRST, ROWS * 3), value < ORDER ? 0 : 1, `${value} at ${at}`);
    }
  }
});

test("weighs with columns at their limit", () => {
  const check = (rows: readonly bigint[], weights: readonly [bigint, bigint], added: bigint): void => {
    write(FIRST, rows);
    write(SMALL, [...weights, added]);
    writeBits((row) => row % 3 !== 0);
    kernel.weigh(FIRST, SMALL, BITS, SMALL + 64, SECOND);
    const expected = scalars(ROWS, (row) => {
      const [first, second, third] = [rows[3 * row]!, rows[3 * row + 1]!, rows[3 * row + 2]!];
      return mod(third + weights[0] * first + weights[1] * second + (row % 3 === 0 ? 0n : added), ORDER);
    });
    assert.deepEqual(read(SECOND, ROWS, false), expected);
  };
  check(
    scalars(ROWS * 3, () => MAXIMUM),
    [MAXIMUM, MAXIMUM],
    MAXIMUM,
  );
  check(fast, [random(), random()], random());
  check(slow, [ORDER - 1n, ORDER], ORDER);
});

test("folds numbers that reach 2^256 once more after a fold", () => {
  const C = LIMIT - ORDER;
  // weight·(2^256 − 1) + third is weight·2^256 + 2^256 − weight·C + offset: folded, 2^256 + offset.
  const weights = [1n, 2n, 3n, 2n ** 20n, 2n ** 31n, 2n ** 100n];
  for (const weight of weights) {
    const offsets = scalars(ROWS, (i) => BigInt(i) - 256n);
    const thirds = offsets.map((offset) => LIMIT - weight * C + weight + offset);
    write(
      FIRST,
      thirds.flatMap((third) => [MAXIMUM, 0n, third]),
    );
    write(SMALL, [weight, 0n, 0n]);
    kernel.weigh(FIRST, SMALL, BITS, SMALL + 64, SECOND);
    assert.deepEqual(
      read(SECOND, ROWS, false),
      offsets.map((offset) => mod(LIMIT + offset, ORDER)),
    );
  }
});

test("adds up 512 products of the largest numbers", () => {
  const check = (factors: readonly bigint[], rows: readonly bigint[]): void => {
    write(FIRST, factors);
    write(SECOND, rows);
    kernel.innerProducts(FIRST, SECOND, RESULT);
    const product = (column: number): bigint =>
      factors.reduce((sum, factor, row) => sum + factor * rows[3 * row + column]!, 0n);
    assert.deepEqual(read(RESULT, 2), [mod(product(0), ORDER), mod(product(1), ORDER)]);
  };
  for (const largest of [MAXIMUM, ORDER - 1n, ORDER]) {
    check(
      scalars(ROWS, () => largest),
      scalars(ROWS * 3, () => largest),
    );
  }
  check(fast.slice(0, ROWS), slow);
  check(scalars(ROWS, random), scalars(ROWS * 3, random));
});

test("adds up 512 of the largest numbers", () => {
  for (const values of [scalars(ROWS, () => MAXIMUM), fast.slice(0, ROWS)]) {
    for (const chosen of [() => true, (row: number) => row % 5 < 2]) {
      write(THIRD, values);
      writeBits(chosen);
      kernel.selectedSum(THIRD, BITS, RESULT);
      const sum = values.reduce((sum, value, row) => (chosen(row) ? sum + value : sum), 0n);
      assert.deepEqual(read(RESULT, 1), [mod(sum, ORDER)]);
    }
  }
});
