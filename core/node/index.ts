export { ACCOUNTS } from "./accounts.ts";
export type { Account } from "./accounts.ts";
export { ChainLied, ChainRefused, ChainUnreachable } from "./chain-port.ts";
export type {
  BitcoinChain,
  BlockHeader,
  BroadcastResult,
  ChainHealth,
  ChainTransaction,
  MerkleProof,
  Outspend,
  Position,
  Tip,
  TransactionInput,
  TransactionOutput,
  Utxo,
} from "./chain-port.ts";
export type { Notice } from "./context.ts";
export { CustodyNews } from "./custody-news.ts";
export { Delivery } from "./delivery.ts";
export type { ClusterView, NodeView } from "./cluster-view.ts";
export type { DeadEdge } from "./dead-edges.ts";
export { Latest } from "./latest.ts";
export { MESSAGE_SCHEME, PresignRefused, RekeyRefused } from "./key-requests.ts";
export type { KeyListing, KeyUnderWay, KeyWish } from "./key-requests.ts";
export { ApprovalRefused } from "./manual-approvals.ts";
export type { PendingApproval } from "./manual-approvals.ts";
export { MessageRefused } from "./messages.ts";
export type { MessageContent, MessageWish } from "./messages.ts";
export { Allowance } from "./links/allowance.ts";
export type { Connection, ConnectionEvents, Dialer } from "./links/connection.ts";
export { LIFE_BYTES } from "./links/greeting.ts";
export { LinkMesh } from "./links/mesh.ts";
export type { LinkEvent, LinkMeshOptions } from "./links/mesh.ts";
export { ConclaveNode } from "./node.ts";
export type { NodeParts } from "./assembly.ts";
export { NotFrozen } from "./settlement/freezes.ts";
export type { Acknowledgement, Freeze } from "./settlement/freezes.ts";
export { IdempotencyConflict, NoAccountSuffices, SpendingRefused, WalletNotReady } from "./payments.ts";
export type { PaymentWish } from "./payments.ts";
export { MAX_BUFFERED_BYTES, MAX_FRAME_BYTES, MAX_STATEMENT_BYTES } from "./ports.ts";
export type { Clock, Coordination, Ledger, Messenger, Statement, Timer, Transport, TransportHandler } from "./ports.ts";
export type { Addresses, Branch } from "./store/addresses.ts";
export {
  checkpointAt,
  checkpointDue,
  checkpointOf,
  checkpointRow,
  judgeCheckpoint,
} from "./store/audit-checkpoints.ts";
export type { CheckpointRefusal, StoredCheckpoint } from "./store/audit-checkpoints.ts";
export { exportLines, MAX_EXPORT_LINE } from "./store/audit-export.ts";
export type { ExportHeader } from "./store/audit-export.ts";
export { verifyExport } from "./store/audit-verifier.ts";
export type { CheckpointVerifier, Confirmation, ExportExpectations, ExportVerdict } from "./store/audit-verifier.ts";
export { AUDIT_GENESIS, auditHash, verifyAuditRows } from "./store/audit.ts";
export type { Audit, AuditDetail, AuditEntry, AuditHead, AuditRecord, AuditRow, AuditVerdict } from "./store/audit.ts";
export { EVENT_STATUSES, EVENT_TYPES } from "./store/events.ts";
export type { EventChange, Events, EventStatus, EventType, StoredEvent } from "./store/events.ts";
export { parseEventId, parseRequestId } from "./store/ids.ts";
export type { EventId, RequestId } from "./store/ids.ts";
export { MESSAGE_HASHES, MESSAGE_STATES } from "./store/messages.ts";
export type { Messages, MessageState, StoredMessage } from "./store/messages.ts";
export { NODE_STATUSES } from "./store/nodes.ts";
export type { Nodes, NodeStatus } from "./store/nodes.ts";
export { StoreUnavailable } from "./store/outcome.ts";
export type { Saved } from "./store/outcome.ts";
export { checkLimit, cursorAt, MAX_PAGE, parseCursor } from "./store/pages.ts";
export type { Cursor, CursorPlace, Page, PageRequest } from "./store/pages.ts";
export type { Store, StoreTables } from "./store/port.ts";
export { isSameUse, PRESIGNATURE_ENDS } from "./store/presignature-uses.ts";
export type { PresignatureUse, PresignatureUses } from "./store/presignature-uses.ts";
export type { Requests, Revision, StoredRequest } from "./store/requests.ts";
export { TRANSACTION_STATES } from "./store/transactions.ts";
export type { StoredTransaction, Transactions, TransactionState } from "./store/transactions.ts";
export { VIOLATION_TYPES } from "./store/violations.ts";
export type { Violation, Violations, ViolationType } from "./store/violations.ts";
export { VOTING_OUTCOMES } from "./store/votes.ts";
export type { ListedVote, StoredVote, Votes, VotingOutcome, VotingRound } from "./store/votes.ts";
export { DEFAULT_TIMINGS } from "./timings.ts";
export type { Timings } from "./timings.ts";
export { WalletView } from "./wallet.ts";
export type { WalletBalance } from "./wallet.ts";
