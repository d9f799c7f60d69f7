import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { BETA, LAMBDA, splitScalar } from "./endomorphism.ts";
import { secp256k1Group } from "./secp256k1.ts";

const { order } = secp256k1Group;
const P = 2n ** 256n - 2n ** 32n - 977n;

describe("the endomorphism of secp256k1", () => {
  test("its constants are cube roots of unity", () => {
    assert.equal((BETA * BETA * BETA) % P, 1n);
    assert.equal((LAMBDA * LAMBDA * LAMBDA) % order, 1n);
    assert.notEqual(BETA, 1n);
    assert.notEqual(LAMBDA, 1n);
  });

  test("splits every scalar into two halves that mean the same", () => {
    const edges = [0n, 1n, 2n, LAMBDA - 1n, LAMBDA, LAMBDA + 1n, order / 2n, order - 2n, order - 1n];
    const scalar = fc.oneof(fc.constantFrom(...edges), fc.bigInt({ min: 0n, max: order - 1n }));
    fc.assert(
      fc.property(scalar, (k) => {
        const { low, high } = splitScalar(k, order);
        assert.equal((((low + high * LAMBDA - k) % order) + order) % order, 0n);
        for (const half of [low, high]) assert.ok((half < 0n ? -half : half) < 2n ** 128n);
      }),
      { numRuns: 2_000 },
    );
  });

  test("public sums agree with secret multiplications, edges included", () => {
    const group = secp256k1Group;
    const { generator, identity } = group;
    const point = group.multiplyBaseSecret(123_456_789n);
    for (const k of [1n, 2n, LAMBDA, order - LAMBDA, order - 1n]) {
      assert.ok(group.equals(group.combine([point], [k]), group.multiplySecret(point, k)));
      assert.ok(
        group.equals(
          group.combine([generator, point], [k, order - k]),
          group.add(group.multiplyBaseSecret(k), group.multiplySecret(point, order - k)),
        ),
      );
    }
    assert.ok(group.equals(group.combine([point, point], [5n, order - 5n]), identity));
    assert.ok(group.equals(group.combine([point, identity], [0n, 7n]), identity));
    assert.ok(group.equals(group.combine([], []), identity));
  });
});
