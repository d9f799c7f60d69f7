/**
 * One end of a link between two nodes over mailboxes. Three steps make it: a greeting that offers a life, one that answers it
 * with another, and the first packet sealed under both. Each end knows from its own fresh life that what it hears is of now,
 * so that a relay which replays, invents or swaps messages is in no better place than one that delays them.
 */
import { equalBytes, type Rng } from "@conclave/bytes";
import type { Engine } from "@conclave/crypto";
import { MAX_FRAME_BYTES, type Clock, type Timer } from "@conclave/node";
import { FrameQueue } from "./frame-queue.ts";
import type { Life, PairKeys } from "./keys.ts";
import { KEY_BYTES } from "./keys.ts";
import { decodeNote, openGreeting, readPacket, sealGreeting, type Packet, type SessionKind } from "./packets.ts";
import { unpack } from "./packing.ts";
import { LinkSession } from "./session.ts";
import { MAX_BYTES_UNDER_WAY, MAX_UNDER_WAY, type UnderWay } from "./windows.ts";

/** When a link says something by itself. Defaults in `DEFAULT_LINK_TIMINGS`. */
export interface LinkTimings {
  /** How often a link says that it is there; while it is not up, how often it greets. */
  readonly keepAliveMs: number;
  /** After so many of them without a word from the peer, the link is down. */
  readonly silentKeepAlives: number;
}

/** A dead peer shows within five seconds, and a link at rest costs a few hundred bytes a second. */
export const DEFAULT_LINK_TIMINGS: LinkTimings = { keepAliveMs: 1_000, silentKeepAlives: 5 };

/** How long relays keep things: what is older than a dead link's last sign is of no use to anybody. */
const SIGN_TTL_SECONDS = 5;
const FRAMES_TTL_SECONDS = 15;
/** Receipts wait this long for company, or for so many packets or bytes: a quarter of what may be under way. */
const RECEIPT_DELAY_MS = 20;
const RECEIPT_AT_PACKETS = MAX_UNDER_WAY / 4;
const RECEIPT_AT_BYTES = MAX_BYTES_UNDER_WAY / 4;
/** Packets without a receipt are sent again after so many keep-alives: a relay lost them, or refused them for its quota. */
const RESEND_TICKS = 2;
/** Sent again at a time, so that a relay that only is slow is not buried. */
const MAX_RESENT = 32;
/** How soon a link tries again when no relay takes more. */
const ROOM_RETRY_MS = 10;
/** Two answers to greetings are this far apart: replayed ones cost little. */
const ANSWER_GAP_MS = 20;

export interface LinkParts {
  readonly pair: PairKeys;
  readonly engine: Engine;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly timings: LinkTimings;
  readonly events: LinkEvents;
  /** Hand a packet to the relays. False if none has room. `repeat` makes copies of one packet differ, so that a relay takes them. */
  readonly post: (packet: Uint8Array, terms: LinkPostTerms) => boolean;
}

export interface LinkPostTerms {
  readonly ttlSeconds: number;
  readonly repeat: number;
  /** A sign of life, for which there is room when there is none for frames. */
  readonly urgent: boolean;
}

export interface LinkEvents {
  link(up: boolean): void;
  frame(frame: Uint8Array): void;
  /** Something came that the peer did not say to us, or not now. */
  dropped(why: string): void;
}

export class Link {
  readonly #parts: LinkParts;
  readonly #queue = new FrameQueue();
  /** The life of the next session; drawn anew once it is used. */
  #offer: Life;
  /** What the peer's latest greeting would make with our offer. Up as soon as a packet under its keys arrives. */
  #pending: LinkSession | null = null;
  #session: LinkSession | null = null;
  /** Keep-alives of our own: the link's time, that no clock can set. */
  #ticks = 0;
  #silentKeepAlives = 0;
  #unreceipted = { packets: 0, bytes: 0 };
  #receiptTimer: Timer | null = null;
  #flushTimer: Timer | null = null;
  #flushDue = false;
  #answerTimer: Timer | null = null;
  #answerDue: (() => void) | null = null;
  #tickTimer: Timer | null = null;
  #closed = false;

  constructor(parts: LinkParts) {
    this.#parts = parts;
    this.#offer = this.#draw();
  }

  get isUp(): boolean {
    return this.#session !== null;
  }

  /** Begin to greet. */
  start(): void {
    this.#greet(null);
    this.#scheduleTick();
  }

