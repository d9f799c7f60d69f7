/** Edges that one dealer made for both ends, so that a test of signing does not pay for base OTs. For tests and benchmarks only. */
import { transcript, type Rng } from "@conclave/bytes";
import { LEAVES, SEED_BYTES, TREES, type AllLeaves, type PuncturedLeaves } from "@conclave/crypto";
import type { KeyShare, Valid } from "@conclave/keys";
import { dealShares } from "@conclave/keys/testing";
import type { PartyIndex } from "@conclave/protocol";
import { testGroup } from "./engine.ts";
import type { Edge } from "../edge.ts";

/** A dealt key: what every party holds. */
export interface DealtKey {
  readonly shares: ReadonlyMap<PartyIndex, Valid<KeyShare>>;
  readonly edges: ReadonlyMap<PartyIndex, ReadonlyMap<PartyIndex, Edge>>;
}

/** The edges of everybody in `committee`, by party and peer. */
export function dealEdges(
  committee: readonly PartyIndex[],
  { rng, setup = rng(32) }: { readonly rng: Rng; readonly setup?: Uint8Array },
): ReadonlyMap<PartyIndex, ReadonlyMap<PartyIndex, Edge>> {
  const edges = new Map(committee.map((party) => [party, new Map<PartyIndex, Edge>()]));
  for (const [i, low] of committee.entries()) {
    for (const high of committee.slice(i + 1)) {
      const [up, down] = [dealDirection(rng), dealDirection(rng)];
      const zeroSeed = rng(32);
      const seed = (): Uint8Array => zeroSeed.slice();
      edges
        .get(low)!
        .set(high, edge(high, { setup, sending: up.sending, receiving: down.receiving, zeroSeed: seed() }));
      edges.get(high)!.set(low, edge(low, { setup, sending: down.sending, receiving: up.receiving, zeroSeed: seed() }));
    }
  }
  return edges;
}

const edge = (peer: PartyIndex, parts: Omit<Edge, "peer">): Edge => ({ ...parts, peer, setup: parts.setup.slice() });

/** Both ends of one direction: all leaves, and the same without one per tree, kept at index ⊕ missing. */
function dealDirection(rng: Rng): { readonly receiving: AllLeaves; readonly sending: PuncturedLeaves } {
  const leaves = Uint8Array.from(rng(TREES * LEAVES * SEED_BYTES));
  const missing = Uint8Array.from(rng(TREES), (byte) => byte % LEAVES);
  const punctured = new Uint8Array(leaves.length);
  for (let tree = 0; tree < TREES; tree++) {
    for (let leaf = 0; leaf < LEAVES; leaf++) {
      const place = leaf ^ missing[tree]!;
      if (place === 0) continue;
      const from = (tree * LEAVES + leaf) * SEED_BYTES;
      punctured.set(leaves.subarray(from, from + SEED_BYTES), (tree * LEAVES + place) * SEED_BYTES);
    }
  }
  return { receiving: { leaves }, sending: { leaves: punctured, missing } };
}

/** A t-of-n key with its edges. */
export function dealKey({ n, t, rng }: { readonly n: number; readonly t: number; readonly rng: Rng }): DealtKey {
  const dealt = dealShares(testGroup, { n, t, rng, scheme: "dkls23-secp256k1", purpose: "wallet/regtest" });
  const { certificate } = dealt[0]!.record;
  const setup = transcript("testing/dealt-setup", { certificate, entropy: rng(32) });
  return {
    shares: new Map(dealt.map((share) => [share.self, share])),
    edges: dealEdges(
      dealt.map(({ self }) => self),
      { rng, setup },
    ),
  };
}
