/** The WASM group against noble, and against schoolbook arithmetic that shares nothing with either. */
import { AssertionError, fromHex, toHex } from "@conclave/bytes";
import { portableEngine, secp256k1Group as reference, type Point } from "@conclave/crypto";
import { groupContract, seededRng } from "@conclave/crypto/testing";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { wasmSecp256k1 } from "./index.ts";
import { threadKernel } from "./kernel.ts";
import {
  addAffine,
  encodeAffine,
  G,
  LAMBDA,
  mod,
  multiplyAffine,
  negateAffine,
  P,
  Q,
  type Affine,
} from "./testing/affine.ts";

const group = wasmSecp256k1(reference, (bytes) => portableEngine.sha256(bytes));
const rng = seededRng("engine-wasm/secp256k1");
const scalar = (): bigint => group.reduce(rng(48));
const hex = (point: Point): string => (group.isIdentity(point) ? "" : toHex(group.encode(point)));
const fromAffine = (point: Affine): Point =>
  point === null ? group.identity : group.decode(fromHex(encodeAffine(point)));
const referenceTimes = (k: bigint): string => (k === 0n ? "" : toHex(reference.encode(reference.multiplyBase(k))));

groupContract(group, reference);

/** Scalars at which something in a recoding, a window or a split is at its end. */
const EDGE_SCALARS: readonly bigint[] = [
  [1n, 2n, 3n, 15n, 16n, 17n, 31n, 32n, 33n, Q - 1n, Q - 2n, Q - 16n, Q - 17n, (Q - 1n) / 2n, (Q + 1n) / 2n],
  [LAMBDA, LAMBDA - 1n, LAMBDA + 1n, Q - LAMBDA, Q - LAMBDA - 1n, mod(LAMBDA * 2n ** 127n, Q)],
  [2n ** 128n - 1n, 2n ** 128n, 2n ** 255n, 2n ** 256n - 1n - Q, 2n ** 255n - 19n],
  ["55", "aa", "11", "88", "f0", "0f", "ff"].map((byte) => mod(BigInt(`0x${byte.repeat(32)}`), Q)),
].flat();
const LONG_RUNS: readonly bigint[] = [5n, 31n, 64n, 127n, 128n, 129n, 200n, 254n].flatMap((length) =>
  [0n, 1n, 55n].map((shift) => mod((2n ** length - 1n) << shift, Q)),
);
/** Σ d·32^i with one digit, or all digits, at an extreme of the windows; and halves made of such digits. */
const WINDOW_EXTREMES: readonly bigint[] = [15n, -16n, -15n, 16n].flatMap((digit) => {
  const all = (count: number): bigint =>
    Array.from({ length: count }, (_, i) => digit << BigInt(5 * i)).reduce((a, b) => a + b);
  const single = Array.from({ length: 51 }, (_, i) => digit << BigInt(5 * i));
  const halves = [all(25), -all(25), digit << 120n, 2n ** 127n, -(2n ** 127n)];
  return [all(50), all(51), ...single, ...halves.flatMap((low) => halves.map((high) => low + high * LAMBDA))].map((k) =>
    mod(k, Q),
  );
});

describe("multiplication agrees with noble", () => {
  const base = scalar();
  const point = group.multiplyBase(base);
  const cases = {
    "edges of the range": EDGE_SCALARS,
    "long runs of ones and zeros": LONG_RUNS,
    "extreme digits": WINDOW_EXTREMES,
  };
  for (const [what, scalars] of Object.entries(cases)) {
    test(`on ${what}, of the generator and of another point, secret and public`, () => {
      for (const k of scalars.filter((k) => k !== 0n)) {
        const expected = referenceTimes(k);
        assert.equal(hex(group.multiplyBaseSecret(k)), expected, `${k}·G`);
        assert.equal(hex(group.multiplyBase(k)), expected, `public ${k}·G`);
        assert.equal(hex(group.multiplySecret(group.generator, k)), expected, `variable ${k}·G`);
        assert.equal(hex(group.combine([group.generator], [k])), expected, `combined ${k}·G`);
        const product = referenceTimes(mod(k * base, Q));
        assert.equal(hex(group.multiplySecret(point, k)), product, `${k}·P`);
        assert.equal(hex(group.combine([point], [k])), product, `combined ${k}·P`);
      }
    });
  }

  test("on random scalars", () => {
    for (let i = 0; i < 100; i++) {
      const [k, l] = [scalar(), scalar()];
      assert.equal(hex(group.multiplyBaseSecret(k)), referenceTimes(k), `${k}`);
      assert.equal(hex(group.multiplySecret(point, k)), referenceTimes(mod(k * base, Q)), `${k}`);
      assert.equal(
        hex(group.combine([group.generator, point], [k, l])),
        referenceTimes(mod(k + l * base, Q)),
        `${k}, ${l}`,
      );
    }
  });

  test("of the identity is the identity", () => {
    for (const k of [1n, 2n, Q - 1n, scalar()]) assert.ok(group.isIdentity(group.multiplySecret(group.identity, k)));
  });
});

