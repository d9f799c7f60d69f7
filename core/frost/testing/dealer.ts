import type { Rng } from "@conclave/bytes";
import { commit, evaluate, evaluateInExponent, randomPolynomial, type Group, type Point } from "@conclave/crypto";
import type { PartyIndex } from "@conclave/protocol";

/** A key that one dealer knew whole (RFC 9591 Appendix C): tests and benchmarks only. */
export interface DealtKey {
  readonly secret: bigint;
  readonly publicKey: Point;
  readonly chainCode: Uint8Array;
  readonly threshold: number;
  readonly shares: ReadonlyMap<PartyIndex, bigint>;
  readonly publicShares: ReadonlyMap<PartyIndex, Point>;
}

/** Deal a fresh t-of-n key. */
export function deal(group: Group, { n, t, rng }: { n: number; t: number; rng: Rng }): DealtKey {
  const polynomial = randomPolynomial(group, t, rng);
  const commitment = commit(group, polynomial);
  const parties = Array.from({ length: n }, (_, i) => (i + 1) as PartyIndex);
  return {
    secret: polynomial[0]!,
    publicKey: commitment[0]!,
    chainCode: rng(32),
    threshold: t,
    shares: new Map(parties.map((party) => [party, evaluate(group, polynomial, party)])),
    publicShares: new Map(parties.map((party) => [party, evaluateInExponent(group, commitment, party)])),
  };
}
