/** Blocks with real proof of work at regtest's difficulty, and Merkle branches into them. Only for tests. */
import { concatBytes } from "@conclave/bytes";
import { hash256, printHash, targetOf } from "../index.ts";
import type { MerkleProof } from "../index.ts";

const uint32 = (value: number): Uint8Array => Uint8Array.of(value, value >>> 8, value >>> 16, value >>> 24);

export interface BlockParts {
  readonly previous: Uint8Array;
  readonly merkleRoot: Uint8Array;
  readonly bits?: number;
  /** False makes a header whose hash misses its target. */
  readonly worked?: boolean;
}

/** 80 bytes whose hash meets (or, on request, misses) the target of `bits`, regtest's easiest by default. */
export function mineHeader({ previous, merkleRoot, bits = 0x207fffff, worked = true }: BlockParts): Uint8Array {
  const target = targetOf(bits) ?? 0n;
  for (let nonce = 0; ; nonce++) {
    const header = concatBytes(uint32(4), previous, merkleRoot, uint32(1_700_000_000), uint32(bits), uint32(nonce));
    if (BigInt(`0x${printHash(hash256(header))}`) <= target === worked) return header;
  }
}

/** `count` further headers on top of `first`. */
export function mineOn(first: Uint8Array, count: number, bits?: number): Uint8Array[] {
  const headers = [first];
  for (let i = 0; i < count; i++) {
    const parts = { previous: hash256(headers.at(-1)!), merkleRoot: new Uint8Array(32).fill(i) };
    headers.push(mineHeader(bits === undefined ? parts : { ...parts, bits }));
  }
  return headers;
}

/** Root over txids in consensus byte order, and the branch of one position as Esplora gives it. */
export function merkleTree(
  txids: readonly Uint8Array[],
  pos: number,
): { readonly root: Uint8Array; readonly merkle: string[] } {
  const merkle: string[] = [];
  let level = [...txids];
  for (let index = pos; level.length > 1; index >>= 1) {
    if (level.length % 2 === 1) level.push(level.at(-1)!);
    merkle.push(printHash(level[index ^ 1]!));
    level = Array.from({ length: level.length / 2 }, (_, i) => hash256(concatBytes(level[2 * i]!, level[2 * i + 1]!)));
  }
  return { root: level[0]!, merkle };
}

export const proofOf = (txids: readonly Uint8Array[], pos: number, height: number): MerkleProof => ({
  block_height: height,
  merkle: merkleTree(txids, pos).merkle,
  pos,
});
