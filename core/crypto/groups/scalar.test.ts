import fc from "fast-check";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ed25519Group, invert, mod, randomScalar, secp256k1Group } from "../index.ts";
import { seededRng } from "../testing/index.ts";

const q = secp256k1Group.order;

describe("scalars", () => {
  test("are reduced into [0, q), negative ones too", () => {
    assert.deepEqual([mod(-1n, q), mod(q, q), mod(-q, q), mod(2n * q + 5n, q)], [q - 1n, 0n, 0n, 5n]);
    fc.assert(
      fc.property(fc.bigInt(), (value) => {
        const reduced = mod(value, 97n);
        assert.ok(reduced >= 0n && reduced < 97n && (value - reduced) % 97n === 0n);
      }),
    );
  });

  test("times their inverse are one", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 1n, max: q - 1n }), (value) => assert.equal(mod(value * invert(value, q), q), 1n)),
    );
    assert.equal(invert(1n, q), 1n);
    assert.equal(invert(q - 1n, q), q - 1n);
    assert.equal(invert(-1n, q), q - 1n);
    assert.throws(() => invert(0n, q), /zero has no inverse/);
    assert.throws(() => invert(q, q), /zero has no inverse/);
  });

  test("drawn at random are below q, differ, and come from 48 bytes each", () => {
    for (const group of [secp256k1Group, ed25519Group]) {
      const rng = seededRng("scalars");
      const asked: number[] = [];
      const drawn = Array.from({ length: 20 }, () =>
        randomScalar(group, (length) => {
          asked.push(length);
          return rng(length);
        }),
      );
      assert.equal(new Set(drawn).size, 20);
      assert.ok(drawn.every((k) => k > 0n && k < group.order));
      assert.deepEqual(new Set(asked), new Set([48]));
    }
  });

  test("from a random source that gives zeros stop everything", () => {
    assert.throws(() => randomScalar(secp256k1Group, (length) => new Uint8Array(length)), /random source is broken/);
  });
});
