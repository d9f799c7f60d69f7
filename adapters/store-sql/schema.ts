/** The tables as Kysely sees them. Columns follow document 004 where it has them; times are milliseconds. */
import type { ColumnType, Generated } from "kysely";

/** A whole number: bigint where the database says so, number where it is small; see `wholeNumber`. */
export type Whole = ColumnType<bigint | number, bigint | number, bigint | number>;
type WholeOrNull = ColumnType<bigint | number | null, bigint | number | null, bigint | number | null>;
type Counted = Generated<bigint | number>;
type Flag = ColumnType<bigint | number | boolean, boolean, boolean>;

export interface RequestTable {
  id: string;
  kind: string;
  body: Uint8Array;
  idempotency_key: string | null;
  origin: string;
  created_at: Whole;
  height: Whole;
  expires_at: Whole;
}

export interface RevisionTable {
  request_id: string;
  number: Whole;
  digest: string;
  body: Uint8Array;
}

export interface VotingRoundTable {
  id: Counted;
  request_id: string;
  revision: Whole;
  round: Whole;
  opened_at: Whole;
  closed_at: WholeOrNull;
  outcome: string | null;
}

export interface VoteTable {
  id: Counted;
  round_id: Whole;
  node_id: string;
  /** 1 for a node's first vote in a round, 2 for the contradicting one that is kept as evidence. */
  ordinal: Whole;
  approve: Flag;
  /** The signed vote: document 004's tx_id, value and signature are in it. */
  signed_vote: Uint8Array;
  received_at: Whole;
}

export interface EventTable {
  id: string;
  request_id: string;
  type: string;
  status: string;
  attempt: Whole;
  not_before: Whole;
  height: Whole;
  expiry_height: WholeOrNull;
  error: string | null;
  result: Uint8Array | null;
}

export interface EventReasonTable {
  event_id: string;
  number: Whole;
  reason: string;
}

export interface TransactionTable {
  id: Counted;
  txid: string;
  state: string;
  unsigned_tx: Uint8Array | null;
  signed_tx: Uint8Array | null;
  recipient: string;
  amount_sats: Whole;
  fee_sats: WholeOrNull;
  metadata: string | null;
  created_at: Whole;
  confirmed_at: WholeOrNull;
  bitcoin_txid: string | null;
  confirmations: Whole;
  reason: string | null;
}

export interface MessageTable {
  id: string;
  key_id: string;
  /** Null for a hash whose preimage is not known. */
  hash: string | null;
  message: Uint8Array;
  state: string;
  signature: Uint8Array | null;
  public_key: Uint8Array | null;
  created_at: Whole;
  signed_at: WholeOrNull;
  reason: string | null;
}

export interface ViolationTable {
  id: Counted;
  node_id: string;
  violation_type: string;
  tx_id: string | null;
  evidence: Uint8Array | null;
  detected_at: Whole;
  action_taken: string;
}

export interface NodeStatusTable {
  node_id: string;
  last_seen: Whole;
  status: string;
  detail: string | null;
}

export interface AddressTable {
  wallet: string;
  branch: Whole;
  next_index: Whole;
}

export interface AuditTable {
  position: Whole;
  at: Whole;
  actor: string;
  action: string;
  subject: string;
  detail: string;
  previous_hash: string;
  hash: string;
}

export interface CheckpointTable {
  node_id: string;
  position: Whole;
  hash: string;
  at: Whole;
  signer: string;
  signature: Uint8Array;
}

export interface PresignatureUseTable {
  presignature_id: string;
  key_id: string;
  request_id: string | null;
  revision: WholeOrNull;
  attempt: WholeOrNull;
  outcome: string;
  nonces: Whole;
  used_at: Whole;
}

export interface Schema {
  requests: RequestTable;
  revisions: RevisionTable;
  voting_rounds: VotingRoundTable;
  votes: VoteTable;
  events: EventTable;
  event_reasons: EventReasonTable;
  transactions: TransactionTable;
  messages: MessageTable;
  byzantine_violations: ViolationTable;
  node_status: NodeStatusTable;
  wallet_addresses: AddressTable;
  audit_log: AuditTable;
  audit_checkpoints: CheckpointTable;
  presignature_usage: PresignatureUseTable;
}
