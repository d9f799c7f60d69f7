/**
 * What a relay does with questions and messages (document 002's relay, RL-09): a place is empty, waited at, or holds a message.
 * Synchronous and without a clock: calls go in, effects come out, and whoever runs it carries them out in order.
 */
import { assert, CodecError, compareBytes, toHex } from "@conclave/bytes";
import type { Engine } from "@conclave/crypto";
import { FLAG_ONE_RECEIVER, HEADER_BYTES, ID_BYTES, decodeHeader, type Header } from "./header.ts";
import { DEFAULT_LIMITS, type MailroomLimits } from "./limits.ts";
import { messageId, objection, readFrame, type Frame } from "./message.ts";
import { Introductions } from "./introductions.ts";
import { PassedOn } from "./passed-on.ts";
import { isMailbox, placeOf, questionAt } from "./place.ts";
import { Store, type Kept, type NoRoom } from "./store.ts";
import { Waiting, type Connection, type Question } from "./waiting.ts";

/** Why something was not done. The words go over the wire. */
export type Refusal =
  | "malformed"
  | "another-id"
  | "bad-signature"
  | "taken"
  | "too-many-asks"
  | "too-many-senders"
  | NoRoom;

export type Effect =
  | { readonly kind: "deliver"; readonly to: number; readonly bytes: Uint8Array }
  /** Tell a connection that one of its frames came to nothing. `id` is null if the frame was too short to have one. */
  | { readonly kind: "refuse"; readonly to: number; readonly id: Uint8Array | null; readonly error: Refusal }
  /** Put a question to every peer. */
  | { readonly kind: "forward"; readonly frame: Uint8Array }
  /** For a relay that remembers over a restart. */
  | { readonly kind: "keep"; readonly bytes: Uint8Array; readonly untilSecond: number }
  | { readonly kind: "forget"; readonly signature: string };

export interface Published {
  /** `accepted`: handed out, kept, or both. `repeated`: it was here already, the same in every byte. */
  readonly outcome: "accepted" | "repeated" | Refusal;
  /** To how many askers it went. A message that could not be kept still reaches those who wait. */
  readonly delivered: number;
  readonly effects: readonly Effect[];
}

/** What became of a frame. The effects of one that came to nothing say so to its sender. */
export interface Handled {
  readonly outcome: Published["outcome"] | "asked";
  readonly effects: readonly Effect[];
}

export interface MailroomStats {
  readonly bytes: number;
  readonly messages: number;
  readonly senders: number;
  readonly waiters: number;
  readonly connections: number;
}

const MS = 1_000;
const SIGNATURE_BYTES = 64;

export class Mailroom {
  readonly #engine: Engine;
  readonly #limits: MailroomLimits;
  readonly #store: Store;
  readonly #waiting: Waiting;
  readonly #passedOn = new PassedOn();
  readonly #introductions: Introductions;
  readonly #connections = new Map<number, Connection>();
  #nextConnection = 1;

  constructor({ engine, limits = {} }: { engine: Engine; limits?: Partial<MailroomLimits> }) {
    this.#engine = engine;
    this.#limits = { ...DEFAULT_LIMITS, ...limits };
    this.#store = new Store(this.#limits);
    this.#waiting = new Waiting(this.#limits);
    this.#introductions = new Introductions(this.#limits.newSendersPerSecond);
  }

  get limits(): MailroomLimits {
    return this.#limits;
  }

