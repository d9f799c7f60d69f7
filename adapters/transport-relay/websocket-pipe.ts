import { equalBytes, isHex, toHex } from "@conclave/bytes";
import type { Timer } from "@conclave/node";
import { encodeHeader, HEADER_BYTES, ID_BYTES } from "@conclave/relay";
import { Backoff } from "./backoff.ts";
import { Confirmations } from "./confirmations.ts";
import { isOld, MARKER_TTL_SECONDS, newMarker, type Marker } from "./marker.ts";
import { hasRoom, PipeBroken, type Pipe, type PipeParts, type PostTerms } from "./pipe.ts";
import type { RelaySocket } from "./platform.ts";

/** How often the relay is asked whether it hears us; after so many without an answer it does not. */
const PING_MS = 3_000;
const SILENT_PINGS = 2;
/**
 * Unless so much else came meanwhile that the answer may wait behind it: a line slower than 100 kbit/s. On one that is deaf in
 * our direction only, that is what others say, and little.
 */
const BUSY_LINE_BYTES = 64 << 10;
/** How long a connection may take to open. */
const OPEN_PATIENCE_MS = 5_000;
/** How soon a publish tries again that found the socket full. */
const ROOM_RETRY_MS = 10;
/** Kept of a relay's reason. */
const MAX_REASON = 200;

/** A relay behind one binary WebSocket, `GET /v1/msg-relay`, that is opened again whenever it ends. */
export class WebSocketPipe implements Pipe {
  readonly url: string;
  readonly #parts: PipeParts;
  readonly #backoff: Backoff;
  readonly #confirmations: Confirmations;
  #socket: RelaySocket | null = null;
  #isUp = false;
  #reason = "connecting";
  #timer: Timer | null = null;
  #silentPings = 0;
  /** Since the last answer, or since the line was found busy. */
  #heardBytes = 0;
  #marker: Marker | null = null;

  constructor(parts: PipeParts) {
    this.url = parts.url;
    this.#parts = parts;
    this.#backoff = new Backoff(parts.rng);
    this.#confirmations = new Confirmations(parts.url, () => this.#askMarker());
    this.#open();
  }

  get isUp(): boolean {
    return this.#isUp;
  }

  get reason(): string {
    return this.#reason;
  }

  get unsentBytes(): number {
    return this.#isUp ? this.#socket!.bufferedAmount : 0;
  }

  async publish(frame: Uint8Array): Promise<void> {
    while (this.#isUp && !hasRoom(this.unsentBytes, frame)) await this.#pause();
    if (!this.#isUp) throw new PipeBroken(this.#reason);
    this.#socket!.send(frame);
    await this.#confirmations.sent(toHex(frame.subarray(0, ID_BYTES)));
  }

  post(frame: Uint8Array, terms: PostTerms): boolean {
    if (!this.#isUp || !hasRoom(this.unsentBytes, frame, terms)) return false;
    this.#socket!.send(frame);
    return true;
  }

  ask(header: Uint8Array): void {
    if (this.#isUp) this.#socket!.send(header);
  }

  /** The relay's waiter expires by itself. */
  forget(): void {}

  close(): void {
    this.#timer?.cancel();
    this.#timer = null;
    this.#isUp = false;
    this.#reason = "closed";
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
    this.#confirmations.broke("closed");
  }

  #open(): void {
    const socket = this.#parts.platform.openSocket(socketUrl(this.url), {
      opened: () => this.#socket === socket && this.#opened(),
      received: (data) => this.#socket === socket && this.#received(data),
      closed: (reason) => this.#socket === socket && this.#lost(reason),
    });
    this.#socket = socket;
    this.#schedule(OPEN_PATIENCE_MS, () => this.#lost(`no connection within ${OPEN_PATIENCE_MS} ms`));
  }

  #opened(): void {
    this.#backoff.succeeded();
    this.#isUp = true;
    this.#reason = "";
    this.#marker = null;
    this.#hearAgain();
    this.#schedule(PING_MS, () => this.#ping());
    this.#parts.events.up();
  }

  #lost(reason: string): void {
    const socket = this.#socket;
    const wasUp = this.#isUp;
    this.#socket = null;
    this.#isUp = false;
    this.#reason = reason;
    socket?.close();
    this.#confirmations.broke(reason);
    this.#schedule(this.#backoff.next(), () => this.#open());
    if (wasUp) this.#parts.events.down(reason);
  }

  /** Counted in pings and not in time: a process that was stopped for a while has heard nobody, whoever spoke. */
  #ping(): void {
    if (this.#confirmations.waiting) this.#silentPings += 1;
    if (this.#silentPings >= SILENT_PINGS) {
      if (this.#heardBytes < BUSY_LINE_BYTES) return this.#lost("the relay stopped answering");
      this.#hearAgain();
    }
    this.#confirmations.ask();
    this.#schedule(PING_MS, () => this.#ping());
  }

  #askMarker(): void {
    if (this.#marker === null || isOld(this.#marker, this.#parts.clock)) {
      this.#marker = newMarker(this.#parts);
      this.#socket!.send(this.#marker.frame);
    }
    this.#socket!.send(encodeHeader({ id: this.#marker.id, ttlSeconds: MARKER_TTL_SECONDS, flags: 0 }));
  }

  #received(data: Uint8Array | string): void {
    this.#heardBytes += data.length;
    if (typeof data === "string") return this.#refused(data);
    if (data.length <= HEADER_BYTES) return;
    if (this.#marker === null || !equalBytes(data.subarray(0, ID_BYTES), this.#marker.id))
      return this.#parts.events.received(data);
    this.#hearAgain();
    this.#confirmations.answered();
  }

  #hearAgain(): void {
    this.#silentPings = 0;
    this.#heardBytes = 0;
  }

  #refused(text: string): void {
    const refusal = readRefusal(text);
    if (refusal === null) return;
    const { id, reason } = refusal;
    if (this.#confirmations.refused(id, reason)) return;
    // Without the marker nothing is confirmed any more: the next question brings another one.
    if (this.#marker !== null && id === toHex(this.#marker.id)) this.#marker = null;
    this.#parts.events.refused(id, reason);
  }

  /** A socket does not say when it has room again. */
  #pause(): Promise<void> {
    return new Promise((resolve) => {
      this.#parts.clock.schedule(ROOM_RETRY_MS, resolve);
    });
  }

  #schedule(delayMs: number, fire: () => void): void {
    this.#timer?.cancel();
    this.#timer = this.#parts.clock.schedule(delayMs, fire);
  }
}

/** `http://host/` becomes `ws://host/v1/msg-relay`. */
function socketUrl(url: string): string {
  const target = new URL("v1/msg-relay", url.endsWith("/") ? url : `${url}/`);
  target.protocol = target.protocol === "https:" ? "wss:" : "ws:";
  return target.href;
}

/** {"id": hex, "error": text}; null for anything else that a relay may say in text. */
function readRefusal(text: string): { readonly id: string; readonly reason: string } | null {
  const value = parseJson(text);
  if (typeof value !== "object" || value === null || !("id" in value) || !("error" in value)) return null;
  const { id, error } = value;
  if (typeof id !== "string" || !isHex(id, ID_BYTES) || typeof error !== "string") return null;
  return { id: id.toLowerCase(), reason: error.slice(0, MAX_REASON) };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
