/**
 * Getting a frame to a peer over a transport that may lose it: numbered by content, acknowledged, resent until answered or
 * overtaken, delivered once. Bounded in every direction.
 */
import { bytes, codec, CodecError, fixedBytes, oneOf, record, toHex, transcript, type Codec } from "@conclave/bytes";
import type { NodeId } from "@conclave/consensus";
import { Latest } from "./latest.ts";
import type { Clock, Messenger, Timer, Transport } from "./ports.ts";
import { MAX_FRAME_BYTES } from "./ports.ts";

/** First resend; doubles up to the longest. A healthy link answers within milliseconds. */
const RESEND_FIRST_MS = 250;
const RESEND_LONGEST_MS = 4_000;
/** After this long nobody waits for the frame any more: sessions are over within the 10 minutes' absolute limit. */
const GIVE_UP_MS = 10 * 60_000;
/** Except the last one for a peer whose link is up: it is repeated so often, to see when the peer answers again. */
const PROBE_MS = 60_000;
/** Unanswered frames kept per peer; the oldest go first. A cluster's busiest hour leaves a few dozen. */
const MAX_UNANSWERED = 2_048;
/** Frames remembered per peer so that a repeat is answered but not delivered again. */
const MAX_REMEMBERED = 8_192;
/** Topics remembered per peer that it missed something of: as many as a peer is told again which comes back after long. */
const MAX_MISSED = 512;

const frameCodec: Codec<Frame> = codec(
  oneOf({
    content: record({ payload: bytes({ max: MAX_FRAME_BYTES - 64 }) }),
    answer: record({ id: fixedBytes(16) }),
  }),
);

type Frame =
  | { readonly kind: "content"; readonly payload: Uint8Array }
  | { readonly kind: "answer"; readonly id: Uint8Array };

export interface DeliveryOptions {
  readonly transport: Transport;
  readonly clock: Clock;
  /**
   * Whether the receiver can take one more payload of this length from this peer. What it cannot take is not answered: the
   * sender repeats it later.
   */
  readonly hasRoom?: (from: NodeId, length: number) => boolean;
  /** Called for what is no frame of ours, within `receive`. */
  readonly malformed?: () => void;
  /** A peer answers again that did not for long: these topics had frames that were given up meanwhile. */
  readonly missed?: (peer: NodeId, topics: readonly string[]) => void;
}

interface Unanswered {
  readonly frame: Uint8Array;
  readonly topic: string;
  readonly sinceMs: number;
  delayMs: number;
  timer: Timer;
}

export class Delivery implements Messenger {
  readonly #transport: Transport;
  readonly #clock: Clock;
  readonly #hasRoom: (from: NodeId, length: number) => boolean;
  readonly #malformed: () => void;
  readonly #missed: (peer: NodeId, topics: readonly string[]) => void;
  readonly #unanswered = new Map<NodeId, Map<string, Unanswered>>();
  readonly #seen = new Map<NodeId, Set<string>>();
  /** Topics with frames that were given up, by peer. */
  readonly #givenUp = new Map<NodeId, Latest<string, true>>();

  constructor({ transport, clock, hasRoom = () => true, malformed = () => {}, missed = () => {} }: DeliveryOptions) {
    this.#transport = transport;
    this.#clock = clock;
    this.#hasRoom = hasRoom;
    this.#malformed = malformed;
    this.#missed = missed;
  }

