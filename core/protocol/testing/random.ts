import { transcript, type Rng } from "@conclave/bytes";
import type { PartyIndex } from "../party.ts";

/** Small, fast, reproducible choices for a scheduler. Never for a protocol's secrets. */
export interface Dice {
  /** An integer in [0, bound). */
  below(bound: number): number;
  /** True with the given probability. */
  chance(probability: number): boolean;
}

/** Dice seeded from text: Mulberry32 (Tommy Ettinger, public domain) over the first word of a hash. */
export function seededDice(seed: string): Dice {
  const digest = transcript("testing/dice", { seed });
  let state = new DataView(digest.buffer, digest.byteOffset).getUint32(0);
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let word = Math.imul(state ^ (state >>> 15), state | 1);
    word ^= word + Math.imul(word ^ (word >>> 7), word | 61);
    return ((word ^ (word >>> 14)) >>> 0) / 2 ** 32;
  };
  return { below: (bound) => Math.floor(next() * bound), chance: (probability) => next() < probability };
}

/** A reproducible byte stream for one party: SHA-256 in counter mode over (seed, party). */
export function partyRng(seed: string, party: PartyIndex): Rng {
  let counter = 0;
  return (length) => {
    const stream = new Uint8Array(length);
    for (let at = 0; at < length; at += 32) {
      counter += 1;
      const block = transcript("testing/rng", { seed, party, counter });
      stream.set(block.subarray(0, Math.min(32, length - at)), at);
    }
    return stream;
  };
}
