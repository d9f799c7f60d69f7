import { toHex } from "@conclave/bytes";
import type { Timer } from "@conclave/node";
import { decodeHeader, FLAG_MAILBOX, ID_BYTES, MAX_MESSAGE_BYTES } from "@conclave/relay";
import { Backoff } from "./backoff.ts";
import { RelayRefused } from "./errors.ts";
import { NoHttpAnswer, request, type HttpAnswer, type HttpQuestion } from "./http-requests.ts";
import { isOld, newMarker, type Marker } from "./marker.ts";
import { hasRoom, PipeBroken, type Pipe, type PipeParts, type PostTerms } from "./pipe.ts";

/** How long a question waits at the relay; proxies cut what waits for a minute. Shorter where questions take turns. */
const LONG_WAIT_SECONDS = 20;
const SHORT_WAIT_SECONDS = 1;
/** Beyond the wait, for the way there and back and a large answer. */
const TIMEOUT_MS = 10_000;
/** Tries of one publish before it waits for the relay to be back. */
const ATTEMPTS = 4;
/** A mailbox's answer holds all that was queued: at most what a relay keeps for one. */
const MAX_ANSWER_BYTES = 16 << 20;
/** How often a relay is asked whether it still is the one that we spoke to. */
const HEARTBEAT_MS = 5_000;
/** Posts under way: each is a request of its own, however short. */
const MAX_SENDING = 32;
/** An answer to a publish is a line. */
const MAX_VERDICT_BYTES = 64 << 10;
const LENGTH_BYTES = 4;

/** What is asked for again and again. */
interface Poll {
  readonly id: string;
  readonly mailbox: boolean;
  /** Ends the request under way: its place is another's. */
  readonly forgotten: AbortController;
  underWay: boolean;
}

/** A relay behind plain requests: `POST /v1/msg`, and `GET /v1/msg/:id?wait=` that waits. */
export class HttpPipe implements Pipe {
  readonly url: string;
  readonly #parts: PipeParts;
  readonly #backoff: Backoff;
  /** In the order in which they take turns. */
  readonly #polls = new Map<string, Poll>();
  readonly #closing = new AbortController();
  readonly #pauses = new Set<Timer>();
  #pollsUnderWay = 0;
  #isUp = false;
  #reason = "connecting";
  #unsentBytes = 0;
  #sending = 0;
  #resting = false;
  #marker: Marker | null = null;
  #nextHeartbeat: Timer | null = null;

  constructor(parts: PipeParts) {
    this.url = parts.url;
    this.#parts = parts;
    this.#backoff = new Backoff(parts.rng);
    this.#pause(0, () => void this.#greet());
  }

  get isUp(): boolean {
    return this.#isUp;
  }

  get reason(): string {
    return this.#reason;
  }

  get unsentBytes(): number {
    return this.#unsentBytes;
  }

  async publish(frame: Uint8Array): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      if (!this.#isUp) throw new PipeBroken(this.#reason);
      const answer = await this.#send(frame);
      if (answer !== null && answer.status < 300) return;
      const refusal = answer === null ? null : refusalOf(answer);
      if (refusal !== null) throw new RelayRefused(this.url, refusal);
      if (attempt === ATTEMPTS) {
        this.#lost(answer === null ? this.#reason : `answered with status ${answer.status}`);
        throw new PipeBroken(this.#reason);
      }
      await this.#rest(answer?.retryAfterMs ?? 0);
    }
  }

  post(frame: Uint8Array, terms: PostTerms): boolean {
    const crowded = this.#sending >= MAX_SENDING && terms.urgent !== true;
    if (!this.#isUp || crowded || !hasRoom(this.#unsentBytes, frame, terms)) return false;
    void this.#post(frame);
    return true;
  }

  ask(header: Uint8Array): void {
    const { id, flags } = decodeHeader(header);
    const key = toHex(id);
    if (!this.#polls.has(key)) {
      const mailbox = (flags & FLAG_MAILBOX) !== 0;
      this.#polls.set(key, { id: key, mailbox, forgotten: new AbortController(), underWay: false });
      this.#poll();
    }
  }

  forget(id: string): void {
    this.#polls.get(id)?.forgotten.abort();
    this.#polls.delete(id);
  }

  close(): void {
    this.#isUp = false;
    this.#reason = "closed";
    this.#polls.clear();
    for (const pause of this.#pauses) pause.cancel();
    this.#closing.abort();
  }

  get #isClosed(): boolean {
    return this.#closing.signal.aborted;
  }

  async #post(frame: Uint8Array): Promise<void> {
    const answer = await this.#send(frame);
    if (answer === null || answer.status < 300) return;
    const reason = refusalOf(answer) ?? `answered with status ${answer.status}`;
    if (!this.#isClosed) this.#parts.events.refused(toHex(frame.subarray(0, ID_BYTES)), reason);
  }

  /** Null if no answer came. */
  async #send(body: Uint8Array): Promise<HttpAnswer | null> {
    this.#unsentBytes += body.length;
    this.#sending += 1;
    try {
      return await this.#request("v1/msg", { body, timeoutMs: TIMEOUT_MS, maxBytes: MAX_VERDICT_BYTES });
    } finally {
      this.#unsentBytes -= body.length;
      this.#sending -= 1;
    }
  }

