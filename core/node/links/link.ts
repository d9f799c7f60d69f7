/** One connection as messages: framed, sent in batches, bounded when the peer reads too slowly. */
import { concatBytes } from "@conclave/bytes";
import { MAX_BUFFERED_BYTES, MAX_FRAME_BYTES, type Clock, type Timer } from "../ports.ts";
import type { Allowance } from "./allowance.ts";
import type { Connection } from "./connection.ts";
import { FrameReader, frameMessage, PREFIX_BYTES, StreamBroken } from "./framing.ts";

/** Short messages that wait together are written together, up to so many bytes. */
const BATCH_BYTES = 65_536;
/** What a waiting message costs besides its bytes, so that a flood of empty ones is bounded too. */
const MESSAGE_OVERHEAD_BYTES = 256;

/** The allowance is looked at after so much, so that a piece of the stream full of tiny messages is not read in one go. */
const READ_AT_ONCE_BYTES = 4_096;
/** Of a peer that has to wait, and whose connection cannot be made to: as much as tiny messages of a full buffer need. */
const MAX_UNREAD_BYTES = 8 * MAX_FRAME_BYTES;

export interface LinkEvents {
  message(kind: number, payload: Uint8Array): void;
  /** Over; called once at most. */
  closed(reason: string): void;
}

export class Link {
  readonly #connection: Connection;
  readonly #clock: Clock;
  readonly #allowance: Allowance;
  readonly #reader = new FrameReader(MAX_FRAME_BYTES, (kind, payload) => this.#message(kind, payload));
  #events: LinkEvents | null = null;
  /** What came while the peer has to wait. */
  #unread: Uint8Array[] = [];
  #unreadBytes = 0;
  #waking: Timer | null = null;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #isFlushing = false;
  #isBlocked = false;

  /** `allowance`: of the peer, for all of its connections. */
  constructor(connection: Connection, { clock, allowance }: { clock: Clock; allowance: Allowance }) {
    this.#connection = connection;
    this.#clock = clock;
    this.#allowance = allowance;
  }

  open(events: LinkEvents): void {
    this.#events = events;
    this.#connection.attach({
      received: (bytes) => this.#received(bytes),
      drained: () => {
        this.#isBlocked = false;
        this.#flush();
      },
      closed: (reason) => this.#over(reason),
    });
  }

  get isOpen(): boolean {
    return this.#events !== null;
  }

  /** Lost if the link is over, or the peer is so slow that the bound on what waits for it is reached. */
  send(kind: number, payload: Uint8Array): void {
    if (this.#events === null) return;
    const cost = payload.length + MESSAGE_OVERHEAD_BYTES;
    if (this.#waitingBytes + cost > MAX_BUFFERED_BYTES) return;
    this.#waitingBytes += cost;
    this.#waiting.push(frameMessage(kind, payload));
    if (this.#isBlocked || this.#isFlushing) return;
    // What else is sent in this turn goes along.
    this.#isFlushing = true;
    void Promise.resolve().then(() => this.#flush());
  }

  /** Say no more and hear no more. What was sent before goes out if it still can. */
  end(): void {
    if (this.#events === null) return;
    this.#flush();
    this.#events = null;
    this.#stopReading();
    this.#connection.end();
  }

  destroy(reason: string): void {
    if (this.#events === null) return;
    this.#over(reason);
  }

  #received(bytes: Uint8Array): void {
    if (this.#waking === null) this.#read(bytes);
    else this.#leaveUnread(bytes);
  }

  /** As far as the allowance goes. What is left waits, and the peer with it. */
  #read(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length && this.#events !== null; at += READ_AT_ONCE_BYTES) {
      const waitMs = this.#allowance.waitMs();
      if (waitMs > 0) {
        this.#leaveUnread(bytes.subarray(at));
        return this.#wait(waitMs);
      }
      try {
        this.#reader.push(bytes.subarray(at, at + READ_AT_ONCE_BYTES));
      } catch (error) {
        if (!(error instanceof StreamBroken)) throw error;
        return this.#over(error.message);
      }
    }
  }

  #message(kind: number, payload: Uint8Array): void {
    this.#allowance.spend(payload.length);
    this.#events?.message(kind, payload);
  }

  #leaveUnread(bytes: Uint8Array): void {
    if (this.#events === null) return;
    this.#unreadBytes += bytes.length;
    if (this.#unreadBytes > MAX_UNREAD_BYTES) return this.#over("it sends far more than this node reads");
    this.#unread.push(Uint8Array.from(bytes));
  }

  #wait(waitMs: number): void {
    if (this.#events === null) return;
    this.#connection.pause();
    this.#waking = this.#clock.schedule(waitMs, () => {
      this.#waking = null;
      const pieces = this.#unread;
      this.#unread = [];
      this.#unreadBytes = 0;
      // The first that is too much again makes the others wait behind it.
      for (const piece of pieces) this.#received(piece);
      if (this.#waking === null) this.#connection.resume();
    });
  }

  #flush(): void {
    this.#isFlushing = false;
    if (this.#events === null || this.#isBlocked) return;
    const messages = this.#waiting;
    let next = 0;
    while (next < messages.length && !this.#isBlocked) {
      const from = next;
      let bytes = 0;
      do bytes += messages[next++]!.length;
      while (next < messages.length && bytes + messages[next]!.length <= BATCH_BYTES);
      this.#waitingBytes -= bytes + (next - from) * (MESSAGE_OVERHEAD_BYTES - PREFIX_BYTES);
      const batch = next - from === 1 ? messages[from]! : concatBytes(...messages.slice(from, next));
      this.#isBlocked = !this.#connection.write(batch);
    }
    this.#waiting = next === messages.length ? [] : messages.slice(next);
  }

  #over(reason: string): void {
    const events = this.#events;
    this.#events = null;
    this.#waiting = [];
    this.#stopReading();
    this.#connection.destroy();
    events?.closed(reason);
  }

  #stopReading(): void {
    this.#waking?.cancel();
    this.#waking = null;
    this.#unread = [];
    this.#unreadBytes = 0;
  }
}
