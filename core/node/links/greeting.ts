/** What two meshes say to each other before a link counts as up: who they are, in which roster, in which life. */
import { codec, fixedBytes, record, uint, type Codec } from "@conclave/bytes";
import { nodeId, type NodeId } from "@conclave/consensus";

/** Raised when meshes of an older version could not talk to newer ones. */
export const LINK_VERSION = 1;
export const LIFE_BYTES = 16;

export interface Hello {
  readonly version: number;
  readonly roster: Uint8Array;
  readonly from: NodeId;
  readonly to: NodeId;
  /** Drawn anew by each process: tells a restart from a second connection. */
  readonly life: Uint8Array;
}

export const helloCodec: Codec<Hello> = codec(
  record({
    version: uint({ min: 1 }),
    roster: fixedBytes(32),
    from: nodeId,
    to: nodeId,
    life: fixedBytes(LIFE_BYTES),
  }),
);

/** The receiver's life, told back: the greeting arrived and is accepted. */
export const ackCodec: Codec<{ readonly life: Uint8Array }> = codec(record({ life: fixedBytes(LIFE_BYTES) }));