  get stats(): MailroomStats {
    return { ...this.#store.size, waiters: this.#waiting.size, connections: this.#connections.size };
  }

  /** Somebody is there: a socket, an HTTP request, a peer. Returns the number that it goes by from now on. */
  connect(parts: Omit<Connection, "id">): number {
    const id = this.#nextConnection++;
    this.#connections.set(id, { ...parts, id });
    return id;
  }

  /** Its questions end with it. */
  disconnect(id: number): void {
    const connection = this.#connections.get(id);
    if (connection === undefined) return;
    this.#waiting.removeConnection(connection);
    this.#connections.delete(id);
  }

  /** Whatever came over a socket: a question if it is nothing but a header, else a message. */
  frame(from: number, bytes: Uint8Array, nowMs: number): Handled {
    if (bytes.length === HEADER_BYTES) {
      const header = headerOrNull(bytes);
      return header === null
        ? { outcome: "malformed", effects: [refuse(from, bytes, "malformed")] }
        : { outcome: "asked", effects: this.ask(from, header, nowMs) };
    }
    const { outcome, effects } = this.publish(from, bytes, nowMs);
    const done = outcome === "accepted" || outcome === "repeated";
    return { outcome, effects: done ? effects : [...effects, refuse(from, bytes, outcome)] };
  }

  /**
   * A question. What is there is delivered at once; for what is not, the asker waits as long as the header says, and the
   * peers are asked. A mailbox's asker gets what is queued and waits for more. Asked again, it replaces the earlier question;
   * with a time of zero it only takes what is there.
   */
  ask(from: number, header: Header, nowMs: number): readonly Effect[] {
    const effects = this.tick(nowMs);
    const connection = this.#connection(from);
    const place = placeOf(header);
    const mailbox = isMailbox(header);
    const found = this.#store.at(place);
    for (const kept of found) effects.push(...this.#handOut(kept, from, mailbox, nowMs));
    if (found.length > 0 && !mailbox) return effects;
    const ttlSeconds = Math.min(header.ttlSeconds, this.#limits.ttlSeconds);
    if (ttlSeconds === 0) {
      this.#waiting.removeAt(place, connection);
      return effects;
    }
    const untilSecond = untilSecondOf(nowMs, ttlSeconds);
    if (!this.#waiting.add({ connection, place, untilSecond }))
      return [...effects, refuse(from, header.id, "too-many-asks")];
    if (!connection.peer && this.#waiting.forwardOnce(place, untilSecond))
      effects.push({ kind: "forward", frame: questionAt(place, ttlSeconds) });
    return effects;
  }

  /** A message, as its sender signed it. First writer wins, and only the sender itself can be the first. */
  publish(from: number, bytes: Uint8Array, nowMs: number): Published {
    const before = this.tick(nowMs);
    const connection = this.#connection(from);
    const frame = frameOrNull(bytes);
    if (frame?.kind !== "publish") return { outcome: "malformed", delivered: 0, effects: before };
    const kept = this.#keptOf(frame, bytes, connection, nowMs);
    // Bytes that are here were verified when they came.
    if (this.#store.holds(kept.place, kept.signature, bytes))
      return { outcome: "repeated", delivered: 0, effects: before };
    const wrong = this.#objection(frame, bytes, kept, nowMs);
    if (wrong !== null) return { outcome: wrong, delivered: 0, effects: before };
    const { outcome, delivered, effects } = isMailbox(frame.header)
      ? this.#post(kept, connection, nowMs)
      : this.#put(kept, connection, nowMs);
    return { outcome, delivered, effects: [...before, ...effects] };
  }

  /** To be called every second: what has run out ends, and what clients still wait for is asked of the peers again. */
  tick(nowMs: number): Effect[] {
    const nowSecond = Math.floor(nowMs / MS);
    this.#store.expire(nowSecond);
    this.#passedOn.forgetOld(nowMs);
    return this.#waiting.expire(nowSecond).map((question) => ({ kind: "forward", frame: frameOf(question) }));
  }

  /** What a peer is asked when its connection comes up: all that clients wait for here. */
  *openQuestions(nowMs: number): Generator<Uint8Array> {
    for (const question of this.#waiting.open(Math.floor(nowMs / MS))) yield frameOf(question);
  }

  /** Put back what a relay kept before its restart. False if its time is over or there is no room. */
  restore(bytes: Uint8Array, untilSecond: number, nowMs: number): boolean {
    const frame = frameOrNull(bytes);
    if (frame?.kind !== "publish" || untilSecond * MS <= nowMs) return false;
    const kept = { ...this.#keptOf(frame, new Uint8Array(bytes), NOBODY, nowMs), untilSecond };
    const mailbox = isMailbox(frame.header);
    if (!mailbox && this.#store.at(kept.place).length > 0) return false;
    const noRoom = this.#store.noRoomFor(kept, mailbox);
    if (noRoom !== null && noRoom !== "source-quota") return false;
    this.#store.keep(kept);
    return true;
  }

  /** All messages that are kept. */
  *kept(): Generator<{ readonly bytes: Uint8Array; readonly untilSecond: number }> {
    yield* this.#store.all();
  }

  #objection(
    { message }: Extract<Frame, { kind: "publish" }>,
    bytes: Uint8Array,
    { sender, source }: Kept,
    nowMs: number,
  ): Refusal | null {
    // First what costs least.
    if (compareBytes(messageId(this.#engine, message), message.header.id) !== 0) return "another-id";
    if (!this.#introductions.admits(sender, source, Math.floor(nowMs / MS))) return "too-many-senders";
    if (objection(this.#engine, bytes, message) !== null) return "bad-signature";
    this.#introductions.remember(sender);
    return null;
  }

  /** A single message: to all who wait, and to whoever asks until its time is over. */
  #put(kept: Kept, { peer }: Connection, nowMs: number): Published {
    if (this.#store.at(kept.place).length > 0) return { outcome: "taken", delivered: 0, effects: [] };
    if (peer && this.#passedOn.has(kept.signature, nowMs)) return { outcome: "repeated", delivered: 0, effects: [] };
    const waiters = this.#waiting.at(kept.place);
    const effects = waiters.map(({ connection }): Effect => deliver(connection.id, kept.bytes));
    for (const waiter of waiters) this.#waiting.remove(waiter);
    if (kept.oneReceiver && waiters.length === 1) {
      this.#passedOn.add(kept.signature, nowMs);
      return { outcome: "accepted", delivered: 1, effects };
    }
    return this.#keep(kept, { mailbox: false, effects, nowMs });
  }

  /** A message for a mailbox: to its askers, or into the queue. What came from a peer goes to no peer. */
  #post(kept: Kept, { peer }: Connection, nowMs: number): Published {
    if (peer && this.#passedOn.has(kept.signature, nowMs)) return { outcome: "repeated", delivered: 0, effects: [] };
    const askers = this.#waiting.at(kept.place).filter(({ connection }) => !(peer && connection.peer));
    if (askers.length === 0) return this.#keep(kept, { mailbox: true, effects: [], nowMs });
    this.#passedOn.add(kept.signature, nowMs);
    const effects = askers.map(({ connection }): Effect => deliver(connection.id, kept.bytes));
    return { outcome: "accepted", delivered: effects.length, effects };
  }

  #keep(
    kept: Kept,
    { mailbox, effects, nowMs }: { mailbox: boolean; effects: readonly Effect[]; nowMs: number },
  ): Published {
    const delivered = effects.length;
    if (kept.untilSecond * MS <= nowMs) return { outcome: "accepted", delivered, effects };
    const noRoom = this.#store.noRoomFor(kept, mailbox);
    if (noRoom !== null) return { outcome: noRoom, delivered, effects };
    // A copy: the caller's bytes may be a view into a much larger buffer.
    const own = { ...kept, bytes: new Uint8Array(kept.bytes) };
    this.#store.keep(own);
    const keep: Effect = { kind: "keep", bytes: own.bytes, untilSecond: own.untilSecond };
    return { outcome: "accepted", delivered, effects: [keep, ...effects] };
  }

  #handOut(kept: Kept, to: number, mailbox: boolean, nowMs: number): readonly Effect[] {
    if (!mailbox && !kept.oneReceiver) return [deliver(to, kept.bytes)];
    this.#store.forget(kept);
    this.#passedOn.add(kept.signature, nowMs);
    return [deliver(to, kept.bytes), { kind: "forget", signature: kept.signature }];
  }

  #keptOf(
    { header, message }: Extract<Frame, { kind: "publish" }>,
    bytes: Uint8Array,
    { source }: Pick<Connection, "source">,
    nowMs: number,
  ): Kept {
    const ttlSeconds = Math.min(header.ttlSeconds, this.#limits.ttlSeconds);
    return {
      place: placeOf(header),
      bytes,
      signature: toHex(bytes.subarray(-SIGNATURE_BYTES)),
      sender: toHex(message.sender),
      source,
      oneReceiver: (header.flags & FLAG_ONE_RECEIVER) !== 0,
      untilSecond: ttlSeconds === 0 ? 0 : untilSecondOf(nowMs, ttlSeconds),
    };
  }

  #connection(id: number): Connection {
    const connection = this.#connections.get(id);
    assert(connection !== undefined, "frames come from connections that are there");
    return connection;
  }
}

/** Whoever brought a message before a restart. */
const NOBODY = { source: "" };

/** Rounded up: nothing ends early. */
const untilSecondOf = (nowMs: number, ttlSeconds: number): number => Math.ceil(nowMs / MS + ttlSeconds);

const deliver = (to: number, bytes: Uint8Array): Effect => ({ kind: "deliver", to, bytes });

const refuse = (to: number, frame: Uint8Array, error: Refusal): Effect => ({
  kind: "refuse",
  to,
  id: frame.length < ID_BYTES ? null : new Uint8Array(frame.subarray(0, ID_BYTES)),
  error,
});

const frameOf = ({ place, ttlSeconds }: Question): Uint8Array => questionAt(place, ttlSeconds);

function frameOrNull(bytes: Uint8Array): Frame | null {
  try {
    return readFrame(bytes);
  } catch (error) {
    if (!(error instanceof CodecError)) throw error;
    return null;
  }
}

function headerOrNull(bytes: Uint8Array): Header | null {
  try {
    return decodeHeader(bytes);
  } catch (error) {
    if (!(error instanceof CodecError)) throw error;
    return null;
  }
}
