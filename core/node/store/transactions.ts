/** Payments as people see them. Their states are the state machine's. */
import type { TransactionState } from "@conclave/consensus";
import type { RequestId } from "./ids.ts";
import type { Page, PageRequest } from "./pages.ts";

export { TRANSACTION_STATES } from "@conclave/consensus";
export type { TransactionState } from "@conclave/consensus";

/** A payment as the API shows it. */
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

/** The payments of this cluster's wallets. */
export interface Transactions {
  /** Inserts the row, or overwrites the one with this `txid`. */
  upsert(transaction: StoredTransaction): Promise<void>;
  get(txid: RequestId): Promise<StoredTransaction | undefined>;
  /** The one that the network's transaction pays; of two that chose alike, the one whose id comes first. */
  byBitcoinTxid(bitcoinTxid: string): Promise<StoredTransaction | undefined>;
  /** Newest first, by creation time, then id; of the given states only. */
  list(page: PageRequest & { readonly states?: readonly TransactionState[] }): Promise<Page<StoredTransaction>>;
}
