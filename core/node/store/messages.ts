/** Messages that keys of the cluster sign, and their signatures. */
import type { MESSAGE_HASHES } from "@conclave/bitcoin";
import type { RequestId } from "./ids.ts";
import type { Page, PageRequest } from "./pages.ts";

export { MESSAGE_HASHES } from "@conclave/bitcoin";

/** Where a message is in its life; the last three are final unless its signature turns up all the same. */
export const MESSAGE_STATES = [
  "pending",
  "voting",
  "approved",
  "signing",
  "signed",
  "rejected",
  "failed",
  "expired",
] as const;
/** One of `MESSAGE_STATES`. */
export type MessageState = (typeof MESSAGE_STATES)[number];

/** A message as the API shows it. */
export interface StoredMessage {
  readonly id: RequestId;
  /** Id of the key that signs it, 64 hexadecimal digits. */
  readonly key: string;
  /** How it is hashed; null if `message` is a hash already, whose preimage nobody showed. */
  readonly hash: (typeof MESSAGE_HASHES)[number] | null;
  readonly message: Uint8Array;
  readonly state: MessageState;
  /** 64 bytes, or 65 with a recovery id; verified by custody. */
  readonly signature: Uint8Array | null;
  /** Compressed; what verifies the signature. */
  readonly publicKey: Uint8Array | null;
  readonly createdAtMs: number;
  readonly signedAtMs: number | null;
  /** Why it was rejected or failed. */
  readonly reason: string | null;
}

/** The messages of this cluster's keys. */
export interface Messages {
  /** Inserts the row, or overwrites the one with this id. Its request must be there. */
  upsert(message: StoredMessage): Promise<void>;
  get(id: RequestId): Promise<StoredMessage | undefined>;
  /** Newest first, by creation time, then id; of the given states only. */
  list(page: PageRequest & { readonly states?: readonly MessageState[] }): Promise<Page<StoredMessage>>;
}
