import type { Rng } from "@conclave/bytes";
import type { AllLeaves, PuncturedLeaves } from "../index.ts";
import { LEAVES, SEED_BYTES, TREES } from "../ot/parameters.ts";

/** What an honest pair holds after its base OTs and trees, without running them: random leaves, random missing ones. */
export function randomLeaves(rng: Rng): { readonly all: AllLeaves; readonly punctured: PuncturedLeaves } {
  const leaves = Uint8Array.from(rng(TREES * LEAVES * SEED_BYTES));
  const missing = rng(TREES).map((byte) => byte % LEAVES);
  return { all: { leaves }, punctured: puncture(leaves, missing) };
}

/** All leaves but the missing ones, each kept at index ⊕ missing, as `PuncturedLeaves` says. */
export function puncture(leaves: Uint8Array, missing: Uint8Array): PuncturedLeaves {
  const kept = new Uint8Array(leaves.length);
  for (let tree = 0; tree < TREES; tree++) {
    for (let leaf = 0; leaf < LEAVES; leaf++) {
      const [from, to] = [tree * LEAVES + leaf, tree * LEAVES + (leaf ^ missing[tree]!)];
      if (leaf !== missing[tree])
        kept.set(leaves.subarray(from * SEED_BYTES, (from + 1) * SEED_BYTES), to * SEED_BYTES);
    }
  }
  return { leaves: kept, missing: missing.slice() };
}
