/**
 * The node's history: requests, votes, events, transactions, violations, audit. It informs and resumes; it never decides.
 * Custody keeps its own promises in its journal and believes nothing that stands here, so a store that lies or forgets can
 * delay a signature and never cause one.
 *
 * Conventions: ids are lower-case hexadecimal of 32 bytes, times are milliseconds since 1970, amounts are satoshis as
 * bigint, heights are the ledger's. Every method may throw `StoreUnavailable`.
 */
import { assert, CodecError, isHex, toHex, transcript } from "@conclave/bytes";
import type { NodeId } from "@conclave/consensus";

/** Hash of an immutable request, 64 lower-case hexadecimal digits. Document 004 calls it `txid` for payments. */
export type RequestId = string & { readonly __brand: "RequestId" };

/** Id of an event, 64 lower-case hexadecimal digits. */
export type EventId = string & { readonly __brand: "EventId" };

const isId = (value: string): boolean => isHex(value, 32) && value === value.toLowerCase();

/** Text as a request id. Throws `CodecError` unless it is 64 lower-case hexadecimal digits. */
export function parseRequestId(value: string): RequestId {
  if (!isId(value)) throw new CodecError("a request id is 64 lower-case hexadecimal digits");
  return value as RequestId;
}

/** Text as an event id. Throws `CodecError` unless it is 64 lower-case hexadecimal digits. */
export function parseEventId(value: string): EventId {
  if (!isId(value)) throw new CodecError("an event id is 64 lower-case hexadecimal digits");
  return value as EventId;
}

/**
 * The store could not be read or written.
 * - `unavailable`: the database or the file system refused
 * - `locked`: another process holds it
 * - `newer`: it was written by a newer version of this program
 * - `damaged`: it holds what no version of this program writes
 */
