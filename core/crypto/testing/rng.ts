import type { Rng } from "@conclave/bytes";
import { sha256 } from "@noble/hashes/sha2.js";
import { concatBytes, utf8ToBytes } from "@noble/hashes/utils.js";

/** A reproducible byte stream: SHA-256 in counter mode over `seed`. For tests and simulations only. */
export function seededRng(seed: string): Rng {
  const key = sha256(utf8ToBytes(seed));
  let counter = 0;
  return (length) => {
    const blocks: Uint8Array[] = [];
    for (let have = 0; have < length; have += 32) {
      counter += 1;
      blocks.push(sha256(concatBytes(key, Uint8Array.of(counter >>> 24, counter >>> 16, counter >>> 8, counter))));
    }
    return concatBytes(...blocks).subarray(0, length);
  };
}
