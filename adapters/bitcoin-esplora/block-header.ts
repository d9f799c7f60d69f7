import { concatBytes } from "@conclave/bytes";
import { hash256, printHash, targetOf, txidBytes } from "@conclave/bitcoin";
import { type BlockHeader, ChainLied } from "./chain.ts";

export const HEADER_BYTES = 80;

/** Reads 80 header bytes. Throws `ChainLied` if they hash to something else than `expected`, or above their own target. */
export function parseHeader(raw: Uint8Array, expected: string): BlockHeader {
  if (raw.length !== HEADER_BYTES) throw new ChainLied(`block ${expected}: a header of ${raw.length} bytes`);
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
  const header: BlockHeader = {
    hash: printHash(hash256(raw)),
    version: view.getInt32(0, true),
    previous: printHash(raw.slice(4, 36)),
    merkleRoot: printHash(raw.slice(36, 68)),
    time: view.getUint32(68, true),
    bits: view.getUint32(72, true),
    nonce: view.getUint32(76, true),
    raw,
  };
  if (header.hash !== expected) throw new ChainLied(`block ${expected}: its header hashes to ${header.hash}`);
  // Whether that target is hard enough for the network is for whoever relies on the proof to say: see core/bitcoin/spv.ts.
  const target = targetOf(header.bits);
  if (target === undefined || BigInt(`0x${header.hash}`) > target) {
    throw new ChainLied(`block ${expected}: its header lacks the proof of work it names`);
  }
  return header;
}

/** The 80 bytes of a header given field by field. */
export function headerBytes(fields: Omit<BlockHeader, "hash" | "raw">): Uint8Array {
  const head = new Uint8Array(4);
  new DataView(head.buffer).setInt32(0, fields.version, true);
  const tail = new Uint8Array(12);
  const view = new DataView(tail.buffer);
  view.setUint32(0, fields.time, true);
  view.setUint32(4, fields.bits, true);
  view.setUint32(8, fields.nonce, true);
  return concatBytes(head, txidBytes(fields.previous), txidBytes(fields.merkleRoot), tail);
}

/** No block holds more transactions than fit 20 levels; a longer branch is a forgery. */
const MAX_DEPTH = 20;

/** Merkle root of a branch. Throws `ChainLied` for a position outside the tree that the branch describes. */
export function merkleRootOf(
  txid: string,
  { position, branch }: { position: number; branch: readonly string[] },
): string {
  if (branch.length > MAX_DEPTH || position >= 2 ** branch.length) {
    throw new ChainLied(`proof of ${txid}: position ${position} does not fit a branch of ${branch.length}`);
  }
  let node = txidBytes(txid);
  branch.forEach((sibling, depth) => {
    const other = txidBytes(sibling);
    const pair = ((position >>> depth) & 1) === 0 ? [node, other] : [other, node];
    node = hash256(concatBytes(...pair));
  });
  return printHash(node);
}
