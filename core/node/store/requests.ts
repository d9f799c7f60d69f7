/** Requests and their revisions. */
import type { NodeId } from "@conclave/consensus";
import type { RequestId } from "./ids.ts";
import type { Saved } from "./outcome.ts";
import type { Page, PageRequest } from "./pages.ts";

/** A request as it was taken in: immutable, and named by its content. */
export interface StoredRequest {
  readonly id: RequestId;
  /** payment, message, keygen, … */
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

/** Every request this node has heard of, with its revisions. */
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
