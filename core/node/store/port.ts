/**
 * The node's history: requests, votes, events, transactions, messages, violations, audit. It informs and resumes; it never decides.
 * Custody keeps its own promises in its journal and believes nothing that stands here, so a store that lies or forgets can
 * delay a signature and never cause one.
 *
 * Conventions: ids are lower-case hexadecimal of 32 bytes, times are milliseconds since 1970, amounts are satoshis as
 * bigint, heights are the ledger's. Every method may throw `StoreUnavailable`.
 */
import type { Addresses } from "./addresses.ts";
import type { Audit } from "./audit.ts";
import type { Events } from "./events.ts";
import type { Messages } from "./messages.ts";
import type { Nodes } from "./nodes.ts";
import type { PresignatureUses } from "./presignature-uses.ts";
import type { Requests } from "./requests.ts";
import type { Transactions } from "./transactions.ts";
import type { Violations } from "./violations.ts";
import type { Votes } from "./votes.ts";

/** Every table, inside a transaction or outside of one. */
export interface StoreTables {
  readonly requests: Requests;
  readonly votes: Votes;
  readonly events: Events;
  readonly transactions: Transactions;
  readonly messages: Messages;
  readonly presignatures: PresignatureUses;
  readonly violations: Violations;
  readonly nodes: Nodes;
  readonly addresses: Addresses;
  readonly audit: Audit;
}

/** A node's history. Adapters pass `storeContract`. */
export interface Store extends StoreTables {
  /**
   * All of `work` or nothing of it; nothing is kept if it throws, and its error is passed on. `work` uses the tables it is
   * given and never the store itself, which waits for `work` to end. No network waits inside. Where a database lost a
   * transaction to others or to a broken connection, `work` runs again from its start: it changes nothing but the tables.
   */
  transaction<T>(work: (tables: StoreTables) => Promise<T>): Promise<T>;
  /**
   * Resolves once everything that was written before survives a power cut. Single writes survive the process at once; what a
   * client was told is waited for, what peers can tell again is not.
   */
  durable(): Promise<void>;
  close(): Promise<void>;
}