describe("against schoolbook arithmetic", () => {
  /** Multiples of G close to each other and to the identity, λ·G (same y), and points with the smallest and largest x. */
  const affine: readonly Affine[] = [
    ...[0n, 1n, 2n, 3n, Q - 1n, Q - 2n, LAMBDA, Q - LAMBDA, mod(LAMBDA * LAMBDA, Q)].map((k) => multiplyAffine(G, k)),
    ...[1n, 2n, 3n, 4n, 6n, 8n, P - 3n, P - 5n].map(liftX).filter((point) => point !== null),
    ...Array.from({ length: 5 }, () => multiplyAffine(G, scalar())),
  ];

  test("every sum of two special points, the negative and the double included", () => {
    for (const a of affine) {
      for (const b of [...affine, negateAffine(a)]) {
        const sum = group.add(fromAffine(a), fromAffine(b));
        assert.equal(hex(sum), encodeAffine(addAffine(a, b)), `${encodeAffine(a)} + ${encodeAffine(b)}`);
        // Again, with coordinates that are not normalised.
        const moved = group.add(group.add(fromAffine(a), group.generator), group.negate(group.generator));
        assert.equal(hex(group.add(moved, fromAffine(b))), hex(sum));
        assert.equal(group.equals(moved, fromAffine(b)), encodeAffine(a) === encodeAffine(b));
      }
      assert.equal(hex(group.negate(fromAffine(a))), encodeAffine(negateAffine(a)));
    }
  });

  test("multiples of special points", () => {
    for (const a of affine) {
      for (const k of [1n, 2n, 17n, LAMBDA, Q - 1n, scalar()]) {
        const expected = encodeAffine(multiplyAffine(a, k));
        assert.equal(hex(group.multiplySecret(fromAffine(a), k)), expected, `${k}·${encodeAffine(a)}`);
        assert.equal(hex(group.combine([fromAffine(a)], [k])), expected, `${k}·${encodeAffine(a)}`);
      }
    }
  });

  test("doubling in the kernel is adding to itself", () => {
    const { run, points } = threadKernel();
    for (const a of affine) {
      const [doubled, added] = (["double", "add"] as const).map((operation) => {
        const words = coordinatesOf(a);
        points.set(words, 0);
        points.set(words, 28);
        run[operation]();
        return points.slice(0, 27);
      });
      points.set(doubled!, 0);
      points.set(added!, 28);
      assert.notEqual(run.equals(), 0, encodeAffine(a));
    }
  });
});

/** The even point of an x-coordinate, if there is one. */
function liftX(x: bigint): Affine {
  try {
    const bytes = reference.encode(reference.decode(fromHex(`02${x.toString(16).padStart(64, "0")}`)));
    const square = mod(x ** 3n + 7n, P);
    let y = 1n;
    for (const bit of ((P + 1n) / 4n).toString(2)) y = mod(y * y * (bit === "1" ? square : 1n), P);
    assert.equal(bytes[0], 2);
    return [x, y % 2n === 0n ? y : P - y];
  } catch (error) {
    assert.ok(error instanceof RangeError);
    return null;
  }
}

function coordinatesOf(point: Affine): number[] {
  const limbs = (value: bigint): number[] =>
    Array.from({ length: 9 }, (_, i) => Number((value >> BigInt(29 * i)) & 0x1fffffffn));
  return point === null
    ? [limbs(0n), limbs(1n), limbs(0n)].flat()
    : [limbs(point[0]), limbs(point[1]), limbs(1n)].flat();
}

describe("combine", () => {
  test("of more points than one call of the kernel takes", () => {
    for (const count of [31, 32, 33, 64, 65, 100]) {
      const factors = Array.from({ length: count }, () => scalar());
      const multiples = Array.from({ length: count }, (_, i) => BigInt(i % 7));
      const points = multiples.map((k) => group.multiplyBase(k));
      const expected = factors.reduce((sum, k, i) => mod(sum + k * multiples[i]!, Q), 0n);
      assert.equal(hex(group.combine(points, factors)), referenceTimes(expected), `${count}`);
    }
  });

  test("adds up the generator's scalars wherever it stands, and whatever made it", () => {
    const made = group.add(group.multiplyBase(Q - 1n), group.multiplyBase(2n));
    assert.equal(hex(group.combine([group.generator, made, group.generator], [Q - 1n, 5n, 3n])), referenceTimes(7n));
    assert.equal(hex(group.combine([group.generator, group.generator], [Q - 1n, 1n])), "");
  });
});