export class StoreUnavailable extends Error {
  override readonly name = "StoreUnavailable";
  readonly code: "unavailable" | "locked" | "newer" | "damaged";
  constructor(code: StoreUnavailable["code"], message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** What an insert found: nothing, the very same content, or other content under the same name. */
export type Saved = "saved" | "known" | "conflict";

/** Most rows of one answer; longer lists are read page by page. */
export const MAX_PAGE = 500;

/** Throws `AssertionError` unless `limit` is a page size: 1 to `MAX_PAGE`. */
export const checkLimit = (limit: number): void =>
  assert(Number.isInteger(limit) && limit >= 1 && limit <= MAX_PAGE, `a page has 1 to ${MAX_PAGE} rows, not ${limit}`);

// Requests and their revisions

export interface StoredRequest {
  readonly id: RequestId;
  /** payment, keygen, … */
  readonly kind: string;
  /** Canonical bytes of the request; never change. */
  readonly body: Uint8Array;
  /** Chosen by the client; unique, so that a repeated call does not become a second request. */
  readonly idempotencyKey: string | null;
  /** The node that took the request in. */
  readonly origin: NodeId;
  readonly createdAtMs: number;
  readonly height: number;
  readonly expiresAtMs: number;
}

/** Concrete, numbered content of a request (for a payment: the PSBT). */
export interface Revision {
  readonly request: RequestId;
  /** 1, 2, … */
  readonly number: number;
  /** Hash of the content, 64 hexadecimal digits. */
  readonly digest: string;
  readonly body: Uint8Array;
}

export interface Requests {
  /**
   * Saves a request unless its id or its idempotency key is there already. `known` and `conflict` come with the stored
   * one: the same body is known, another body under the same id or idempotency key is a conflict.
   */
  insert(request: StoredRequest): Promise<{ readonly result: Saved; readonly stored: StoredRequest }>;
  get(id: RequestId): Promise<StoredRequest | undefined>;
  byIdempotencyKey(key: string): Promise<StoredRequest | undefined>;
  /** Newest first, by creation time, then id. */
  list(page: PageRequest): Promise<Page<StoredRequest>>;
  /** `conflict` if this number holds another digest or body. The request must be there. */
  insertRevision(revision: Revision): Promise<Saved>;
  revision(request: RequestId, number: number): Promise<Revision | undefined>;
  /** In ascending order of their numbers. */
  revisions(request: RequestId): Promise<readonly Revision[]>;
}

// Votes

export const VOTING_OUTCOMES = ["approved", "rejected", "expired", "superseded"] as const;
export type VotingOutcome = (typeof VOTING_OUTCOMES)[number];

export interface VotingRound {
  /** Given by the store; has no meaning on other nodes. */
  readonly id: number;
  readonly request: RequestId;
  readonly revision: number;
  readonly round: number;
  readonly openedAtMs: number;
  readonly closedAtMs: number | null;
  readonly outcome: VotingOutcome | null;
}

export interface StoredVote {
  /** Id of the voting round. */
  readonly votingRound: number;
  readonly node: NodeId;
  readonly approve: boolean;
  /** The signed vote as it came. */
  readonly bytes: Uint8Array;
  readonly receivedAtMs: number;
}

/** A vote as listed. The second of a node differs from its first and is kept as evidence only. */
export type ListedVote = StoredVote & { readonly order: "first" | "second" };

export interface Votes {
  /** Opens (request, revision, round), or returns it as it is if it was opened before. */
  openRound(round: Pick<VotingRound, "request" | "revision" | "round" | "openedAtMs">): Promise<VotingRound>;
  /** False if it is closed already: the first outcome stays. */
  closeRound(id: number, end: { readonly closedAtMs: number; readonly outcome: VotingOutcome }): Promise<boolean>;
  round(id: number): Promise<VotingRound | undefined>;
  /** Rounds of a request, by revision, then round. */
  rounds(request: RequestId): Promise<readonly VotingRound[]>;
  /**
   * Saves a node's vote in a round. Other bytes than its first vote are a `conflict`: the earliest such vote is kept as
   * evidence, later ones are dropped. The caller judges whether the two contradict each other.
   */
  insert(vote: StoredVote): Promise<Saved>;
  /** Every vote of a round in order of arrival. */
  list(votingRound: number): Promise<readonly ListedVote[]>;
}

// Events

export const EVENT_TYPES = ["KEYGEN", "KEYREFRESH", "RESHARE", "SIGN", "PRESIGN"] as const;
export type EventType = (typeof EVENT_TYPES)[number];

export const EVENT_STATUSES = ["PENDING", "IN_PROGRESS", "SUCCESS", "FAILED", "EXPIRED"] as const;
export type EventStatus = (typeof EVENT_STATUSES)[number];

export interface StoredEvent {
  readonly id: EventId;
  readonly request: RequestId;
  readonly type: EventType;
  readonly status: EventStatus;
  /** The attempt under way, or the next one. */
  readonly attempt: number;
  /** Not to be tried before this time. */
  readonly notBeforeMs: number;
  /** The height written in the approved request; never changes, so that every node orders events alike. */
  readonly height: number;
  /** The event expires after this height; null: never. */
  readonly expiryHeight: number | null;
  readonly error: string | null;
  /** Sealed result bytes of a successful event. */
  readonly result: Uint8Array | null;
  /** Why each attempt failed, in order. */
  readonly reasons: readonly string[];
}

/** What an update sets; what is left out stays. `reason` is added to the list of reasons. */
export type EventChange = Partial<Pick<StoredEvent, "status" | "attempt" | "notBeforeMs" | "error" | "result">> & {
  readonly reason?: string;
};

export interface Events {
  /** `conflict` if the id is there with another request, type or height. */
  insert(event: StoredEvent): Promise<Saved>;
  get(id: EventId): Promise<StoredEvent | undefined>;
  /** Events of a request, oldest first. */
  ofRequest(request: RequestId): Promise<readonly StoredEvent[]>;
  /** Oldest first, by height, then id. With `dueAtMs` only those that may be tried at that time. */
  list(query: {
    readonly status: EventStatus;
    readonly limit: number;
    readonly dueAtMs?: number;
  }): Promise<readonly StoredEvent[]>;
  /** Changes the event if its status is still `from`; false if it is not, or there is no such event. */
  update(id: EventId, from: EventStatus, change: EventChange): Promise<boolean>;
  /**
   * After a restart: sessions died with the process, so every IN_PROGRESS event becomes PENDING, not before
   * `nowMs + retryDelayMs`. Attempts are left alone: the other nodes count them too. Returns how many there were.
   */
  resetInProgressEventsToPending(retryDelayMs: number, nowMs: number): Promise<number>;
}

// Transactions

/** Document 004's states; `unresolved` holds its coins until the chain decides (document's abort would free them). */
export const TRANSACTION_STATES = [
  "pending",
  "voting",
  "approved",
  "rejected",
  "signing",
  "signed",
  "broadcasting",
  "confirmed",
  "failed",
  "unresolved",
  "aborted_byzantine",
  "aborted_timeout",
  "replaced",
] as const;
export type TransactionState = (typeof TRANSACTION_STATES)[number];

export interface StoredTransaction {
  /** The request id: document 004's `txid`. The network's own is `bitcoinTxid`. */
  readonly txid: RequestId;
  readonly state: TransactionState;
  readonly unsignedTx: Uint8Array | null;
  readonly signedTx: Uint8Array | null;
  readonly recipient: string;
  readonly amountSats: bigint;
  readonly feeSats: bigint | null;
  readonly metadata: string | null;
  readonly createdAtMs: number;
  readonly confirmedAtMs: number | null;
  readonly bitcoinTxid: string | null;
  readonly confirmations: number;
  /** Why it was rejected, failed or aborted. */
  readonly reason: string | null;
}

export interface Transactions {
  /** Inserts the row, or overwrites the one with this `txid`. */
  upsert(transaction: StoredTransaction): Promise<void>;
  get(txid: RequestId): Promise<StoredTransaction | undefined>;
  /** Newest first, by creation time, then id; of the given states only. */
  list(page: PageRequest & { readonly states?: readonly TransactionState[] }): Promise<Page<StoredTransaction>>;
}

// Violations, nodes, addresses

/** Document 004's names, then two kinds of proven fault that it does not know. */
export const VIOLATION_TYPES = [
  "DoubleVote",
  "InvalidSignature",
  "MinorityVote",
  "Timeout",
  "Equivocation",
  "PublicFault",
] as const;
export type ViolationType = (typeof VIOLATION_TYPES)[number];

export interface Violation {
  readonly id: number;
  readonly node: NodeId;
  readonly type: ViolationType;
  readonly request: RequestId | null;
  /** Signed bytes that prove it to a third party; null where nothing is provable. */
  readonly evidence: Uint8Array | null;
  readonly detectedAtMs: number;
  readonly actionTaken: string;
}

export interface Violations {
  /** Returns the id it was given. */
  insert(violation: Omit<Violation, "id">): Promise<number>;
  /** In order of arrival, latest first; of one node only if given, and with an id below `before`. */
  list(query: {
    readonly limit: number;
    readonly node?: NodeId;
    readonly before?: number;
  }): Promise<readonly Violation[]>;
}

export const NODE_STATUSES = ["online", "offline", "banned", "sealed"] as const;

export interface NodeStatus {
  readonly node: NodeId;
  readonly lastSeenMs: number;
  readonly status: (typeof NODE_STATUSES)[number];
  readonly detail: string | null;
}

export interface Nodes {
  set(status: NodeStatus): Promise<void>;
  get(node: NodeId): Promise<NodeStatus | undefined>;
  /** By node id. */
  list(): Promise<readonly NodeStatus[]>;
}

/** A wallet's chain of addresses: 0 receives, 1 takes change (BIP44). */
export type Branch = 0 | 1;

export interface Addresses {
  /** The first unused index of a branch; 0 for a wallet not seen before. `wallet` is the id of its key. */
  next(wallet: string, branch: Branch): Promise<number>;
  /** Returns the first unused index and counts it as used. */
  take(wallet: string, branch: Branch): Promise<number>;
  /** Makes `next` at least this; never lowers it. For indices found used on the chain. */
  raise(wallet: string, branch: Branch, next: number): Promise<void>;
}

// Audit

/** Detail of an audit entry: flat, and free of secrets. */
export type AuditDetail = Readonly<Record<string, string | number | boolean | null>>;

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

export type AuditEntry = AuditRecord & AuditHead & { readonly previous: string };

export type AuditVerdict =
  | { readonly intact: true; readonly entries: number }
  | { readonly intact: false; readonly position: number; readonly reason: string };

export interface Audit {
  append(record: AuditRecord): Promise<AuditEntry>;
  /** In order, from position `from`. */
  list(query: { readonly from: number; readonly limit: number }): Promise<readonly AuditEntry[]>;
  /** The latest entry's position and hash; position 0 and `AUDIT_GENESIS` if there is none. */
  head(): Promise<AuditHead>;
  /** Recomputes the whole chain. With `known`, also requires that this earlier head is still part of it. */
  verify(known?: AuditHead): Promise<AuditVerdict>;
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

// Pages

/** Where a page ended: pass it on unread. */
export type Cursor = string & { readonly __brand: "Cursor" };

export interface PageRequest {
  /** 1 to `MAX_PAGE`. */
  readonly limit: number;
  /** `next` of the page before. */
  readonly after?: Cursor;
}

export interface Page<Row> {
  readonly rows: readonly Row[];
  /** Null on the last page. */
  readonly next: Cursor | null;
}

/** A place in a list that is ordered newest first by (time, id). */
export interface CursorPlace {
  readonly createdAtMs: number;
  readonly id: RequestId;
}

export const cursorAt = ({ createdAtMs, id }: CursorPlace): Cursor => `${createdAtMs}.${id}` as Cursor;

/** Text from a client as a cursor. Throws `CodecError` unless `cursorAt` could have made it. */
export function parseCursor(value: string): CursorPlace {
  const [time = "", id = "", ...rest] = value.split(".");
  const createdAtMs = Number(time);
  if (!/^(?:0|[1-9]\d{0,15})$/.test(time) || !Number.isSafeInteger(createdAtMs) || rest.length > 0)
    throw new CodecError("not a cursor of this list");
  return { createdAtMs, id: parseRequestId(id) };
}

// The store

/** Every table, inside a transaction or outside of one. */
export interface StoreTables {
  readonly requests: Requests;
  readonly votes: Votes;
  readonly events: Events;
  readonly transactions: Transactions;
  readonly violations: Violations;
  readonly nodes: Nodes;
  readonly addresses: Addresses;
  readonly audit: Audit;
}

export interface Store extends StoreTables {
  /**
   * All of `work` or nothing of it; nothing is kept if it throws, and its error is passed on. `work` uses the tables it is
   * given and never the store itself, which waits for `work` to end. No network waits inside.
   */
  transaction<T>(work: (tables: StoreTables) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}
