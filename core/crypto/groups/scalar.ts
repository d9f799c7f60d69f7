import { assert, type Rng } from "@conclave/bytes";
import type { Group } from "./group.ts";

/** Wide enough that reducing uniform bytes mod a 256-bit order leaves a bias below 2^-128 (RFC 9380 §5.1). */
const UNIFORM_BYTES = 48;

/** The representative of `value` in [0, modulus). */
export function mod(value: bigint, modulus: bigint): bigint {
  const remainder = value % modulus;
  return remainder < 0n ? remainder + modulus : remainder;
}

/** value^-1 mod a prime. Extended Euclid: for public values; a secret is blinded by its caller first. */
export function invert(value: bigint, modulus: bigint): bigint {
  let [low, high] = [mod(value, modulus), modulus];
  assert(low !== 0n, "zero has no inverse");
  let [x, previous] = [1n, 0n];
  while (low > 1n) {
    const quotient = high / low;
    [low, high] = [high % low, low];
    [x, previous] = [previous - quotient * x, x];
  }
  return mod(x, modulus);
}

/** A uniform scalar in [1, q). */
export function randomScalar(group: Group, rng: Rng): bigint {
  const k = group.reduce(rng(UNIFORM_BYTES));
  assert(k !== 0n, "a random scalar was zero: the random source is broken");
  return k;
}
