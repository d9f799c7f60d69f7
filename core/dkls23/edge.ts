import { codec, CodecError, fixedBytes, record, refine, type Codec, type Schema } from "@conclave/bytes";
import { LEAVES, SEED_BYTES, TREES, type AllLeaves, type PuncturedLeaves } from "@conclave/crypto";
import { partyIndex, type PartyIndex } from "@conclave/protocol";

/**
 * What a party keeps per counterparty, for all signatures of one key and epoch. Every failed check of the pair's oblivious
 * transfers may have shown the peer bits of it: after a fault of kind `cheat` it is erased and never used again.
 */
export interface Edge {
  readonly peer: PartyIndex;
  /** Names the session that made the edge; both ends hold the same. 32 bytes. */
  readonly setup: Uint8Array;
  /** For multiplications in which this party is the sender: all leaves but one per tree. */
  readonly sending: PuncturedLeaves;
  /** For multiplications in which this party is the receiver: all leaves. */
  readonly receiving: AllLeaves;
  /** seed_ij: makes shares of zero. 32 bytes, known to both ends. */
  readonly zeroSeed: Uint8Array;
}

const TREE_BYTES = LEAVES * SEED_BYTES;
const ALL_LEAVES_BYTES = TREES * TREE_BYTES;

const punctured: Schema<PuncturedLeaves> = refine(
  record({ leaves: fixedBytes(ALL_LEAVES_BYTES), missing: fixedBytes(TREES) }),
  { parse: puncturedOnly, print: (sending) => sending },
);

/** For storage at rest, under encryption. */
export const edgeCodec: Codec<Edge> = codec(
  record({
    peer: partyIndex,
    setup: fixedBytes(32),
    sending: punctured,
    receiving: record({ leaves: fixedBytes(ALL_LEAVES_BYTES) }),
    zeroSeed: fixedBytes(32),
  }),
);

/** Overwrite an edge. It must not be used again. */
export function wipeEdge({ sending, receiving, zeroSeed }: Edge): void {
  for (const buffer of [sending.leaves, sending.missing, receiving.leaves, zeroSeed]) buffer.fill(0);
}

/** The missing leaf of a tree is at place 0, as zeros, and its index is one of 16. */
function puncturedOnly(sending: PuncturedLeaves): PuncturedLeaves {
  for (let tree = 0; tree < TREES; tree++) {
    const hole = sending.leaves.subarray(tree * TREE_BYTES, tree * TREE_BYTES + SEED_BYTES);
    if (sending.missing[tree]! >= LEAVES || hole.some((byte) => byte !== 0)) {
      throw new CodecError("leaves that are not punctured in one place per tree");
    }
  }
  return sending;
}