test("ten thousand random additions, doublings, negations and multiplications stay right", () => {
  let point = group.generator;
  let k = 1n;
  const others = Array.from({ length: 16 }, () => scalar()).map((s) => ({ s, point: group.multiplyBase(s) }));
  for (let step = 1; step <= 10_000; step++) {
    const [choice, which] = rng(2);
    const other = others[which! % 16]!;
    if (choice! < 120) [point, k] = [group.add(point, other.point), k + other.s];
    else if (choice! < 200) [point, k] = [group.add(point, point), 2n * k];
    else if (choice! < 240) [point, k] = [group.negate(point), -k];
    else if (choice! < 248) [point, k] = [group.multiplySecret(point, other.s), k * other.s];
    else [point, k] = [group.combine([point, group.generator], [other.s, other.s]), (k + 1n) * other.s];
    k = mod(k, Q);
    if (step % 40 === 0) assert.equal(hex(point), referenceTimes(k), `after ${step} steps`);
  }
});

describe("decoding", () => {
  const encodingOf = (prefix: number, x: bigint): Uint8Array =>
    fromHex(prefix.toString(16).padStart(2, "0") + x.toString(16).padStart(64, "0"));

  test("refuses other lengths and prefixes, saying so", () => {
    const good = group.encode(group.generator);
    for (const bad of [
      new Uint8Array(0),
      good.slice(0, 32),
      Uint8Array.of(...good, 0),
      new Uint8Array(33),
      new Uint8Array(65).fill(4),
    ]) {
      assert.throws(() => group.decode(bad), {
        name: "RangeError",
        message: "a point is 33 bytes beginning with 02 or 03",
      });
    }
    for (const prefix of [0, 1, 4, 5, 6, 7, 0x82, 255])
      assert.throws(() => group.decode(good.with(0, prefix)), RangeError);
  });

  test("refuses x-coordinates that are not below p, though they would be on the curve mod p", () => {
    for (const alias of [1n, 2n, 3n]) {
      group.decode(encodingOf(2, alias));
      assert.throws(() => group.decode(encodingOf(2, alias + P)), {
        name: "RangeError",
        message: "not a point of secp256k1",
      });
    }
    for (const x of [P, 2n ** 256n - 1n]) assert.throws(() => group.decode(encodingOf(3, x)), RangeError);
  });

  test("accepts and refuses the same x-coordinates as noble, with both parities", () => {
    const candidates = [
      ...Array.from({ length: 40 }, (_, i) => BigInt(i)),
      ...Array.from({ length: 20 }, (_, i) => P - 1n - BigInt(i)),
      ...Array.from({ length: 40 }, () => BigInt(`0x${toHex(rng(32))}`)),
    ];
    let accepted = 0;
    for (const x of candidates) {
      for (const prefix of [2, 3]) {
        const bytes = encodingOf(prefix, x);
        const expected = attempt(() => reference.encode(reference.decode(bytes)));
        const point = attempt(() => group.decode(bytes));
        assert.equal(point === undefined, expected === undefined, `${prefix} ${x}`);
        if (point === undefined) continue;
        accepted += 1;
        // Computed again, from a sum, not remembered from the decoding.
        assert.deepEqual(group.encode(group.add(point, group.identity)), expected, `${prefix} ${x}`);
        assert.equal(group.hasEvenY(group.negate(point)), prefix === 3);
      }
    }
    assert.ok(accepted > 60 && accepted < 140, `${accepted} of ${2 * candidates.length}`);
  });
});

function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    assert.ok(error instanceof RangeError);
    return undefined;
  }
}

describe("points", () => {
  test("are not changed through what they were made from or what they gave", () => {
    const bytes = group.encode(group.multiplyBase(5n));
    const point = group.decode(bytes);
    bytes.fill(0);
    group.encode(point).fill(1);
    group.encodeAll([point])[0]!.fill(2);
    assert.equal(hex(point), referenceTimes(5n));
  });

  test("of another engine are refused", () => {
    for (const work of [() => group.encode(reference.generator), () => group.multiplySecret(reference.generator, 2n)]) {
      assert.throws(work, AssertionError);
    }
  });

  test("are encoded together in any number, equal ones and encoded ones included", () => {
    for (const count of [1, 2, 31, 32, 33, 70]) {
      const points = Array.from({ length: count }, (_, i) => group.multiplyBase(BigInt((i % 40) + 1)));
      group.encode(points[count >> 1]!);
      const encoded = group.encodeAll([...points, points[0]!]);
      assert.deepEqual(
        encoded.map(toHex),
        [...points, points[0]!].map((_, i) => referenceTimes(BigInt(((i % count) % 40) + 1))),
      );
    }
  });
});

test("secret multiplications, and encoding what they gave, leave nothing behind in the kernel's memory", () => {
  const { run } = threadKernel();
  const before = new Uint8Array(run.memory.buffer).slice();
  const secret = group.multiplyBaseSecret(scalar());
  group.encode(group.multiplySecret(secret, scalar()));
  const after = new Uint8Array(run.memory.buffer);
  const changed = before.findIndex((byte, i) => after[i] !== byte && after[i] !== 0);
  assert.equal(changed, -1, `byte ${changed} was left behind`);
});
