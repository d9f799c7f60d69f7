/**
 * The other relays: a socket out to each, over which this one asks for its own clients. What a peer answers is published here
 * like a client's message. A peer's questions come in over its own socket and are never asked on, so that a question goes one
 * step and no further.
 */
import { HEADER_BYTES, MAX_MESSAGE_BYTES, type Refusal } from "@conclave/relay";
import type { Logger } from "pino";
import { WebSocket, type RawData } from "ws";
import { isFault, type Hub, type Peers } from "./hub.ts";
import { WrongUsage, type PeerOptions } from "./options.ts";
import { PEER_HEADER, SOCKET_PATHS } from "./sockets.ts";

/** Each failed attempt makes the next wait longer by half, up to a minute, and none waits exactly as long as another. */
const GROWTH = 1.5;
const LONGEST_DELAY_MS = 60_000;
const JITTER = 0.25;
const MISSED_PINGS = 2;

interface LinkParts {
  readonly hub: Hub;
  readonly options: PeerOptions;
  /** Frames of a peer that came to nothing, before its socket is ended and opened again. */
  readonly badFrames: number;
  readonly log: Logger;
}

/** The links to all peers, at URLs by `socketUrl`. */
export class PeerLinks implements Peers {
  readonly #links: readonly PeerLink[];

  constructor(urls: readonly URL[], parts: LinkParts) {
    this.#links = urls.map((url) => new PeerLink(url, parts));
  }

  get configured(): number {
    return this.#links.length;
  }

  get connected(): number {
    return this.#links.filter((link) => link.up).length;
  }

  ask(frame: Uint8Array): void {
    for (const link of this.#links) link.ask(frame);
  }

  close(): void {
    for (const link of this.#links) link.close();
  }
}

/** `http://host` and `ws://host/` become `ws://host/v1/msg-relay`. Throws `WrongUsage` for anything else. */
export function socketUrl(text: string): URL {
  const wrong = `--peer ${text} is no address of a relay: write it like http://relay.example:8080 or wss://relay.example`;
  if (!URL.canParse(text)) throw new WrongUsage(wrong);
  const url = new URL(text.replace(/^http/i, "ws"));
  if (url.protocol !== "ws:" && url.protocol !== "wss:") throw new WrongUsage(wrong);
  const path = url.pathname.replace(/\/+$/, "");
  url.pathname = SOCKET_PATHS.some((known) => path.endsWith(known)) ? path : `${path}${SOCKET_PATHS[0]}`;
  url.hash = "";
  return url;
}

class PeerLink {
  readonly #url: URL;
  readonly #parts: LinkParts;
  readonly #log: Logger;
  #socket: WebSocket | null = null;
  #failures = 0;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;
  /** Frames that the socket has not sent yet. */
  #queued = 0;
  /** Questions that are being asked again, because the link came up or its queue was full. */
  #asking: Iterator<Uint8Array> | null = null;
  #behind = false;

  constructor(url: URL, parts: LinkParts) {
    this.#url = url;
    this.#parts = parts;
    this.#log = parts.log.child({ peer: url.host });
    this.#open();
  }

  get up(): boolean {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  /** While the link is down nothing is queued: what is still waited for then is asked when it comes up. */
  ask(frame: Uint8Array): void {
    if (!this.up) return;
    if (this.#queued < this.#parts.options.queueSize) this.#send(frame);
    else this.#behind = true;
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#socket?.terminate();
  }

  #open(): void {
    const { hub, options, badFrames } = this.#parts;
    const socket = new WebSocket(this.#url, {
      headers: { [PEER_HEADER]: "1" },
      maxPayload: MAX_MESSAGE_BYTES,
      perMessageDeflate: false,
      handshakeTimeout: MISSED_PINGS * options.pingIntervalMs,
    });
    this.#socket = socket;
    this.#queued = 0;
    let faults = 0;
    let missed = 0;
    const refuse = (_: string | null, error: Refusal): void => {
      if (isFault(error)) faults += 1;
      if (faults > badFrames) socket.terminate();
    };
    // It is handed nothing: a peer's questions come in over the peer's own socket.
    const receiver = { deliver: () => {}, refuse };
    const id = hub.join({ source: `peer ${this.#url.host}`, peer: true, receiver });
    const pings = setInterval(() => {
      missed += 1;
      if (missed > MISSED_PINGS) socket.terminate();
      else if (this.up) socket.ping();
    }, options.pingIntervalMs);
    socket.on("open", () => {
      this.#log.info("peer connected");
      this.#failures = 0;
      this.#askAll();
    });
    socket.on("pong", () => (missed = 0));
    socket.on("message", (data: RawData, binary: boolean) => {
      missed = 0;
      const frame = data as Buffer;
      // Text says that it refuses a question: the next that asks may have more luck.
      if (binary && frame.length > HEADER_BYTES) hub.frame(id, frame);
    });
    socket.on("error", (error) => this.#log.debug({ error: error.message }, "peer connection failed"));
    socket.on("close", () => {
      clearInterval(pings);
      hub.leave(id);
      this.#reopen();
    });
  }

  #reopen(): void {
    if (this.#closed) return;
    const { reconnectDelayMs } = this.#parts.options;
    const longestMs = Math.max(LONGEST_DELAY_MS, reconnectDelayMs);
    const delayMs = Math.min(longestMs, reconnectDelayMs * GROWTH ** this.#failures);
    this.#failures += 1;
    const jittered = delayMs * (1 - JITTER + 2 * JITTER * Math.random());
    this.#log.warn({ again_in_ms: Math.round(jittered) }, "peer is not connected");
    this.#timer = setTimeout(() => this.#open(), jittered);
  }

  #askAll(): void {
    this.#behind = false;
    this.#asking = this.#parts.hub.openQuestions();
    this.#askMore();
  }

  #askMore(): void {
    while (this.up && this.#asking !== null && this.#queued < this.#parts.options.queueSize) {
      const { done, value } = this.#asking.next();
      if (done === true) this.#asking = null;
      else this.#send(value);
    }
    if (this.up && this.#asking === null && this.#behind && this.#queued === 0) this.#askAll();
  }

  #send(frame: Uint8Array): void {
    const socket = this.#socket!;
    this.#queued += 1;
    socket.send(frame, (error) => {
      if (error || socket !== this.#socket) return;
      this.#queued -= 1;
      this.#askMore();
    });
  }
}
