/**
 * Signatures under checkpoints of audit logs: this node's own, and those of other nodes that it confirms. They are no promise about
 * coins, and the logs are the hosts'; what stands here is that one node never confirms two histories of another in one life, and
 * that nobody's checkpoint is taken for another's.
 */
import { CodecError, equalBytes } from "@conclave/bytes";
import {
  auditCheckpointCodec,
  entryOf,
  signCheckpoint,
  signedCheckpointCodec,
  verifyCheckpoint,
  type AuditCheckpoint,
  type NodeId,
  type Roster,
} from "@conclave/consensus";
import type { Engine } from "@conclave/crypto";
import type { Envelope, HeaderFields } from "./envelope.ts";
import type { Emit } from "./events.ts";
import type { Identity } from "./identity.ts";

export interface CheckpointParts {
  readonly engine: Engine;
  readonly roster: Roster;
  readonly identity: Identity;
  readonly others: () => readonly NodeId[];
  readonly emit: Emit;
  readonly seal: (fields: HeaderFields, body: Uint8Array) => Envelope;
}

const TOPIC = "checkpoint";

export class Checkpoints {
  readonly #parts: CheckpointParts;
  /** The latest that this process signed, by whose log it is. */
  readonly #latest = new Map<NodeId, AuditCheckpoint>();

  constructor(parts: CheckpointParts) {
    this.#parts = parts;
  }

  /**
   * Sign a checkpoint. Of this node's own log: asks every other node to confirm it. Of another's: tells that node. Throws
   * `CodecError` for another cluster's or a stranger's, and for one that contradicts what was signed before.
   */
  sign(encoded: Uint8Array): void {
    const { identity, roster, others, emit, seal } = this.#parts;
    const checkpoint = auditCheckpointCodec.decode(encoded);
    const { cluster, node } = checkpoint;
    if (cluster !== roster.cluster || entryOf(roster, node) === undefined)
      throw new CodecError("a checkpoint of another cluster, or of no node of this one");
    this.#checkFollows(checkpoint);
    this.#latest.set(node, checkpoint);
    const signed = signedCheckpointCodec.encode(signCheckpoint(identity.envelope, identity.id, checkpoint));
    const to = node === identity.id ? others() : [node];
    emit({ kind: "checkpoint", checkpoint: signed });
    emit({ kind: "send", to, wire: seal({ kind: "checkpoint" }, signed).wire, topic: TOPIC });
  }

  #checkFollows({ node, position, hash }: AuditCheckpoint): void {
    const latest = this.#latest.get(node);
    if (latest === undefined || position > latest.position) return;
    if (position === latest.position && equalBytes(hash, latest.hash)) return;
    throw new CodecError(
      `a checkpoint at ${position} contradicts the one at ${latest.position} that was signed before`,
    );
  }

  /** A peer proposes a checkpoint of its log, or confirms one of ours. */
  hear({ header: { sender }, body }: Envelope): void {
    const { engine, roster, identity, emit } = this.#parts;
    const signed = signedCheckpointCodec.decode(body);
    const { node } = signed.checkpoint;
    if (signed.signer !== sender) throw new CodecError("a checkpoint is told by whoever signed it");
    if (node !== sender && node !== identity.id) throw new CodecError("a checkpoint of a log that is neither's");
    if (!verifyCheckpoint(engine, roster, signed)) throw new CodecError("a checkpoint whose signature does not hold");
    emit({ kind: "checkpoint", checkpoint: body });
  }
}