  /** Send, and resend until the peer answers, `topic` closes, or nobody can be waiting for it any more. */
  send(to: NodeId, payload: Uint8Array, topic: string): void {
    const frame = frameCodec.encode({ kind: "content", payload });
    const queue = this.#queueOf(to);
    const id = frameId(payload);
    if (queue.has(id)) return;
    if (queue.size >= MAX_UNANSWERED) this.#giveUp(to, queue.keys().next().value!);
    const entry: Unanswered = { frame, topic, sinceMs: this.#clock.nowMs(), delayMs: RESEND_FIRST_MS, timer: NO_TIMER };
    queue.set(id, entry);
    this.#attempt(to, id, entry);
  }

  /** Nothing of this topic matters any more. */
  close(topic: string): void {
    for (const queue of this.#unanswered.values()) {
      for (const [id, entry] of queue) if (entry.topic === topic) this.#forget(queue, id);
    }
  }

  /** A frame arrived. Returns its payload if it is new and there is room for it, else null; malformed frames are nobody's. */
  receive(from: NodeId, bytes: Uint8Array): Uint8Array | null {
    const frame = decode(bytes);
    if (frame === null) {
      this.#malformed();
      return null;
    }
    if (frame.kind === "answer") {
      this.#answered(from, toHex(frame.id));
      return null;
    }
    // Before anything is computed: a flood costs little more than its decoding.
    if (!this.#hasRoom(from, frame.payload.length)) return null;
    const idOfPayload = idBytes(frame.payload);
    this.#transport.send(from, frameCodec.encode({ kind: "answer", id: idOfPayload }));
    const id = toHex(idOfPayload);
    const seen = this.#seenOf(from);
    if (seen.has(id)) return null;
    seen.add(id);
    if (seen.size > MAX_REMEMBERED) seen.delete(seen.values().next().value!);
    return frame.payload;
  }

  /** The link came up: what waits for this peer goes out at once. */
  linkUp(peer: NodeId): void {
    for (const [id, entry] of this.#unanswered.get(peer) ?? []) {
      entry.timer.cancel();
      entry.delayMs = RESEND_FIRST_MS;
      this.#attempt(peer, id, entry);
    }
  }

  stop(): void {
    for (const queue of this.#unanswered.values()) for (const id of queue.keys()) this.#forget(queue, id);
  }

  #attempt(to: NodeId, id: string, entry: Unanswered): void {
    this.#transport.send(to, entry.frame);
    entry.timer = this.#clock.schedule(entry.delayMs, () => {
      const isOld = this.#clock.nowMs() - entry.sinceMs > GIVE_UP_MS;
      if (isOld && (this.#queueOf(to).size > 1 || !this.#transport.isUp(to))) return this.#giveUp(to, id);
      entry.delayMs = isOld ? PROBE_MS : Math.min(entry.delayMs * 2, RESEND_LONGEST_MS);
      this.#attempt(to, id, entry);
    });
  }

  #answered(from: NodeId, id: string): void {
    const queue = this.#unanswered.get(from);
    if (queue?.has(id) !== true) return;
    this.#forget(queue, id);
    const topics = this.#givenUp.get(from);
    if (topics === undefined) return;
    this.#givenUp.delete(from);
    this.#missed(from, [...topics.keys()]);
  }

  #giveUp(to: NodeId, id: string): void {
    const queue = this.#queueOf(to);
    const topics = this.#givenUp.get(to) ?? new Latest<string, true>(MAX_MISSED);
    this.#givenUp.set(to, topics.set(queue.get(id)!.topic, true));
    this.#forget(queue, id);
  }

  #forget(queue: Map<string, Unanswered>, id: string): void {
    queue.get(id)?.timer.cancel();
    queue.delete(id);
  }

  #queueOf(peer: NodeId): Map<string, Unanswered> {
    const queue = this.#unanswered.get(peer) ?? new Map<string, Unanswered>();
    this.#unanswered.set(peer, queue);
    return queue;
  }

  #seenOf(peer: NodeId): Set<string> {
    const seen = this.#seen.get(peer) ?? new Set<string>();
    this.#seen.set(peer, seen);
    return seen;
  }
}

const NO_TIMER: Timer = { cancel: () => {} };

const idBytes = (payload: Uint8Array): Uint8Array => transcript("node/frame", { payload }).subarray(0, 16);
const frameId = (payload: Uint8Array): string => toHex(idBytes(payload));

function decode(bytes: Uint8Array): Frame | null {
  try {
    return frameCodec.decode(bytes);
  } catch (error) {
    if (!(error instanceof CodecError)) throw error;
    return null;
  }
}
