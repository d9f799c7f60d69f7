/** The kernel's arithmetic mod p against BigInt, on limbs as large as `assembly/secp256k1/generate.ts` says they may be. */
import { toHex } from "@conclave/bytes";
import { seededRng } from "@conclave/crypto/testing";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { threadKernel } from "./kernel.ts";
import { inverse, mod, P, power } from "./testing/affine.ts";

const { run, points, encodings } = threadKernel();
const LIMBS = 9;
const LIMB_BOUND = 2 ** 28 + 2 ** 18;
const TOP_BOUND = 2 ** 23;
const rng = seededRng("engine-wasm/field");

/** Places for operands and results, among the kernel's points. */
const slot = (i: number): number => run.points.value + 36 * i;
const [OUT, A, B, C, D] = [slot(0), slot(1), slot(2), slot(3), slot(4)];
const shown = (limbs: readonly number[]): string => `[${limbs.join(", ")}]`;
const wordAt = (address: number): number => (address - run.points.value) / 4;

const put = (address: number, limbs: readonly number[]): void => points.set(limbs, wordAt(address));
const limbsAt = (address: number): number[] => [...points.subarray(wordAt(address), wordAt(address) + LIMBS)];
const valueOf = (limbs: readonly number[]): bigint =>
  limbs.reduceRight((value, limb) => value * 2n ** 29n + BigInt(limb), 0n);
const valueAt = (address: number): bigint => valueOf(limbsAt(address));
/** A value below 2^256 in limbs of 29 bits, not balanced: magnitude 2. */
const limbsOf = (value: bigint): number[] =>
  Array.from({ length: LIMBS }, (_, i) => Number((value >> BigInt(29 * i)) & 0x1fffffffn));
const bytesOf = (value: bigint): Uint8Array =>
  Uint8Array.from({ length: 32 }, (_, i) => Number((value >> BigInt(248 - 8 * i)) & 255n));

/** Every limb at the bound of magnitude m, with the given signs. */
const extreme = (m: number, sign: (i: number) => number): number[] =>
  Array.from({ length: LIMBS }, (_, i) => sign(i) * m * (i < LIMBS - 1 ? LIMB_BOUND : TOP_BOUND));
const random = (m: number): number[] => {
  const draw = new DataView(rng(4 * LIMBS).slice().buffer);
  return extreme(m, (i) => draw.getInt32(4 * i) / 2 ** 31).map(Math.trunc);
};
const SIGNS: readonly ((i: number) => number)[] = [
  () => 1,
  () => -1,
  (i) => (i % 2 === 0 ? 1 : -1),
  (i) => (i < 4 ? -1 : 1),
];
const operands = (m: number): number[][] => [...SIGNS.map((sign) => extreme(m, sign)), random(m), random(m), random(m)];

function assertResult(expected: bigint, what: string): void {
  const limbs = limbsAt(OUT);
  assert.equal(mod(valueOf(limbs), P), mod(expected, P), what);
  for (const [i, limb] of limbs.entries()) {
    assert.ok(Math.abs(limb) <= (i < LIMBS - 1 ? LIMB_BOUND : TOP_BOUND), `${what}: limb ${i} is ${limb}`);
  }
}

/** Representatives around every place where something wraps. */
const EDGES: readonly bigint[] = [
  [0n, 1n, 2n, 3n, 976n, 977n, 978n, 2n ** 29n - 1n, 2n ** 29n, 2n ** 32n + 976n, 2n ** 32n + 977n],
  [2n ** 232n - 1n, 2n ** 232n, 2n ** 255n - 1n, 2n ** 255n, (P - 1n) / 2n, (P + 1n) / 2n],
  [P - 2n, P - 1n, P, P + 1n, 2n ** 256n - 1n],
].flat();