  /** Takes a copy of the frame; loses it while the link is down or too much waits already. */
  send(frame: Uint8Array): void {
    if (this.#session === null || !this.#queue.push(frame) || this.#flushDue) return;
    this.#flushDue = true;
    // What is sent in one turn travels together.
    queueMicrotask(() => {
      this.#flushDue = false;
      this.#flush();
    });
  }

  /** A relay came back, and may have lost what it had. */
  relayReturned(): void {
    if (this.#closed) return;
    if (this.#session === null) return this.#greet(null);
    this.#resend(this.#ticks);
    this.#sendNote();
  }

  /** A message from the peer's mailbox to us: from a relay, so it may be anything. */
  received(payload: Uint8Array): void {
    if (this.#closed) return;
    const packet = readPacket(payload);
    if (packet === null) return this.#parts.events.dropped("not a packet");
    if (packet.kind === "greeting") return this.#greeted(packet);
    const session = [this.#session, this.#pending].find((one) => one?.names(packet));
    if (session === undefined || session === null) return this.#parts.events.dropped("packet of another session");
    if (!session.expects(packet)) return this.#repeated(session, packet.kind);
    const plain = session.open(packet);
    if (plain === null) return this.#parts.events.dropped("packet that does not open");
    if (session === this.#pending) this.#establish(session);
    this.#opened(session, packet.kind, plain);
  }

  /** Says goodbye if `parting`, and nothing more. */
  close({ parting }: { readonly parting: boolean }): void {
    if (this.#closed) return;
    if (parting && this.#session !== null) this.#postSign(this.#session.note({ leaving: true }));
    this.#closed = true;
    for (const timer of [this.#receiptTimer, this.#flushTimer, this.#answerTimer, this.#tickTimer]) timer?.cancel();
    this.#queue.clear();
    this.#offer.secret.fill(0);
    this.#session?.wipe();
    this.#pending?.wipe();
    this.#session = null;
    this.#pending = null;
  }

  #draw(): Life {
    const secret = this.#parts.rng(KEY_BYTES);
    return { secret, public: this.#parts.engine.x25519Public(secret) };
  }

  #greet(heard: Uint8Array | null, life: Uint8Array = this.#offer.public): void {
    this.#postSign(sealGreeting(this.#parts.pair.greeting, this.#parts.rng, { life, heard }));
  }

  #greeted(packet: Extract<Packet, { kind: "greeting" }>): void {
    const greeting = openGreeting(this.#parts.pair.greeting, packet);
    if (greeting === null) return this.#parts.events.dropped("greeting that does not open");
    const { life, heard } = greeting;
    const session = this.#session;
    // The peer is on its way into the session that we are in, and missed our answer.
    if (session !== null && equalBytes(life, session.peer)) {
      const complete = heard !== null && equalBytes(heard, session.own);
      return this.#answer(() => (complete ? this.#sendNote() : this.#greet(session.peer, session.own)));
    }
    const answersUs = heard !== null && equalBytes(heard, this.#offer.public);
    // An answer to somebody who is no more, or to what a relay made us seem to say: two that are well would start anew for it.
    if (heard !== null && !answersUs) return this.#parts.events.dropped("answer to another life");
    const pending = this.#meet(life);
    if (pending === null) return this.#parts.events.dropped("greeting with a life that is no key");
    // Only who has just heard our offer can name it.
    if (answersUs) this.#establish(pending);
    else this.#answer(() => this.#greet(life));
  }

  /** The session of our offer and a peer's life; null if that is no key. */
  #meet(life: Uint8Array): LinkSession | null {
    if (this.#pending !== null && equalBytes(this.#pending.peer, life)) return this.#pending;
    try {
      const pending = new LinkSession(this.#parts.pair, this.#offer, life);
      this.#pending?.wipe();
      this.#pending = pending;
      return pending;
    } catch (error) {
      if (error instanceof RangeError) return null;
      throw error;
    }
  }

  #establish(session: LinkSession): void {
    this.#offer.secret.fill(0);
    this.#offer = this.#draw();
    this.#pending = null;
    this.#down();
    // Whoever heard that the link is down may have closed it for good.
    if (this.#closed) return session.wipe();
    this.#session = session;
    this.#silentKeepAlives = 0;
    this.#sendNote();
    this.#parts.events.link(true);
  }

  #down(): void {
    if (this.#session === null) return;
    this.#session.wipe();
    this.#session = null;
    this.#queue.clear();
    this.#parts.events.link(false);
  }

  #repeated(session: LinkSession, kind: SessionKind): void {
    // Several relays carry everything. A repeat may also mean that our receipt was lost.
    if (session === this.#session && kind === "frames") this.#receiptSoon();
  }

  #opened(session: LinkSession, kind: SessionKind, plain: Uint8Array): void {
    if (session !== this.#session) return;
    this.#silentKeepAlives = 0;
    if (kind === "note") return this.#noted(session, plain);
    const frames = unpack(plain, MAX_FRAME_BYTES);
    if (frames === null) return this.#parts.events.dropped("frames that are badly packed");
    this.#unreceipted.packets += 1;
    this.#unreceipted.bytes += plain.length;
    const { packets, bytes } = this.#unreceipted;
    if (packets >= RECEIPT_AT_PACKETS || bytes >= RECEIPT_AT_BYTES) this.#sendNote();
    else this.#receiptSoon();
    for (const frame of frames) {
      // An earlier frame's handler may have ended the link.
      if (session !== this.#session) return;
      this.#parts.events.frame(frame);
    }
  }

  #noted(session: LinkSession, plain: Uint8Array): void {
    const note = decodeNote(plain);
    if (note === null) return this.#parts.events.dropped("note that is none");
    if (note.leaving) return this.#down();
    session.outgoing.acknowledge(note);
    this.#flush();
  }

  /** Moves frames from the queue into packets while the window has room and a relay takes them. */
  #flush(): void {
    const session = this.#session;
    if (session === null || this.#flushTimer !== null) return;
    for (const underWay of session.outgoing.notSentSince(-Infinity)) if (!this.#postFrames(underWay)) return;
    while (!this.#queue.isEmpty && !session.outgoing.isFull)
      if (!this.#postFrames(session.add(this.#queue.shift()))) return;
  }

  /** False if no relay has room; then `#flush` goes on when one may have. */
  #postFrames(underWay: UnderWay): boolean {
    const { clock, post } = this.#parts;
    if (post(underWay.packet, { ttlSeconds: FRAMES_TTL_SECONDS, repeat: underWay.times, urgent: false })) {
      underWay.times += 1;
      underWay.sentAtTick = this.#ticks;
      return true;
    }
    this.#flushTimer ??= clock.schedule(ROOM_RETRY_MS, () => {
      this.#flushTimer = null;
      this.#flush();
    });
    return false;
  }

  #resend(sinceTick: number): void {
    const overdue = this.#session?.outgoing.notSentSince(sinceTick) ?? [];
    for (const underWay of overdue.slice(0, MAX_RESENT)) if (!this.#postFrames(underWay)) return;
  }

  #postSign(packet: Uint8Array): void {
    // A lost sign is followed by another.
    this.#parts.post(packet, { ttlSeconds: SIGN_TTL_SECONDS, repeat: 0, urgent: true });
  }

  #sendNote(): void {
    this.#receiptTimer?.cancel();
    this.#receiptTimer = null;
    this.#unreceipted = { packets: 0, bytes: 0 };
    if (this.#session !== null) this.#postSign(this.#session.note({ leaving: false }));
  }

  #receiptSoon(): void {
    this.#receiptTimer ??= this.#parts.clock.schedule(RECEIPT_DELAY_MS, () => this.#sendNote());
  }

  /** At once, or as soon as the gap to the last answer is over; a later answer replaces one that waits. */
  #answer(say: () => void): void {
    if (this.#answerTimer !== null) {
      this.#answerDue = say;
      return;
    }
    say();
    this.#answerTimer = this.#parts.clock.schedule(ANSWER_GAP_MS, () => {
      this.#answerTimer = null;
      const due = this.#answerDue;
      this.#answerDue = null;
      if (due !== null) this.#answer(due);
    });
  }

  #scheduleTick(): void {
    this.#tickTimer = this.#parts.clock.schedule(this.#parts.timings.keepAliveMs, () => {
      this.#scheduleTick();
      this.#ticks += 1;
      this.#tick();
    });
  }

  /** Silence is counted in ticks of our own: a process that was stopped for a while has heard nobody, whoever spoke. */
  #tick(): void {
    if (this.#session === null) return this.#greet(null);
    this.#silentKeepAlives += 1;
    if (this.#silentKeepAlives > this.#parts.timings.silentKeepAlives) {
      this.#down();
      if (!this.#closed) this.#greet(null);
      return;
    }
    this.#resend(this.#ticks - RESEND_TICKS);
    this.#sendNote();
  }
}
