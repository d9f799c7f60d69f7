/** The kernel's split of scalars: k = low + high·λ mod q with halves that fit the digits. */
import { toHex } from "@conclave/bytes";
import { seededRng } from "@conclave/crypto/testing";
import assert from "node:assert/strict";
import { test } from "node:test";
import { threadKernel } from "./kernel.ts";
import { LAMBDA, mod, Q } from "./testing/affine.ts";

const { run, scalars } = threadKernel();
const rng = seededRng("engine-wasm/scalar");

/** A short lattice basis, as in `core/crypto/groups/endomorphism.ts`. */
const A1 = 0x3086d221a7d46bcde86c90e49284eb15n;
const MINUS_B1 = 0xe4437ed6010e88286f547fa90abfe4c3n;

function halfAt(address: number): bigint {
  const words = new Uint32Array(run.memory.buffer, address, 5);
  return BigInt.asIntN(
    160,
    words.reduceRight((value, word) => (value << 32n) + BigInt(word), 0n),
  );
}

function split(k: bigint): { low: bigint; high: bigint } {
  for (let i = 0; i < 4; i++) scalars[i] = k >> BigInt(64 * i);
  run.splitScalar();
  return { low: halfAt(run.low.value), high: halfAt(run.high.value) };
}

/** Scalars beside which one of the two quotients rounds the other way: (n + 1/2)·q / B. */
const turningPoints = (b: bigint): bigint[] =>
  [0n, 1n, 2n, b / 3n, b / 2n, b - 2n, b - 1n].flatMap((n) => {
    const middle = ((2n * n + 1n) * Q) / (2n * b);
    return [-1n, 0n, 1n, 2n].map((offset) => middle + offset);
  });

const SCALARS: readonly bigint[] = [
  [0n, 1n, 2n, LAMBDA - 1n, LAMBDA, LAMBDA + 1n, Q - LAMBDA, Q - LAMBDA - 1n, Q - 2n, Q - 1n, 2n ** 255n, 2n ** 128n],
  [...turningPoints(A1), ...turningPoints(MINUS_B1)],
  Array.from({ length: 256 }, (_, i) => mod(2n ** BigInt(i) - 1n, Q)),
  Array.from({ length: 256 }, (_, i) => mod(-(2n ** BigInt(i)), Q)),
  Array.from({ length: 2000 }, () => BigInt(`0x${toHex(rng(32))}`) % Q),
].flat();

test("halves add up to the scalar and stay below 0.64·2^128 and 0.55·2^128", () => {
  const largest = { low: 0n, high: 0n };
  for (const k of SCALARS) {
    const { low, high } = split(k);
    assert.equal(mod(low + high * LAMBDA, Q), k, `${k}`);
    for (const [name, half] of [
      ["low", low],
      ["high", high],
    ] as const) {
      const size = half < 0n ? -half : half;
      if (size > largest[name]) largest[name] = size;
    }
  }
  assert.ok(largest.low * 100n < 64n * 2n ** 128n, `low reached ${largest.low}`);
  assert.ok(largest.high * 100n < 55n * 2n ** 128n, `high reached ${largest.high}`);
  // The inputs are worth something only if they come near the bounds.
  assert.ok(largest.low * 100n > 60n * 2n ** 128n && largest.high * 100n > 50n * 2n ** 128n);
});