  /** Null if no answer came: the relay is gone then, until it answers a greeting. */
  async #request(
    path: string,
    question: Pick<HttpQuestion, "body" | "timeoutMs" | "maxBytes"> & { readonly signal?: AbortSignal },
  ): Promise<HttpAnswer | null> {
    const forgotten = question.signal ?? this.#closing.signal;
    const signal = AbortSignal.any([forgotten, this.#closing.signal]);
    try {
      const answer = await request(this.#parts, { path, ...question, signal });
      if (answer.status < 300) this.#backoff.succeeded();
      return answer;
    } catch (error) {
      if (!(error instanceof NoHttpAnswer)) throw error;
      if (!forgotten.aborted) this.#lost(error.message);
      return null;
    }
  }

  /** Asks whether the relay is there, until it is. */
  async #greet(): Promise<void> {
    const answer = await this.#request("health", { timeoutMs: TIMEOUT_MS, maxBytes: MAX_VERDICT_BYTES });
    if (this.#isClosed) return;
    if (answer === null || answer.status >= 300) {
      if (answer !== null) this.#reason = `answered with status ${answer.status}`;
      this.#pause(this.#backoff.next(answer?.retryAfterMs), () => void this.#greet());
      return;
    }
    this.#isUp = true;
    this.#reason = "";
    this.#parts.events.up();
    this.#poll();
    await this.#leaveMarker();
    this.#scheduleHeartbeat();
  }

  /** One at a time, however often the relay came and went. */
  #scheduleHeartbeat(): void {
    if (this.#nextHeartbeat !== null) {
      this.#nextHeartbeat.cancel();
      this.#pauses.delete(this.#nextHeartbeat);
    }
    this.#nextHeartbeat = this.#pause(HEARTBEAT_MS, () => void this.#heartbeat());
  }

  /** A message of our own by which we know the relay again: one that restarted has forgotten it, and everything else. */
  async #leaveMarker(): Promise<void> {
    const marker = newMarker(this.#parts);
    const answer = await this.#send(marker.frame);
    this.#marker = answer !== null && answer.status < 300 ? marker : null;
  }

  /** Requests tell nobody that a relay came and went between them. */
  async #heartbeat(): Promise<void> {
    if (!this.#isUp) return;
    if (this.#marker === null || isOld(this.#marker, this.#parts.clock)) await this.#leaveMarker();
    else {
      const path = `v1/msg/${toHex(this.#marker.id)}`;
      const answer = await this.#request(path, { timeoutMs: TIMEOUT_MS, maxBytes: MAX_MESSAGE_BYTES });
      if (answer?.status === 204) this.#lost("the relay forgot what it had");
    }
    if (this.#isUp) this.#scheduleHeartbeat();
  }

  #lost(reason: string): void {
    if (this.#isClosed) return;
    this.#reason = reason;
    if (!this.#isUp) return;
    this.#isUp = false;
    this.#parts.events.down(reason);
    this.#pause(this.#backoff.next(), () => void this.#greet());
  }

  /** Starts as many questions as may be under way, whose turn it is first. */
  #poll(): void {
    if (!this.#isUp || this.#resting) return;
    for (const poll of this.#polls.values()) {
      if (this.#pollsUnderWay >= this.#parts.platform.parallelQuestions) return;
      if (!poll.underWay) void this.#pollOne(poll);
    }
  }

  async #pollOne(poll: Poll): Promise<void> {
    const crowded = this.#polls.size > this.#parts.platform.parallelQuestions;
    const wait = crowded ? SHORT_WAIT_SECONDS : LONG_WAIT_SECONDS;
    const path = `v1/msg/${poll.id}?wait=${wait}${poll.mailbox ? "&mailbox=1" : ""}`;
    poll.underWay = true;
    this.#pollsUnderWay += 1;
    const maxBytes = poll.mailbox ? MAX_ANSWER_BYTES : MAX_MESSAGE_BYTES;
    const answer = await this.#request(path, {
      timeoutMs: wait * 1_000 + TIMEOUT_MS,
      maxBytes,
      signal: poll.forgotten.signal,
    });
    poll.underWay = false;
    this.#pollsUnderWay -= 1;
    if (this.#isClosed) return;
    // To the end of the queue, unless it was forgotten meanwhile.
    if (this.#polls.get(poll.id) === poll) {
      this.#polls.delete(poll.id);
      const answered = answer?.status === 200 && !poll.mailbox;
      if (!answered) this.#polls.set(poll.id, poll);
    }
    if (answer?.status === 200) this.#deliver(poll, answer.body);
    if (answer !== null && answer.status >= 300) await this.#restFromPolls(answer);
    this.#poll();
  }

  #deliver({ mailbox }: Poll, body: Uint8Array): void {
    for (const frame of mailbox ? framesOf(body) : [body]) {
      if (this.#isClosed) return;
      this.#parts.events.received(frame);
    }
  }

  async #restFromPolls({ retryAfterMs }: HttpAnswer): Promise<void> {
    if (this.#resting) return;
    this.#resting = true;
    await this.#rest(retryAfterMs);
    this.#resting = false;
  }

  #rest(atLeastMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.#pause(this.#backoff.next(atLeastMs), resolve);
    });
  }

  #pause(delayMs: number, then: () => void): Timer | null {
    if (this.#isClosed) return null;
    const pause = this.#parts.clock.schedule(delayMs, () => {
      this.#pauses.delete(pause);
      then();
    });
    this.#pauses.add(pause);
    return pause;
  }
}

/** Why a relay will not have a message; null if it may have it later. */
function refusalOf({ status, error }: HttpAnswer): string | null {
  if (error !== null) return error;
  const passing = status >= 500 || status === 408 || status === 429;
  return passing ? null : `status ${status}`;
}

/** length (32 bits, little-endian) ‖ message, again and again; what does not fit is left out. */
function* framesOf(body: Uint8Array): Generator<Uint8Array> {
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  for (let at = 0; at + LENGTH_BYTES <= body.length;) {
    const end = at + LENGTH_BYTES + view.getUint32(at, true);
    if (end > body.length) return;
    yield body.slice(at + LENGTH_BYTES, end);
    at = end;
  }
}
