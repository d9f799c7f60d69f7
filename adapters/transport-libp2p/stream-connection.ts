/** A libp2p stream as a mesh's connection. It has the libp2p connection to itself: when one ends, so does the other. */
import type { Connection as PeerConnection, Stream, StreamCloseEvent, StreamMessageEvent } from "@libp2p/interface";
import type { Connection, ConnectionEvents } from "@conclave/node";
import { END_MS, MAX_STREAM_BUFFER_BYTES } from "./limits.ts";

export class StreamConnection implements Connection {
  readonly #stream: Stream;
  readonly #connection: PeerConnection;
  #events: ConnectionEvents | null = null;
  #isBlocked = false;
  #isWriting = false;
  /** Why it is over, once it is. */
  #over: string | null = null;

  constructor(stream: Stream, connection: PeerConnection) {
    this.#stream = stream;
    this.#connection = connection;
    stream.maxWriteBufferLength = MAX_STREAM_BUFFER_BYTES;
    stream.addEventListener("close", (event: StreamCloseEvent) =>
      this.#ended(event.error?.message ?? "the peer closed the connection"),
    );
    // Before a `close` that has a better reason, too.
    stream.addEventListener("end", () => {
      if (stream.status === "open" || stream.status === "closing") this.#ended("the peer closed the connection");
    });
  }

  write(bytes: Uint8Array): boolean {
    if (this.#over !== null) return false;
    this.#isWriting = true;
    try {
      this.#isBlocked = !this.#stream.send(bytes);
    } catch (error) {
      this.#ended((error as Error).message);
    } finally {
      this.#isWriting = false;
    }
    return this.#over === null && !this.#isBlocked;
  }

  attach(events: ConnectionEvents): void {
    this.#events = events;
    const stream = this.#stream;
    if (this.#over !== null || stream.readableEnded) {
      queueMicrotask(() => {
        const reason = this.#over ?? "the peer closed the connection";
        this.#ended(reason);
        this.#tellEnd(reason);
      });
      return;
    }
    stream.addEventListener("drain", () => this.#drained());
    // Dispatched while the stream still counts as sending, when a write would only be queued and never sent.
    stream.addEventListener("idle", () => queueMicrotask(() => this.#drained()));
    stream.addEventListener("message", ({ data }: StreamMessageEvent) => {
      if (data instanceof Uint8Array) this.#events?.received(data);
      else for (const piece of data) this.#events?.received(piece);
    });
  }

  pause(): void {
    if (this.#stream.readStatus === "readable") this.#stream.pause();
  }

  resume(): void {
    if (this.#stream.readStatus === "paused") this.#stream.resume();
  }

  destroy(): void {
    this.#events = null;
    this.#over ??= "we closed the connection";
    this.#stream.abort(new Error("we closed the connection"));
    this.#leave();
  }

  end(): void {
    this.#events = null;
    if (this.#over !== null) return;
    this.#over = "we closed the connection";
    const leave = (): void => this.#leave();
    const signal = AbortSignal.timeout(END_MS);
    this.#stream
      .close({ signal })
      .then(() => this.#connection.close({ signal }))
      .then(leave, leave);
  }

  /**
   * libp2p says `drain` each time that anything below the stream took a few bytes, with the rest of what we wrote still in
   * line. Only an empty line is room: otherwise a peer that reads slowly would be written to as fast as one that does not.
   */
  #drained(): void {
    if (!this.#isBlocked || this.#stream.writeBufferLength > 0 || this.#stream.writableNeedsDrain) return;
    this.#isBlocked = false;
    this.#events?.drained();
  }

  #ended(reason: string): void {
    if (this.#over !== null) return;
    this.#over = reason;
    this.#leave();
    if (this.#isWriting) queueMicrotask(() => this.#tellEnd(reason));
    else this.#tellEnd(reason);
  }

  #tellEnd(reason: string): void {
    const events = this.#events;
    this.#events = null;
    events?.closed(reason);
  }

  /**
   * Without its stream a connection is of no use, unless the peer opened another on it. Not at once: what ended the stream may
   * be the connection's end, which libp2p does not expect to be ended a second time meanwhile.
   */
  #leave(): void {
    queueMicrotask(() => {
      const others = this.#connection.streams.filter((stream) => stream !== this.#stream);
      if (others.length === 0 && this.#connection.status === "open")
        this.#connection.abort(new Error("its link is over"));
    });
  }
}
