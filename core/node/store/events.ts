/** Events: approved requests on their way through attempts. */
import type { EventId, RequestId } from "./ids.ts";
import type { Saved } from "./outcome.ts";

/** What an event carries out. */
export const EVENT_TYPES = ["KEYGEN", "KEYREFRESH", "RESHARE", "SIGN", "PRESIGN", "REKEY"] as const;
/** One of `EVENT_TYPES`. */
export type EventType = (typeof EVENT_TYPES)[number];

/** Where an event is in its life; the last three are final. */
export const EVENT_STATUSES = ["PENDING", "IN_PROGRESS", "SUCCESS", "FAILED", "EXPIRED"] as const;
/** One of `EVENT_STATUSES`. */
export type EventStatus = (typeof EVENT_STATUSES)[number];

/** An approved request to be carried out. */
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
  /** Of a successful SIGN its sealed signatures, of a KEYGEN the id of its key. */
  readonly result: Uint8Array | null;
  /** Why each attempt failed, in order. */
  readonly reasons: readonly string[];
}

/** What an update sets; what is left out stays. `reason` is added to the list of reasons. */
export type EventChange = Partial<Pick<StoredEvent, "status" | "attempt" | "notBeforeMs" | "error" | "result">> & {
  readonly reason?: string;
};

/** What is to be done, and what became of it. */
export interface Events {
  /** `conflict` if the id is there with another request, type or height. */
  insert(event: StoredEvent): Promise<Saved>;
  get(id: EventId): Promise<StoredEvent | undefined>;
  /** Events of a request, oldest first. */
  ofRequest(request: RequestId): Promise<readonly StoredEvent[]>;
  /** Oldest first, by height, then id. With `dueAtMs` only those that may be tried at that time. With `type` only those. */
  list(query: {
    readonly status: EventStatus;
    readonly limit: number;
    readonly dueAtMs?: number;
    readonly type?: EventType;
  }): Promise<readonly StoredEvent[]>;
  /** Changes the event if its status is still `from`; false if it is not, or there is no such event. */
  update(id: EventId, from: EventStatus, change: EventChange): Promise<boolean>;
  /**
   * After a restart: sessions died with the process, so every IN_PROGRESS event becomes PENDING, not before
   * `nowMs + retryDelayMs`. Attempts are left alone: the other nodes count them too. Returns how many there were.
   */
  resetInProgressEventsToPending(retryDelayMs: number, nowMs: number): Promise<number>;
}
