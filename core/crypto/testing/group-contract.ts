import { fromHex, toHex, utf8 } from "@conclave/bytes";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { mod, type Group, type Point } from "../index.ts";
import { HASH_TO_CURVE, MESSAGES } from "./hash-to-curve-vectors.ts";
import { seededRng } from "./rng.ts";

/** What every `Group` promises, on any engine. Registers tests; `reference` is the portable group of the same name. */
export function groupContract(group: Group, reference: Group): void {
  const { generator: G, identity, order: q } = group;
  const rng = seededRng(`group-contract/${group.name}`);
  const scalar = (): bigint => group.reduce(rng(48));
  const times = (k: bigint): Point => group.multiplyBase(k);
  const same = (a: Point, b: Point, what = ""): void => assert.ok(group.equals(a, b), what);

  describe(`${group.name}: arithmetic`, () => {
    test("has the generator's order", () => {
      assert.ok(group.isIdentity(group.add(times(q - 1n), G)));
      assert.equal(group.isIdentity(times(q - 1n)), false);
      assert.ok(group.isIdentity(times(0n)));
      same(times(1n), G);
      same(times(2n), group.add(G, G));
    });

    test("gives the same points as the reference", () => {
      for (let i = 0; i < 8; i++) {
        const [a, b] = [scalar(), scalar()];
        const expected = reference.encode(reference.multiplyBase(a));
        assert.deepEqual(group.encode(times(a)), expected);
        assert.deepEqual(group.encode(group.multiplyBaseSecret(a)), expected);
        const product = reference.encode(reference.multiplyBase(mod(a * b, q)));
        assert.deepEqual(group.encode(group.multiplySecret(times(a), b)), product);
      }
    });

    test("adds, negates and compares, the identity and doublings included", () => {
      const [a, b] = [scalar(), scalar()];
      same(group.add(times(a), times(b)), times(mod(a + b, q)));
      same(group.add(times(a), times(a)), times(mod(2n * a, q)));
      same(group.add(times(a), identity), times(a));
      same(group.add(identity, identity), identity);
      same(group.negate(identity), identity);
      assert.ok(group.isIdentity(group.add(times(a), group.negate(times(a)))));
      assert.equal(group.equals(times(a), group.negate(times(a))), false);
      assert.equal(group.equals(times(a), identity), false);
    });

    test("refuses secret scalars outside [1, q) and public ones outside [0, q)", () => {
      for (const k of [0n, q, q + 1n, -1n]) {
        assert.throws(() => group.multiplyBaseSecret(k), `${k}`);
        assert.throws(() => group.multiplySecret(G, k), `${k}`);
      }
      for (const k of [q, q + 1n, -1n]) {
        assert.throws(() => times(k), `${k}`);
        assert.throws(() => group.combine([G], [k]), `${k}`);
      }
    });

    test("multiplies at the edges of the scalar range", () => {
      for (const k of [1n, 2n, 3n, q - 2n, q - 1n, 2n ** 128n, 2n ** 251n]) {
        const expected = reference.encode(reference.multiplyBase(k));
        assert.deepEqual(group.encode(group.multiplyBaseSecret(k)), expected, `${k}`);
        assert.deepEqual(group.encode(group.multiplySecret(G, k)), expected, `${k}`);
        assert.deepEqual(group.encode(group.combine([G], [k])), expected, `${k}`);
      }
    });

    test("gives the same results for a prepared point", () => {
      const [a, b] = [scalar(), scalar()];
      const point = times(a);
      group.prepare(point);
      same(group.multiplySecret(point, b), times(mod(a * b, q)));
      same(group.combine([point, G], [b, 1n]), times(mod(a * b + 1n, q)));
      same(group.combine([point], [0n]), identity);
    });
  });

  describe(`${group.name}: combine`, () => {
    const P = times(scalar());
    const k = scalar();
    const naive = (points: readonly Point[], scalars: readonly bigint[]): Point =>
      points.reduce((sum, point, i) => {
        const factor = scalars[i]!;
        const isNothing = factor === 0n || group.isIdentity(point);
        return isNothing ? sum : group.add(sum, group.multiplySecret(point, factor));
      }, identity);
    const cases: [string, readonly Point[], readonly bigint[]][] = [
      ["nothing", [], []],
      ["a zero scalar", [P], [0n]],
      ["only zero scalars", [P, G], [0n, 0n]],
      ["a zero scalar among others", [P, G, P], [k, 0n, 1n]],
      ["the identity", [identity], [k]],
      ["the identity among others", [G, identity, P], [k, k, 2n]],
      ["the identity times zero", [identity, G], [0n, k]],
      ["P and −P", [P, group.negate(P)], [k, k]],
      ["P and −P with other scalars", [P, group.negate(P)], [k, 1n]],
      ["P twice", [P, P], [k, k]],
      ["P twice with k and q − k", [P, P], [k, mod(-k, q)]],
      ["k = 1 and k = q − 1", [G, P], [1n, q - 1n]],
      ["small scalars", [G, P, times(5n)], [1n, 2n, 3n]],
    ];
    for (const [what, points, scalars] of cases) {
      test(`of ${what} is the sum`, () => same(group.combine(points, scalars), naive(points, scalars), what));
    }

    test("of 1 to 6 random points is the sum", () => {
      for (let n = 1; n <= 6; n++) {
        const points = Array.from({ length: n }, () => times(scalar()));
        const scalars = points.map(() => scalar());
        same(group.combine(points, scalars), naive(points, scalars), `${n}`);
      }
    });

    test("wants as many scalars as points, and leaves its arguments alone", () => {
      assert.throws(() => group.combine([G], []));
      assert.throws(() => group.combine([], [1n]));
      const [points, scalars] = [
        [G, P],
        [k, 1n],
      ];
      group.combine(points, scalars);
      assert.deepEqual([points.length, scalars], [2, [k, 1n]]);
    });
  });

  describe(`${group.name}: encoding`, () => {
    test("of points is canonical, of fixed length, and round trips", () => {
      const points = Array.from({ length: 5 }, () => times(scalar()));
      const encoded = points.map((point) => group.encode(point));
      assert.deepEqual(group.encodeAll(points), encoded);
      for (const [i, bytes] of encoded.entries()) {
        assert.equal(bytes.length, group.pointBytes);
        same(group.decode(bytes), points[i]!);
      }
      // Sums are not normalised yet: encoding must not depend on how a point came about.
      assert.deepEqual(group.encode(group.add(times(3n), times(4n))), group.encode(times(7n)));
      assert.deepEqual(group.encodeAll([]), []);
    });

    test("of the identity does not exist", () => {
      assert.throws(() => group.encode(identity), RangeError);
      assert.throws(() => group.encode(group.add(G, group.negate(G))), RangeError);
      assert.throws(() => group.encodeAll([G, identity]), RangeError);
    });

    test("of points refuses other lengths and lone bits", () => {
      const bytes = group.encode(times(scalar()));
      for (const bad of [
        new Uint8Array(0),
        bytes.slice(1),
        Uint8Array.of(...bytes, 0),
        new Uint8Array(group.pointBytes),
      ]) {
        assert.throws(() => group.decode(bad), RangeError);
      }
    });

    test("of many points decodes like that of each, and refuses a bad one wherever it stands", () => {
      const points = Array.from({ length: 7 }, () => times(scalar()));
      const encoded = group.encodeAll(points);
      const decoded = group.decodeAll(encoded);
      assert.equal(decoded.length, points.length);
      for (const [i, point] of decoded.entries()) same(point, points[i]!, `${i}`);
      assert.deepEqual(group.decodeAll([]), []);
      const offCurve = group.pointBytes === 33 ? `02${"00".repeat(31)}05` : `02${"00".repeat(31)}`;
      for (const bad of [
        new Uint8Array(0),
        encoded[0]!.slice(1),
        new Uint8Array(group.pointBytes),
        fromHex(offCurve),
      ]) {
        for (const at of [0, 3, 6]) assert.throws(() => group.decodeAll(encoded.with(at, bad)), RangeError, `${at}`);
      }
    });

    test("of scalars is 32 bytes in the group's byte order and round trips", () => {
      const littleEndian = group.name === "ed25519";
      const one = group.encodeScalar(1n);
      assert.equal(one.length, 32);
      assert.equal(one[littleEndian ? 0 : 31], 1);
      for (const k of [0n, 1n, q - 1n, scalar()]) assert.equal(group.decodeScalar(group.encodeScalar(k)), k);
    });

    test("of scalars refuses q and above, and other lengths", () => {
      const littleEndian = group.name === "ed25519";
      const bytesOf = (k: bigint): Uint8Array => {
        const bytes = Uint8Array.from(k.toString(16).padStart(64, "0").match(/../g)!, (pair) =>
          Number.parseInt(pair, 16),
        );
        return littleEndian ? bytes.reverse() : bytes;
      };
      assert.equal(group.decodeScalar(bytesOf(q - 1n)), q - 1n);
      for (const k of [q, q + 1n, 2n ** 256n - 1n])
        assert.throws(() => group.decodeScalar(bytesOf(k)), RangeError, `${k}`);
      for (const length of [0, 31, 33, 64]) assert.throws(() => group.decodeScalar(new Uint8Array(length)), RangeError);
      for (const k of [q, -1n]) assert.throws(() => group.encodeScalar(k), `${k}`);
    });

    test("reduces long strings mod q in the group's byte order", () => {
      for (const length of [32, 48, 64]) {
        const bytes = rng(length);
        const ordered = group.name === "ed25519" ? bytes.toReversed() : bytes;
        const value = ordered.reduce((sum, byte) => (sum << 8n) + BigInt(byte), 0n);
        assert.equal(group.reduce(bytes), value % q);
      }
    });
  });

  describe(`${group.name}: hashing to the curve`, () => {
    const { dst, points } = HASH_TO_CURVE[group.name];

    test("gives the points of RFC 9380 appendix J", () => {
      for (const [i, [x, y]] of points.entries()) {
        const point = group.hashToCurve(utf8(MESSAGES[i]!), dst);
        assert.equal(toHex(group.encode(point)), encodingOf(group, x, y), MESSAGES[i]);
      }
    });

    test("gives points that decode, another one for each message and each tag", () => {
      const hashed = [rng(0), rng(1), rng(32), rng(200)].flatMap((message) =>
        ["a", "b", "c".repeat(255)].map((dst) => group.hashToCurve(message, dst)),
      );
      const encoded = group.encodeAll(hashed);
      assert.equal(new Set(encoded.map(toHex)).size, hashed.length);
      for (const [i, point] of group.decodeAll(encoded).entries()) same(point, hashed[i]!);
      const message = rng(40);
      same(
        group.hashToCurve(message, "a tag"),
        group.decode(reference.encode(reference.hashToCurve(message, "a tag"))),
      );
    });

    test("refuses an empty tag and one above 255 bytes", () => {
      for (const dst of ["", "a".repeat(256), "ü".repeat(128)])
        assert.throws(() => group.hashToCurve(rng(8), dst), dst);
    });
  });
}

/** The canonical encoding of an affine point, from hexadecimal coordinates. */
function encodingOf(group: Group, x: string, y: string): string {
  const isOdd = (hex: string): boolean => Number.parseInt(hex.at(-1)!, 16) % 2 === 1;
  if (group.name === "secp256k1") return (isOdd(y) ? "03" : "02") + x;
  const bytes = fromHex(y).reverse();
  if (isOdd(x)) bytes[31]! |= 0x80;
  return toHex(bytes);
}