describe("field arithmetic in the kernel", () => {
  test("multiplies at every pair of magnitudes that the formulas use, up to a product of 15", () => {
    for (const [m, n] of [
      [1, 1],
      [2, 2],
      [3, 3],
      [3, 5],
      [5, 3],
      [2, 7],
      [7, 2],
      [1, 7],
    ] as const) {
      for (const a of operands(m)) {
        for (const b of operands(n)) {
          put(A, a);
          put(B, b);
          run.fieldMul(OUT, A, B);
          assertResult(valueOf(a) * valueOf(b), `${shown(a)} · ${shown(b)}`);
        }
      }
    }
  });

  test("adds two products up to 15 together", () => {
    for (const [m, n, k, l] of [
      [2, 3, 3, 3],
      [3, 2, 3, 3],
      [3, 4, 3, 1],
      [4, 2, 1, 7],
      [1, 1, 2, 7],
    ] as const) {
      for (const [i, a] of operands(m).entries()) {
        for (const [j, c] of operands(k).entries()) {
          const [b, d] = [operands(n)[i]!, operands(l)[j]!];
          for (const [address, limbs] of [
            [A, a],
            [B, b],
            [C, c],
            [D, d],
          ] as const)
            put(address, limbs);
          run.fieldMulSum(OUT, A, B, C, D);
          assertResult(
            valueOf(a) * valueOf(b) + valueOf(c) * valueOf(d),
            `${shown(a)} · ${shown(b)} + ${shown(c)} · ${shown(d)}`,
          );
        }
      }
    }
  });

  test("squares up to magnitude 3, and scales up to magnitude 7 and factor 21", () => {
    for (const m of [1, 2, 3]) {
      for (const a of operands(m)) {
        put(A, a);
        run.fieldSquare(OUT, A);
        assertResult(valueOf(a) ** 2n, `${shown(a)}²`);
      }
    }
    for (const a of operands(7)) {
      for (const factor of [1, 8, 21, -11, -21]) {
        put(A, a);
        run.fieldScale(OUT, A, factor);
        assertResult(valueOf(a) * BigInt(factor), `${factor} · ${shown(a)}`);
      }
    }
  });

  test("works in place", () => {
    const [a, b] = [random(1), random(1)];
    put(A, a);
    put(B, b);
    run.fieldMul(A, A, B);
    run.fieldMulSum(A, A, B, A, A);
    run.fieldSquare(A, A);
    const product = valueOf(a) * valueOf(b);
    assert.equal(mod(valueAt(A), P), mod((product * valueOf(b) + product * product) ** 2n, P));
  });

  test("finds the representative in [0, p) of everything, in unsigned limbs", () => {
    const wanted = (limbs: readonly number[]): void => {
      put(A, limbs);
      run.fieldCanonical(OUT, A);
      assert.equal(valueAt(OUT), mod(valueOf(limbs), P), shown(limbs));
      assert.ok(limbsAt(OUT).every((limb) => limb >= 0 && limb < 2 ** 29));
    };
    for (const edge of EDGES) {
      wanted(limbsOf(edge));
      wanted(limbsOf(edge).map((limb) => -limb));
    }
    for (const m of [1, 2, 5, 7]) for (const a of operands(m)) wanted(a);
    for (const multiple of [-3n, -2n, -1n, 1n, 2n, 3n]) {
      for (const offset of [-1n, 0n, 1n]) {
        let rest = multiple * P + offset;
        wanted(
          Array.from({ length: LIMBS }, (_, i) => {
            const limb = i < LIMBS - 1 ? BigInt.asIntN(29, rest) : rest;
            rest = (rest - limb) >> 29n;
            return Number(limb);
          }),
        );
      }
    }
  });

  test("multiplies the edges of the range with each other", () => {
    for (const a of EDGES) {
      for (const b of EDGES) {
        put(A, limbsOf(a));
        put(B, limbsOf(b));
        run.fieldMul(OUT, A, B);
        assertResult(a * b, `${a} · ${b}`);
      }
    }
  });

  test("inverts, with 0 for 0, and finds roots of squares only", () => {
    for (const a of [...EDGES, ...operands(1).map((limbs) => mod(valueOf(limbs), P))]) {
      put(A, limbsOf(a));
      run.fieldInvert(OUT, A);
      assertResult(mod(a, P) === 0n ? 0n : inverse(a, P), `1/${a}`);
      const isSquare = run.fieldSquareRoot(OUT, A) !== 0;
      assert.equal(isSquare, mod(a, P) === 0n || power(mod(a, P), (P - 1n) / 2n) === 1n, `is ${a} a square?`);
      if (isSquare) assert.equal(mod(valueAt(OUT) ** 2n - a, P), 0n, `√${a}`);
    }
  });

  test("reads any 32 bytes, says whether they are below p, and writes the representative", () => {
    const at = run.encodings.value;
    for (const value of [...EDGES, ...Array.from({ length: 20 }, () => BigInt(`0x${toHex(rng(32))}`))]) {
      encodings.set(bytesOf(value));
      assert.equal(run.fieldFromBytes(OUT, at) !== 0, value < P, `${value}`);
      assertResult(value, `${value}`);
      run.fieldToBytes(at, OUT);
      assert.deepEqual(encodings.slice(0, 32), bytesOf(mod(value, P)), `${value}`);
    }
  });
});
