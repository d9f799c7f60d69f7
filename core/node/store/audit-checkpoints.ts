/** Checkpoints of audit logs: when one is due, whether to confirm another node's, and how they are kept. */
import { fromHex, toHex } from "@conclave/bytes";
import type { AuditCheckpoint, NodeId, Roster, SignedCheckpoint } from "@conclave/consensus";
import type { AuditHead } from "./audit.ts";

/** A checkpoint that somebody signed, as a row. */
export interface StoredCheckpoint {
  /** Whose log it is. */
  readonly node: NodeId;
  readonly position: number;
  /** 64 hexadecimal digits. */
  readonly hash: string;
  readonly atMs: number;
  readonly signer: NodeId;
  readonly signature: Uint8Array;
}

/** A signed checkpoint as a row. The store is one cluster's, whose name the row leaves out. */
export const checkpointRow = ({ checkpoint, signer, signature }: SignedCheckpoint): StoredCheckpoint => ({
  node: checkpoint.node,
  position: checkpoint.position,
  hash: toHex(checkpoint.hash),
  atMs: checkpoint.atMs,
  signer,
  signature,
});

/** A row as what was signed. */
export const checkpointOf = (
  cluster: string,
  { node, position, hash, atMs, signer, signature }: StoredCheckpoint,
): SignedCheckpoint => ({
  checkpoint: { domain: "conclave/audit-checkpoint/v1", cluster, node, position, hash: fromHex(hash), atMs },
  signer,
  signature,
});

/** An export proves everything but the entries since the last checkpoint; these bound how many and how old those are. */
const CHECKPOINT_ENTRIES = 500;
const CHECKPOINT_MS = 600_000;

/**
 * Whether to propose a checkpoint now. `last` is this node's own latest proposal, null if there is none. Nothing is due while
 * nothing was written since.
 */
export function checkpointDue(
  head: AuditHead,
  last: { readonly position: number; readonly atMs: number } | null,
  nowMs: number,
): boolean {
  const entries = head.position - (last?.position ?? 0);
  return entries >= CHECKPOINT_ENTRIES || (entries > 0 && (last === null || nowMs - last.atMs >= CHECKPOINT_MS));
}

/** The checkpoint of a head. Throws `CodecError` nowhere: the head of an empty log is never due. */
export const checkpointAt = (
  { position, hash }: AuditHead,
  { cluster, node, nowMs }: { readonly cluster: string; readonly node: NodeId; readonly nowMs: number },
): AuditCheckpoint => ({
  domain: "conclave/audit-checkpoint/v1",
  cluster,
  node,
  position,
  hash: fromHex(hash),
  atMs: nowMs,
});

/** Clocks of honest nodes differ by less; a checkpoint's time is told to auditors. */
const MAX_CLOCK_DIFFERENCE_MS = 300_000;

/**
 * Why a node does not confirm a checkpoint:
 * - `foreign`: another cluster's, a stranger's, or this node's own
 * - `clock`: its time is too far from this node's
 * - `back`: the log had more entries when this node last confirmed it: it was cut or restored
 * - `forked`: the log had another hash at this position: it was rewritten
 */
export type CheckpointRefusal = "foreign" | "clock" | "back" | "forked";

/**
 * Whether this node confirms another one's checkpoint, whose signature it verified. `last` is the latest checkpoint of that
 * node that this one confirmed, null if there is none. `back` and `forked` are for operators to look at: a restored
 * database does the same.
 */
export function judgeCheckpoint(
  checkpoint: AuditCheckpoint,
  {
    roster,
    self,
    last,
    nowMs,
  }: {
    readonly roster: Roster;
    readonly self: NodeId;
    readonly last: Pick<StoredCheckpoint, "position" | "hash"> | null;
    readonly nowMs: number;
  },
): "confirm" | CheckpointRefusal {
  const { cluster, node, position, hash, atMs } = checkpoint;
  if (cluster !== roster.cluster || node === self || !roster.nodes.some(({ id }) => id === node)) return "foreign";
  if (Math.abs(atMs - nowMs) > MAX_CLOCK_DIFFERENCE_MS) return "clock";
  if (last === null || position > last.position) return "confirm";
  if (position < last.position) return "back";
  return toHex(hash) === last.hash ? "confirm" : "forked";
}
