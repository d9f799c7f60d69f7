/**
 * A checkpoint of a node's audit log: "at this time my log had so many entries and this hash". The node itself signs it when it
 * asks, the other nodes when they keep it. What others signed, the node can neither cut nor rewrite unnoticed, and a node that
 * shows two histories signs the proof of it.
 */
import {
  codec,
  CodecError,
  equalBytes,
  fixedBytes,
  fromHex,
  literal,
  record,
  text,
  transcript,
  uint,
  type Codec,
  type SchemaOf,
} from "@conclave/bytes";
import type { Ed25519Signer, Engine } from "@conclave/crypto";
import { entryOf, NODE_NAME, nodeId, type NodeId, type Roster } from "./roster.ts";

const checkpointSchema = record({
  domain: literal("conclave/audit-checkpoint/v1"),
  /** The cluster's name, so that a checkpoint counts in one place only. */
  cluster: text({ max: 64, pattern: NODE_NAME }),
  /** Whose log it is. */
  node: nodeId,
  /** How many entries the log had. */
  position: uint({ min: 1 }),
  /** The hash of the last of them. */
  hash: fixedBytes(32),
  /** The node's own time, milliseconds since 1970. */
  atMs: uint(),
});

/** What is signed. */
export type AuditCheckpoint = SchemaOf<typeof checkpointSchema>;
/** A checkpoint's canonical bytes. */
export const auditCheckpointCodec: Codec<AuditCheckpoint> = codec(checkpointSchema);

const signedCheckpointSchema = record({
  checkpoint: checkpointSchema,
  signer: nodeId,
  /** Ed25519 by the signer's identity. */
  signature: fixedBytes(64),
});

/** A checkpoint and one node's signature over it; nothing is proven until `verifyCheckpoint`. */
export type SignedCheckpoint = SchemaOf<typeof signedCheckpointSchema>;
/** A signed checkpoint as it is stored and sent. */
export const signedCheckpointCodec: Codec<SignedCheckpoint> = codec(signedCheckpointSchema);

/** The signer stands in it, so that one node's signature is never shown as another's agreement. */
const signedBytes = (checkpoint: AuditCheckpoint, signer: NodeId): Uint8Array =>
  transcript("consensus/audit-checkpoint", {
    checkpoint: auditCheckpointCodec.encode(checkpoint),
    signer: fromHex(signer),
  });

/** Signs with a node's identity. The node of the log proposes with it, another node confirms what it keeps. */
export function signCheckpoint(signer: Ed25519Signer, self: NodeId, checkpoint: AuditCheckpoint): SignedCheckpoint {
  if (!equalBytes(signer.publicKey, fromHex(self)))
    throw new CodecError("a checkpoint is signed with the identity of the node that signs it");
  return { checkpoint, signer: self, signature: signer.sign(signedBytes(checkpoint, self)) };
}

/** True if the named node of this roster signed exactly this checkpoint, of a node of this roster. False for strangers. */
export function verifyCheckpoint(engine: Engine, roster: Roster, signed: SignedCheckpoint): boolean {
  const { checkpoint, signer, signature } = signed;
  if (checkpoint.cluster !== roster.cluster) return false;
  if (entryOf(roster, checkpoint.node) === undefined || entryOf(roster, signer) === undefined) return false;
  return engine.ed25519Verifier(fromHex(signer))(signedBytes(checkpoint, signer), signature);
}

/** True if somebody else signed it than the node whose log it is. A node's own word about its log proves nothing. */
export const isCosigned = ({ checkpoint, signer }: SignedCheckpoint): boolean => signer !== checkpoint.node;

/** True if `signed` is another node's word on exactly what was proposed. Says nothing about signatures. */
export const confirms = (signed: SignedCheckpoint, proposal: SignedCheckpoint): boolean =>
  isCosigned(signed) &&
  equalBytes(auditCheckpointCodec.encode(signed.checkpoint), auditCheckpointCodec.encode(proposal.checkpoint));

/**
 * True if one node signed two histories of its own log: the same position with different hashes. Both signatures have to be
 * good; then the two prove it to anybody.
 */
export const isForked = (a: SignedCheckpoint, b: SignedCheckpoint): boolean =>
  [a, b].every(({ checkpoint, signer }) => signer === checkpoint.node) &&
  a.signer === b.signer &&
  a.checkpoint.cluster === b.checkpoint.cluster &&
  a.checkpoint.position === b.checkpoint.position &&
  !equalBytes(a.checkpoint.hash, b.checkpoint.hash);
