import { assert, type Rng } from "@conclave/bytes";
import type { Group } from "../groups/group.ts";
import { mod, randomScalar } from "../groups/scalar.ts";

/** f(x) = Σ f_k·x^k mod q; index k of the array is f_k. */
export type Polynomial = readonly bigint[];

/** A uniform polynomial with `length` coefficients (degree `length` − 1), none of them zero. */
export function randomPolynomial(group: Group, length: number, rng: Rng): Polynomial {
  assert(length >= 1, "a polynomial has a constant term");
  return Array.from({ length }, () => randomScalar(group, rng));
}

/** f(x) mod q, by Horner's rule. */
export const evaluate = (group: Group, polynomial: Polynomial, x: number): bigint =>
  polynomial.reduceRight((sum, coefficient) => mod(sum * BigInt(x) + coefficient, group.order), 0n);
