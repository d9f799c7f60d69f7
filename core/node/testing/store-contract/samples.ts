/** Rows that tests of a store put in. */
import type { NodeId } from "@conclave/consensus";
import type { StoredCheckpoint } from "../../store/audit-checkpoints.ts";
import type { AuditRecord } from "../../store/audit.ts";
import type { StoredEvent } from "../../store/events.ts";
import type { EventId, RequestId } from "../../store/ids.ts";
import type { StoredMessage } from "../../store/messages.ts";
import type { StoredRequest } from "../../store/requests.ts";
import type { StoredTransaction } from "../../store/transactions.ts";

/** Id number `n`. */
export const id = (n: number): string => n.toString(16).padStart(64, "0");

/** Request number `n` of a test: id, body and times follow from the number. */
export const sampleRequest = (n: number, change: Partial<StoredRequest> = {}): StoredRequest => ({
  id: id(n) as RequestId,
  kind: "payment",
  body: Uint8Array.of(1, 2, n & 255),
  idempotencyKey: null,
  origin: id(0xa0) as NodeId,
  createdAtMs: 1_000_000 + n,
  height: 10,
  expiresAtMs: 2_000_000,
  ...change,
});

/** Event number `n` of a test, of request 1 if not changed. */
export const sampleEvent = (n: number, change: Partial<StoredEvent> = {}): StoredEvent => ({
  id: id(0xe000 + n) as EventId,
  request: id(1) as RequestId,
  type: "SIGN",
  status: "PENDING",
  attempt: 0,
  notBeforeMs: 0,
  height: 10,
  expiryHeight: null,
  error: null,
  result: null,
  reasons: [],
  ...change,
});

/** The transaction of request `n`. */
export const sampleTransaction = (n: number, change: Partial<StoredTransaction> = {}): StoredTransaction => ({
  txid: id(n) as RequestId,
  state: "pending",
  unsignedTx: null,
  signedTx: null,
  recipient: "bcrt1qexample",
  amountSats: 100_000n,
  feeSats: null,
  metadata: null,
  createdAtMs: 1_000_000 + n,
  confirmedAtMs: null,
  bitcoinTxid: null,
  confirmations: 0,
  reason: null,
  ...change,
});

/** The message of request `n`. */
export const sampleMessage = (n: number, change: Partial<StoredMessage> = {}): StoredMessage => ({
  id: id(n) as RequestId,
  key: id(0xce),
  hash: "sha256",
  message: Uint8Array.of(1, 2, n & 255),
  state: "pending",
  signature: null,
  publicKey: null,
  createdAtMs: 1_000_000 + n,
  signedAtMs: null,
  reason: null,
  ...change,
});

/** Audit record number `n`. */
export const sampleAudit = (n: number): AuditRecord => ({
  atMs: 5_000 + n,
  actor: id(0xa0),
  action: "vote.cast",
  subject: id(n),
  detail: { round: n, approve: true, note: 'quoted " and ü', missing: null },
});

/** Two nodes, in the order of their ids. */
export const NODE_A = id(0xa0) as NodeId;
export const NODE_B = id(0xb0) as NodeId;

/** Node B's signature, good or not, on a third node's log at this position. */
export const sampleCheckpoint = (position: number, change: Partial<StoredCheckpoint> = {}): StoredCheckpoint => ({
  node: id(0xc0) as NodeId,
  position,
  hash: id(0xc0000 + position),
  atMs: 6_000 + position,
  signer: NODE_B,
  signature: new Uint8Array(64).fill(position),
  ...change,
});
