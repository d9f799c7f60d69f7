/** The audit log: a chain of hashes, in which nothing is changed or taken out unnoticed. */
import { toHex, transcript } from "@conclave/bytes";
import type { NodeId } from "@conclave/consensus";
import type { StoredCheckpoint } from "./audit-checkpoints.ts";
import type { Saved } from "./outcome.ts";

/** Detail of an audit entry: flat, and free of secrets. */
export type AuditDetail = Readonly<Record<string, string | number | boolean | null>>;

/** What an entry says. */
export interface AuditRecord {
  readonly atMs: number;
  /** Who did it: a node id, a user, or a part of the program. */
  readonly actor: string;
  readonly action: string;
  /** What it was done to; empty if nothing in particular. */
  readonly subject: string;
  readonly detail: AuditDetail;
}

/** Position (1, 2, …) and hash of an audit entry. Whoever remembers the latest one notices a log that was cut. */
export interface AuditHead {
  readonly position: number;
  /** 64 hexadecimal digits. */
  readonly hash: string;
}

/** A record and its place in the chain; `previous` is the hash of the entry before. */
export type AuditEntry = AuditRecord & AuditHead & { readonly previous: string };

/** Outcome of `verify`: how many entries there are, or where the chain breaks first. */
export type AuditVerdict =
  | { readonly intact: true; readonly entries: number }
  | { readonly intact: false; readonly position: number; readonly reason: string };

/** The log, which only grows. */
export interface Audit {
  append(record: AuditRecord): Promise<AuditEntry>;
  /** In order, from position `from`. */
  list(query: { readonly from: number; readonly limit: number }): Promise<readonly AuditEntry[]>;
  /** The latest entry's position and hash; position 0 and `AUDIT_GENESIS` if there is none. */
  head(): Promise<AuditHead>;
  /** Recomputes the whole chain. With `known`, also requires that this earlier head is still part of it. */
  verify(known?: AuditHead): Promise<AuditVerdict>;
  /**
   * Keeps a checkpoint that somebody signed and the caller verified: others' of this log, and this node's of other logs.
   * The first one of a signer at a position stays; with another hash, a further one is a `conflict`.
   */
  keepCheckpoint(checkpoint: StoredCheckpoint): Promise<Saved>;
  /** Checkpoints of a node's log from position `from` on, by position, then signer. */
  checkpoints(query: {
    readonly node: NodeId;
    readonly from: number;
    readonly limit: number;
  }): Promise<readonly StoredCheckpoint[]>;
  /** The one with the highest position that `signer` signed of a node's log. */
  lastCheckpoint(node: NodeId, signer: NodeId): Promise<StoredCheckpoint | undefined>;
}

/** Stands as `previous` in the first entry. */
export const AUDIT_GENESIS = "0".repeat(64);

/** An audit row as stored: the detail as the very text that was hashed. */
export type AuditRow = Omit<AuditRecord, "detail"> & AuditHead & { readonly previous: string; readonly detail: string };

/** Hash of an audit row over everything in it, the previous row's hash included. */
export const auditHash = ({
  position,
  atMs,
  actor,
  action,
  subject,
  detail,
  previous,
}: Omit<AuditRow, "hash">): string =>
  toHex(transcript("node/audit", { previous, position, atMs, actor, action, subject, detail }));

/** Follows the chain over rows in order of position; stops at the first row that does not fit. */
export async function verifyAuditRows(
  rows: Iterable<AuditRow> | AsyncIterable<AuditRow>,
  known?: AuditHead,
): Promise<AuditVerdict> {
  let head: AuditHead = { position: 0, hash: AUDIT_GENESIS };
  const broken = (reason: string): AuditVerdict => ({ intact: false, position: head.position + 1, reason });
  if (known !== undefined && known.position === 0 && known.hash !== AUDIT_GENESIS) return broken("not the known head");
  for await (const row of rows) {
    if (row.position !== head.position + 1) return broken("an entry is missing");
    if (row.previous !== head.hash) return broken("does not follow from the entry before it");
    if (row.hash !== auditHash(row)) return broken("its content does not match its hash");
    if (row.position === known?.position && row.hash !== known.hash) return broken("not the known head");
    head = { position: row.position, hash: row.hash };
  }
  if (known !== undefined && known.position > head.position) return broken("the log was cut");
  return { intact: true, entries: head.position };
}
