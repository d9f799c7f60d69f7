import { assert } from "@conclave/bytes";
import type { Group, Point } from "../groups/group.ts";
import { mod } from "../groups/scalar.ts";
import type { Polynomial } from "./polynomial.ts";

/** F_k = f_k·G for each coefficient: a public promise of a secret polynomial (Feldman 1987). */
export type Commitment = readonly Point[];

export const commit = (group: Group, polynomial: Polynomial): Commitment =>
  polynomial.map((coefficient) => group.multiplyBaseSecret(coefficient));

/** F(x) = Σ x^k·F_k: what f(x)·G has to be. */
export function evaluateInExponent(group: Group, commitment: Commitment, x: number): Point {
  const powers = [1n];
  while (powers.length < commitment.length) powers.push(mod(powers.at(-1)! * BigInt(x), group.order));
  return group.combine(commitment, powers);
}

/** True if `share` is f(x) for the committed f. `share` may be secret. */
export const isShareOf = (group: Group, commitment: Commitment, x: number, share: bigint): boolean =>
  share !== 0n && group.equals(group.multiplyBaseSecret(share), evaluateInExponent(group, commitment, x));

/** The commitment to the sum of several polynomials of equal degree. */
export function sumCommitments(group: Group, commitments: readonly Commitment[]): Commitment {
  const [first, ...others] = commitments;
  assert(first !== undefined, "at least one commitment");
  return first.map((point, k) =>
    others.reduce((sum, other) => {
      assert(other.length === first.length, "commitments of equal degree");
      return group.add(sum, other[k]!);
    }, point),
  );
}
