/** What a server needs from a node. Every method throws `ServiceError` for what the caller may know; else it is our bug. */
import type { ApprovalPage, DecidedTransaction } from "./approval.ts";
import type { AcknowledgedSpend, ClusterStatus, EvidenceExport, NodePage, Rekeying } from "./cluster.ts";
import type { Health, Readiness } from "./health.ts";
import type { KeyPage, Presigning, RequestedKey } from "./key.ts";
import type { Message } from "./message.ts";
import type { InputOf, Operation, OutputOf } from "./routes.ts";
import type { Transaction, TransactionPage } from "./transaction.ts";
import type { Balance, WalletAddress } from "./wallet.ts";

export interface NodeService {
  health(): Promise<Health>;
  /** Throws `not-ready`, naming what is missing: ledger, peers, share, clock or chain. */
  ready(): Promise<Readiness>;
  /**
   * Takes a payment and answers before it is voted on. The same key and body again give the same transaction for at least
   * 24 hours, also when asked in parallel; another body throws `idempotency-key-reused`, and `idempotency-key-in-use` asks
   * to come back. Throws any of the route's problems, such as `recipient-invalid` or `insufficient-funds`.
   */
  createTransaction(input: InputOf<"createTransaction">): Promise<Transaction>;
  /** Newest first. Throws `cursor-invalid` for a cursor that this node did not make. */
  transactions(input: InputOf<"transactions">): Promise<TransactionPage>;
  /** Throws `transaction-not-found`, also for what the caller may not see, or `txid-ambiguous`. */
  transaction(input: InputOf<"transaction">): Promise<Transaction>;
  approvals(): Promise<ApprovalPage>;
  /**
   * The same again changes nothing. Throws `transaction-not-found`, `txid-ambiguous`, `approval-refused`, `max-fee-too-low` for a
   * bound under the payment's fee, which would approve nothing, or `not-ready`.
   */
  approveTransaction(input: InputOf<"approveTransaction">): Promise<DecidedTransaction>;
  /** The same again changes nothing. Throws `transaction-not-found`, `txid-ambiguous`, `approval-refused` or `not-ready`. */
  rejectTransaction(input: InputOf<"rejectTransaction">): Promise<DecidedTransaction>;
  balance(): Promise<Balance>;
  /** Throws `not-ready` for an account that has no key. */
  address(input: InputOf<"address">): Promise<WalletAddress>;
  /** Throws `not-frozen`. */
  acknowledgeSpend(input: InputOf<"acknowledgeSpend">): Promise<AcknowledgedSpend>;
  /**
   * Takes a message and answers before it is voted on. The same key and body again give the same message. Throws
   * `key-not-found`, `message-refused`, `digests-not-allowed` or `idempotency-key-reused`.
   */
  createMessage(input: InputOf<"createMessage">): Promise<Message>;
  /** Throws `message-not-found`. */
  message(input: InputOf<"message">): Promise<Message>;
  keys(): Promise<KeyPage>;
  /** The same name again gives the same key. */
  createKey(input: InputOf<"createKey">): Promise<RequestedKey>;
  /** Throws `key-not-found` or `presign-refused`. */
  presign(input: InputOf<"presign">): Promise<Presigning>;
  /** Throws `key-not-found` or `rekey-refused`. */
  rekey(input: InputOf<"rekey">): Promise<Rekeying>;
  clusterStatus(): Promise<ClusterStatus>;
  clusterEvidence(): Promise<EvidenceExport>;
  clusterNodes(): Promise<NodePage>;
}

/** Compiles only if the interface above and the table of routes agree. */
type Handlers = { readonly [O in Operation]: (input: InputOf<O>) => Promise<OutputOf<O>> };

/** Calls the method that serves `operation`. `input` must have passed the route's schemas. */
export function invoke(service: NodeService, operation: Operation, input: unknown): Promise<unknown> {
  const handlers: Handlers = service;
  // Inputs differ by operation; the schemas of `operation` vouch for this one.
  return (handlers[operation] as (input: unknown) => Promise<unknown>).call(service, input);
}
