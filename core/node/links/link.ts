/** One connection as messages: framed, sent in batches, bounded when the peer reads too slowly. */
import { concatBytes } from "@conclave/bytes";
import { MAX_BUFFERED_BYTES, MAX_FRAME_BYTES } from "../ports.ts";
import type { Connection } from "./connection.ts";
import { FrameReader, frameMessage, PREFIX_BYTES, StreamBroken } from "./framing.ts";

/** Short messages that wait together are written together, up to so many bytes. */
const BATCH_BYTES = 65_536;
/** What a waiting message costs besides its bytes, so that a flood of empty ones is bounded too. */
const MESSAGE_OVERHEAD_BYTES = 256;

export interface LinkEvents {
  message(kind: number, payload: Uint8Array): void;
  /** Over; called once at most. */
  closed(reason: string): void;
}

export class Link {
  readonly #connection: Connection;
  #events: LinkEvents | null = null;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #isFlushing = false;
  #isBlocked = false;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  open(events: LinkEvents): void {
    this.#events = events;
    const reader = new FrameReader(MAX_FRAME_BYTES, (kind, payload) => this.#events?.message(kind, payload));
    this.#connection.attach({
      received: (bytes) => this.#received(reader, bytes),
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
    this.#connection.end();
  }

  destroy(reason: string): void {
    if (this.#events === null) return;
    this.#over(reason);
  }

  #received(reader: FrameReader, bytes: Uint8Array): void {
    if (this.#events === null) return;
    try {
      reader.push(bytes);
    } catch (error) {
      if (!(error instanceof StreamBroken)) throw error;
      this.#over(error.message);
    }
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
    this.#connection.destroy();
    events?.closed(reason);
  }
}
