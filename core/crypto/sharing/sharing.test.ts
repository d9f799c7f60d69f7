import fc from "fast-check";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  coefficientAtZero,
  commit,
  ed25519Group,
  evaluate,
  evaluateInExponent,
  isShareOf,
  mod,
  randomPolynomial,
  secp256k1Group,
  sumCommitments,
} from "../index.ts";
import { seededRng } from "../testing/index.ts";

for (const group of [secp256k1Group, ed25519Group]) {
  const { order: q } = group;
  const rng = seededRng(`sharing/${group.name}`);
  const points = (size: number): fc.Arbitrary<number[]> =>
    fc.uniqueArray(fc.integer({ min: 1, max: 32 }), { minLength: size, maxLength: 8 });

  describe(`${group.name}: Lagrange weights`, () => {
    test("bring back the secret from any set of at least t shares, whatever its order", () => {
      fc.assert(
        fc.property(points(3), (set) => {
          const polynomial = randomPolynomial(group, 3, rng);
          const sum = set.reduce(
            (sum, x) => sum + coefficientAtZero(group, set, x) * evaluate(group, polynomial, x),
            0n,
          );
          assert.equal(mod(sum, q), polynomial[0]);
        }),
        { numRuns: 50 },
      );
    });

    test("do not bring it back from t − 1 shares", () => {
      const polynomial = randomPolynomial(group, 3, rng);
      const sum = [1, 2].reduce(
        (sum, x) => sum + coefficientAtZero(group, [1, 2], x) * evaluate(group, polynomial, x),
        0n,
      );
      assert.notEqual(mod(sum, q), polynomial[0]);
    });

    test("add up to one, so that an offset can be added to every share", () => {
      fc.assert(
        fc.property(points(1), (set) => {
          assert.equal(
            mod(
              set.reduce((sum, x) => sum + coefficientAtZero(group, set, x), 0n),
              q,
            ),
            1n,
          );
        }),
        { numRuns: 50 },
      );
    });

    test("are those of RFC 9591 §4.2 for {1, 2, 3}: 3, −3, 1", () => {
      assert.deepEqual(
        [1, 2, 3].map((x) => coefficientAtZero(group, [1, 2, 3], x)),
        [3n, q - 3n, 1n],
      );
      assert.equal(coefficientAtZero(group, [5], 5), 1n);
    });

    test("are refused for zero, doubles, strangers, negative and broken numbers", () => {
      const refused: [number[], number][] = [
        [[0, 1], 1],
        [[0, 1], 0],
        [[1, 1, 2], 1],
        [[1, 2], 3],
        [[], 1],
        [[-1, 2], 2],
        [[1.5, 2], 2],
        [[Number.NaN, 2], 2],
        [[2 ** 53, 2], 2],
      ];
      for (const [set, self] of refused)
        assert.throws(() => coefficientAtZero(group, set, self), { name: "AssertionError" });
    });
  });

  describe(`${group.name}: polynomials`, () => {
    test("are evaluated as the sum of their terms", () => {
      fc.assert(
        fc.property(fc.array(fc.bigInt({ min: 0n, max: q - 1n }), { maxLength: 6 }), fc.nat(40), (polynomial, x) => {
          const naive = polynomial.reduce((sum, coefficient, k) => sum + coefficient * BigInt(x) ** BigInt(k), 0n);
          assert.equal(evaluate(group, polynomial, x), mod(naive, q));
        }),
      );
    });

    test("have the wanted number of coefficients, none zero, all different", () => {
      const polynomial = randomPolynomial(group, 5, rng);
      assert.equal(polynomial.length, 5);
      assert.equal(new Set(polynomial).size, 5);
      assert.ok(polynomial.every((coefficient) => coefficient > 0n && coefficient < q));
      assert.throws(() => randomPolynomial(group, 0, rng), /constant term/);
    });
  });

  describe(`${group.name}: Feldman commitments`, () => {
    const polynomial = randomPolynomial(group, 3, rng);
    const commitment = commit(group, polynomial);

    test("hold the coefficients in the exponent, at zero the secret", () => {
      assert.equal(commitment.length, 3);
      for (const x of [0, 1, 2, 7, 32]) {
        const expected = group.multiplyBase(evaluate(group, polynomial, x));
        assert.ok(group.equals(evaluateInExponent(group, commitment, x), expected), `x = ${x}`);
      }
      assert.ok(group.equals(evaluateInExponent(group, commitment, 0), commitment[0]!));
    });

    test("accept each party's own share and nothing else", () => {
      for (const x of [1, 2, 5]) {
        const share = evaluate(group, polynomial, x);
        assert.equal(isShareOf(group, commitment, x, share), true);
        for (const wrong of [
          0n,
          1n,
          mod(share + 1n, q),
          mod(share - 1n, q),
          mod(-share, q),
          evaluate(group, polynomial, x + 1),
        ]) {
          assert.equal(isShareOf(group, commitment, x, wrong), false);
        }
        assert.equal(isShareOf(group, commitment, x + 1, share), false);
        assert.equal(isShareOf(group, commitment.slice(0, -1), x, share), false, "lower degree");
        assert.equal(isShareOf(group, [...commitment, group.generator], x, share), false, "higher degree");
      }
    });

    test("do not accept a zero share, even where it is the right one", () => {
      // f(x) = 1 − x is zero at 1: such a share would be public.
      const vanishing = commit(group, [1n, q - 1n]);
      assert.equal(evaluate(group, [1n, q - 1n], 1), 0n);
      assert.ok(group.isIdentity(evaluateInExponent(group, vanishing, 1)));
      assert.equal(isShareOf(group, vanishing, 1, 0n), false);
    });

    test("add up like their polynomials", () => {
      const others = [randomPolynomial(group, 3, rng), randomPolynomial(group, 3, rng)];
      const sum = [0, 1, 2].map((k) => mod(polynomial[k]! + others[0]![k]! + others[1]![k]!, q));
      const summed = sumCommitments(group, [commitment, ...others.map((other) => commit(group, other))]);
      for (const [k, point] of commit(group, sum).entries()) assert.ok(group.equals(point, summed[k]!));
      assert.deepEqual(sumCommitments(group, [commitment]), commitment);
    });

    test("of unequal degree are not added, nor are none", () => {
      assert.throws(() => sumCommitments(group, [commitment, commitment.slice(1)]), /equal degree/);
      assert.throws(() => sumCommitments(group, [commitment.slice(1), commitment]), /equal degree/);
      assert.throws(() => sumCommitments(group, []), /at least one/);
    });
  });
}
