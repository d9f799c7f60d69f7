/** One encrypted stream to one other end: first for the proof, then the mesh's connection. */
import type { X509Certificate } from "node:crypto";
import type { Duplex } from "node:stream";
import { TLSSocket } from "node:tls";
import type { Clock, Connection, ConnectionEvents } from "@conclave/node";
import { LINGER_MS } from "./limits.ts";
import { Refused, REFUSAL_CODES } from "./refusal.ts";

export interface SessionParts {
  readonly stream: Duplex;
  /** For the log. */
  readonly address: string;
  /** What the other end showed; null where the library keeps it to itself. */
  readonly certificate: X509Certificate | null;
  readonly clock: Clock;
  /** Ends whatever carries the stream, at once. */
  readonly hangUp: (code: number) => void;
}

/** The stream may end in the middle of a message: then whatever waits for the rest hears why. */
export class Session implements Connection {
  readonly address: string;
  readonly certificate: X509Certificate | null;
  readonly #stream: Duplex;
  readonly #clock: Clock;
  readonly #hangUp: (code: number) => void;
  #events: ConnectionEvents | null = null;
  /** Why it is over; null while it is not. */
  #end: string | null = null;
  #isEnding = false;
  #giveUp: ((reason: string) => void) | null = null;
  readonly #whenOver: (() => void)[] = [];

  constructor({ stream, address, certificate, clock, hangUp }: SessionParts) {
    this.address = address;
    this.certificate = certificate;
    this.#stream = stream;
    this.#clock = clock;
    this.#hangUp = hangUp;
    stream.on("error", ({ message }) => this.over(message));
    // Nodes speak both ways or not at all.
    stream.on("end", () => this.over("the other end closed the connection"));
    stream.on("close", () => this.over("the connection was closed"));
    stream.on("drain", () => this.#events?.drained());
  }

  get isOver(): boolean {
    return this.#end !== null;
  }

  /** Calls back once it is over, at once if it is. */
  onOver(done: () => void): void {
    if (this.#end === null) this.#whenOver.push(done);
    else done();
  }

  /** The next `length` bytes, while nobody is attached. Rejects with the reason if they never come. */
  read(length: number): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      const stop = (): void => {
        this.#giveUp = null;
        this.#stream.off("readable", look);
      };
      const look = (): void => {
        const bytes = this.#stream.read(length) as Uint8Array | null;
        if (bytes === null) return;
        stop();
        if (bytes.length === length) resolve(bytes);
        else reject(new Error("the other end closed the connection"));
      };
      this.#giveUp = (reason) => {
        stop();
        reject(new Error(reason));
      };
      if (this.#end !== null) return this.#giveUp(this.#end);
      this.#stream.on("readable", look);
      look();
    });
  }

  write(bytes: Uint8Array): boolean {
    if (this.#end !== null || this.#isEnding) return false;
    try {
      return this.#stream.write(bytes);
    } catch (error) {
      // A QUIC stream throws, instead of saying so by an event, when its connection ended a moment ago.
      this.over((error as Error).message);
      return false;
    }
  }

  attach(events: ConnectionEvents): void {
    this.#events = events;
    if (this.#end !== null) return queueMicrotask(() => this.#report());
    this.#stream.on("data", (bytes: Uint8Array) => this.#events?.received(bytes));
  }

  pause(): void {
    // QUIC's library reads on into memory of its own, without a bound: what comes is better left with the link, which has one.
    if (this.#stream instanceof TLSSocket) this.#stream.pause();
  }

  resume(): void {
    if (this.#stream instanceof TLSSocket) this.#stream.resume();
  }

  destroy(): void {
    this.#events = null;
    this.#cut("this end closed the connection", 0);
  }

  /** Ends it because of who the other end is, or is not. */
  refuse(error: unknown): void {
    this.#events = null;
    this.#cut(
      "this end refused the connection",
      error instanceof Refused ? REFUSAL_CODES[error.code] : REFUSAL_CODES.unproven,
    );
  }

  end(): void {
    if (this.#end !== null || this.#isEnding) return;
    this.#isEnding = true;
    this.#stream.end();
    // The other end hangs up when it has read the last message; one that does not read is not waited for.
    const linger = this.#clock.schedule(LINGER_MS, () => this.destroy());
    this.onOver(() => linger.cancel());
  }

  /** The carrier knows that it is over, and better than the stream why. */
  over(reason: string): void {
    this.#cut(reason, 0);
  }

  #cut(reason: string, code: number): void {
    if (this.#end !== null) return;
    this.#end = reason;
    this.#hangUp(code);
    this.#stream.destroy();
    this.#giveUp?.(reason);
    // The stream may say so from within a call of the mesh's.
    queueMicrotask(() => this.#report());
    for (const done of this.#whenOver.splice(0)) done();
  }

  #report(): void {
    const events = this.#events;
    this.#events = null;
    events?.closed(this.#end!);
  }
}
