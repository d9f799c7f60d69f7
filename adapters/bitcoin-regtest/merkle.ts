import { doubleSha256, internalHash } from "./hash.ts";

/** Hashes from the leaves up; each level is complete, an odd last one paired with itself (Bitcoin's Merkle tree). */
function levels(txids: readonly string[]): readonly (readonly Uint8Array[])[] {
  const all: (readonly Uint8Array[])[] = [txids.map(internalHash)];
  for (let level = all[0]!; level.length > 1; level = all.at(-1)!) {
    const above: Uint8Array[] = [];
    for (let i = 0; i < level.length; i += 2) {
      above.push(doubleSha256(Buffer.concat([level[i]!, level[i + 1] ?? level[i]!])));
    }
    all.push(above);
  }
  return all;
}

/** The siblings from the leaf at `position` up to the root. */
export function merkleBranch(txids: readonly string[], position: number): readonly Uint8Array[] {
  return levels(txids)
    .slice(0, -1)
    .map((level, depth) => {
      const index = position >> depth;
      return level[index ^ 1] ?? level[index]!;
    });
}

/** Hashes and flag bits of the partial tree that proves one leaf (BIP37, `merkleblock`), without the header. */
export function partialMerkleTree(txids: readonly string[], position: number): Uint8Array {
  const tree = levels(txids);
  const bits: boolean[] = [];
  const hashes: Uint8Array[] = [];
  const visit = (depth: number, index: number): void => {
    const onPath = position >> depth === index;
    bits.push(onPath);
    if (depth === 0 || !onPath) {
      hashes.push(tree[depth]![index]!);
      return;
    }
    visit(depth - 1, 2 * index);
    if (2 * index + 1 < tree[depth - 1]!.length) visit(depth - 1, 2 * index + 1);
  };
  visit(tree.length - 1, 0);
  const flags = Buffer.alloc(Math.ceil(bits.length / 8));
  bits.forEach((bit, i) => (flags[i >> 3]! |= Number(bit) << (i & 7)));
  const count = Buffer.alloc(4);
  count.writeUInt32LE(txids.length);
  // Both lists stay far below 253 entries, so that their lengths are single bytes.
  return Buffer.concat([count, Buffer.of(hashes.length), ...hashes, Buffer.of(flags.length), flags]);
}
