/**
 * A party's end of one or several relays (RL-15): messages are published to all of them and asked of all of them, and what
 * comes is believed for its signature and not for where it came from. Each relay may vanish and return at any time.
 */
import { CodecError, toHex, type Rng } from "@conclave/bytes";
import type { Ed25519Signer, Engine } from "@conclave/crypto";
import type { Clock, Timer } from "@conclave/node";
import {
  encodeHeader,
  FLAG_MAILBOX,
  FLAG_ONE_RECEIVER,
  messageId,
  objection,
  readFrame,
  signMessage,
  type Address,
  type Frame,
  type Message,
} from "@conclave/relay";
import { systemClock } from "./clock.ts";
import { AskExpired, ClientClosed } from "./errors.ts";
import { HttpPipe } from "./http-pipe.ts";
import { Outbox } from "./outbox.ts";
import type { Pipe, PostTerms } from "./pipe.ts";
import { systemPlatform, type Platform } from "./platform.ts";
import { WebSocketPipe } from "./websocket-pipe.ts";

/** `websocket`: one socket per relay. `http`: for networks that let nothing else through; each question is a request that waits. */
export type RelayMode = "websocket" | "http";

export interface RelayClientOptions {
  /** Of the relays, `http:` or `https:`: at least one, at most `MAX_RELAYS`. */
  readonly urls: readonly string[];
  readonly mode: RelayMode;
  readonly engine: Engine;
  /** In whose name everything is published. */
  readonly signer: Ed25519Signer;
  /** For the chance in waiting times, and for ids that nobody else may have. */
  readonly rng: Rng;
  readonly clock?: Clock;
  readonly platform?: Platform;
  readonly observe?: (notice: RelayNotice) => void;
  readonly limits?: Partial<ClientLimits>;
}

/** What a client keeps at most. */
export interface ClientLimits {
  /** Bytes of own messages, to be repeated to relays that forgot them. The oldest that a relay has go first. */
  readonly keptBytes: number;
  /** Questions at once. */
  readonly asks: number;
}

/** Twenty key generations among 16 with pairwise setups; parts of one round and aborts from 31 parties, many times over. */
const DEFAULT_LIMITS: ClientLimits = { keptBytes: 64 << 20, asks: 4_096 };

/** For logs and counters; nothing depends on it. */
export type RelayNotice =
  | { readonly kind: "up"; readonly url: string }
  | { readonly kind: "down"; readonly url: string; readonly reason: string }
  /** A relay would not keep what was posted to a mailbox, or a question. */
  | { readonly kind: "refused"; readonly url: string; readonly id: string; readonly reason: string }
  /** A relay handed over something that nobody of good will published, or nobody here asked for. */
  | { readonly kind: "dropped"; readonly url: string; readonly why: string };

/** Relays of one client. Two or three survive losses; each more costs every message again. */
export const MAX_RELAYS = 8;
/** How long a relay is asked to remember a mailbox's reader; renewed at half. */
const SUBSCRIPTION_TTL_SECONDS = 60;
const RENEW_MS = (SUBSCRIPTION_TTL_SECONDS * 1_000) / 2;
/** After an answer that is not authentic, or a refusal, the relays are asked again, not faster than this. */
const ASK_AGAIN_MS = 500;

/** A message as it was published: `bytes` are what its sender signed, and the signature. */
export interface Answer extends Message {
  readonly bytes: Uint8Array;
}

export interface Subscription {
  cancel(): void;
}

export interface PublishTerms {
  readonly ttlSeconds: number;
  /** The relay forgets it once it was delivered. */
  readonly oneReceiver?: true;
}

export interface AskTerms {
  /** How long to wait. Then `AskExpired`. */
  readonly ttlSeconds: number;
  /** Ends the wait; `ask` rejects with its reason. */
  readonly signal?: AbortSignal;
}

export interface LetterTerms {
  readonly ttlSeconds: number;
  readonly repeat?: number;
}

/** The flags that are free for applications. */
const MAX_REPEAT = 0x0fff;

/** Where a message of ours goes: the sender of its address is this client. */
export type OwnAddress = Omit<Address, "sender">;

/** What is asked for, and what happens with it. */
interface Question {
  readonly id: Uint8Array;
  readonly flags: number;
  readonly ttlSeconds: number;
  /** When the question is void; null: until cancelled. */
  readonly expiresAtMs: number | null;
  /** Each takes what came; an ask is over then. */
  readonly takers: Set<Taker>;
  again: Timer | null;
}

interface Taker {
  take(answer: Answer): void;
  /** True: the payload proves itself, and the signature need not be looked at. */
  readonly sealed: boolean;
}

export class RelayClient {
  readonly publicKey: Uint8Array;
  readonly #engine: Engine;
  readonly #signer: Ed25519Signer;
  readonly #clock: Clock;
  readonly #observe: (notice: RelayNotice) => void;
  readonly #pipes: readonly Pipe[];
  readonly #outbox: Outbox;
  readonly #limits: ClientLimits;
  readonly #questions = new Map<string, Question>();
  readonly #onUp = new Set<() => void>();
  readonly #endings = new Set<() => void>();
  #closed = false;

  constructor(options: RelayClientOptions) {
    const { urls, mode, engine, signer, rng, clock = systemClock, platform = systemPlatform } = options;
    if (urls.length === 0 || urls.length > MAX_RELAYS) throw new RangeError(`a client has 1 to ${MAX_RELAYS} relays`);
    this.publicKey = signer.publicKey;
    this.#engine = engine;
    this.#signer = signer;
    this.#clock = clock;
    this.#observe = options.observe ?? (() => {});
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits };
    const makeMarker = (ttlSeconds: number): Uint8Array =>
      this.#sign({ tag: 0n, receiver: null, instance: rng(32) }, { payload: new Uint8Array(), ttlSeconds, flags: 0 });
    const Kind = mode === "websocket" ? WebSocketPipe : HttpPipe;
    urls.forEach(checkUrl);
    this.#pipes = urls.map((url) => {
      const events = {
        up: (): void => this.#up(pipe),
        down: (reason: string): void => this.#observe({ kind: "down", url, reason }),
        received: (frame: Uint8Array): void => this.#received(url, frame),
        refused: (id: string, reason: string): void => this.#refused(url, { id, reason }),
      };
      const pipe: Pipe = new Kind({ url, platform, clock, rng, makeMarker, events });
      return pipe;
    });
    this.#outbox = new Outbox(this.#pipes, clock, this.#limits.keptBytes);
  }

  /** Each relay, and why it cannot be talked to if it cannot. */
  get relays(): readonly { readonly url: string; readonly up: boolean; readonly reason: string }[] {
    return this.#pipes.map(({ url, isUp, reason }) => ({ url, up: isUp, reason }));
  }

  /** The id of a message that another party will publish. */
  idOf(address: Address): Uint8Array {
    return messageId(this.#engine, address);
  }

  /**
   * Say something that whoever knows the id can ask for until its time is over. Resolves once one relay has it. Rejects with
   * `RelayRefused` if all relays refused it, `RelayUnreachable` if none has taken it within `PUBLISH_PATIENCE_MS`; it is not
   * repeated then. Throws `RangeError` if it is too long.
   */
  async publish(address: OwnAddress, payload: Uint8Array, { ttlSeconds, oneReceiver }: PublishTerms): Promise<void> {
    this.#checkOpen();
    const frame = this.#sign(address, { payload, ttlSeconds, flags: oneReceiver === true ? FLAG_ONE_RECEIVER : 0 });
    await this.#outbox.publish(frame, ttlSeconds);
  }

  /**
   * Wait for a message. Its id and its signature are checked; what fails is skipped. Rejects with `AskExpired`, with the
   * signal's reason, or `ClientClosed`.
   */
  async ask(id: Uint8Array, { ttlSeconds, signal }: AskTerms): Promise<Answer> {
    this.#checkOpen();
    signal?.throwIfAborted();
    const expiresAtMs = this.#clock.nowMs() + ttlSeconds * 1_000;
    return await new Promise<Answer>((resolve, reject) => {
      const end = (settle: () => void): void => {
        timer.cancel();
        signal?.removeEventListener("abort", aborted);
        this.#endings.delete(closed);
        this.#leave(id, taker);
        settle();
      };
      const taker: Taker = { sealed: false, take: (answer) => end(() => resolve(answer)) };
      const aborted = (): void => end(() => reject(signal!.reason as Error));
      const closed = (): void => end(() => reject(new ClientClosed()));
      const expired = (): void => end(() => reject(new AskExpired(toHex(id), ttlSeconds)));
      const timer = this.#clock.schedule(ttlSeconds * 1_000, expired);
      signal?.addEventListener("abort", aborted);
      this.#endings.add(closed);
      this.#join(id, { flags: 0, ttlSeconds, expiresAtMs }, taker);
    });
  }

  /**
   * Everything that its sender posts to a mailbox from now on, until cancelled; relays may keep some of what came before.
   * Messages may come twice and in any order.
   * `sealed`: the payload proves who sent it, and the signature of the message around it is not looked at.
   */
  subscribe(
    address: Address,
    handler: (answer: Answer) => void,
    { sealed = false }: { readonly sealed?: boolean } = {},
  ): Subscription {
    this.#checkOpen();
    const id = this.idOf(address);
    const taker: Taker = { sealed, take: handler };
    const terms = { flags: FLAG_MAILBOX, ttlSeconds: SUBSCRIPTION_TTL_SECONDS, expiresAtMs: null };
    this.#join(id, terms, taker);
    return { cancel: () => this.#leave(id, taker) };
  }

  /**
   * A message for a mailbox, to be handed to `post`. Relays drop what they passed on a moment ago; with another `repeat` the
   * same payload is another letter. Throws `RangeError` if it is too long.
   */
  letter(address: OwnAddress, payload: Uint8Array, { ttlSeconds, repeat = 0 }: LetterTerms): Uint8Array {
    return this.#sign(address, { payload, ttlSeconds, flags: FLAG_MAILBOX | (repeat & MAX_REPEAT) });
  }

  /**
   * Hand a letter to every relay that takes more at this moment, and forget it. False if none did: a relay that stands still
   * costs a bounded amount of memory.
   */
  post(letter: Uint8Array, terms: PostTerms = {}): boolean {
    let taken = false;
    for (const pipe of this.#pipes) if (pipe.post(letter, terms)) taken = true;
    return taken;
  }

  /** Bytes handed to relays that have not left this machine. */
  get unsentBytes(): number {
    return this.#pipes.reduce((most, { unsentBytes }) => Math.max(most, unsentBytes), 0);
  }

  /** Calls back whenever a relay came back, after it was asked again for everything. */
  onUp(callback: () => void): Subscription {
    this.#onUp.add(callback);
    return { cancel: () => this.#onUp.delete(callback) };
  }

  /** Ends every wait with `ClientClosed`. What was published stays with the relays. May be repeated. */
  close(): void {
    this.#closed = true;
    for (const ending of this.#endings) ending();
    for (const { again } of this.#questions.values()) again?.cancel();
    this.#questions.clear();
    this.#onUp.clear();
    this.#outbox.close();
    for (const pipe of this.#pipes) pipe.close();
  }

  #checkOpen(): void {
    if (this.#closed) throw new ClientClosed();
  }

  #sign(address: OwnAddress, rest: { payload: Uint8Array; ttlSeconds: number; flags: number }): Uint8Array {
    return signMessage(this.#engine, this.#signer, { ...address, ...rest });
  }

  #join(id: Uint8Array, terms: Pick<Question, "flags" | "ttlSeconds" | "expiresAtMs">, taker: Taker): void {
    const key = toHex(id);
    const known = this.#questions.get(key);
    // A longer wait replaces a shorter one; the takers of both stay.
    const question: Question = { id, ...terms, takers: known?.takers ?? new Set(), again: null };
    if (known === undefined && this.#questions.size >= this.#limits.asks)
      throw new RangeError(`a client asks for at most ${this.#limits.asks} messages at once`);
    if (known !== undefined && known.flags !== terms.flags)
      throw new RangeError("an id names a message or a mailbox, and this one is asked for as both");
    known?.again?.cancel();
    question.takers.add(taker);
    this.#questions.set(key, question);
    this.#askEverywhere(question);
  }

  #leave(id: Uint8Array, taker: Taker): void {
    const key = toHex(id);
    const question = this.#questions.get(key);
    if (question === undefined || !question.takers.delete(taker) || question.takers.size > 0) return;
    question.again?.cancel();
    this.#questions.delete(key);
    for (const pipe of this.#pipes) pipe.forget(key);
  }

  #askEverywhere(question: Question): void {
    for (const pipe of this.#pipes) this.#askOne(pipe, question);
    if (question.expiresAtMs === null) this.#askAgain(question, RENEW_MS);
  }

  #askOne(pipe: Pipe, { id, flags, ttlSeconds, expiresAtMs }: Question): void {
    const leftSeconds = expiresAtMs === null ? ttlSeconds : Math.max(1, (expiresAtMs - this.#clock.nowMs()) / 1_000);
    pipe.ask(encodeHeader({ id, ttlSeconds: leftSeconds, flags }));
  }

  #askAgain(question: Question, delayMs: number): void {
    question.again?.cancel();
    question.again = this.#clock.schedule(delayMs, () => {
      question.again = null;
      this.#askEverywhere(question);
    });
  }

  #up(pipe: Pipe): void {
    // First the questions, then the messages: whoever asks before something exists gets it the moment it does.
    for (const question of this.#questions.values()) this.#askOne(pipe, question);
    this.#outbox.repeat(pipe);
    this.#observe({ kind: "up", url: pipe.url });
    for (const callback of this.#onUp) callback();
  }

  /** A letter that a relay would not keep, or a question that it would not. */
  #refused(url: string, { id, reason }: { readonly id: string; readonly reason: string }): void {
    this.#observe({ kind: "refused", url, id, reason });
    const question = this.#questions.get(id);
    if (question !== undefined) this.#askAgain(question, ASK_AGAIN_MS);
  }

  #received(url: string, bytes: Uint8Array): void {
    const frame = parse(bytes);
    if (frame?.kind !== "publish") return this.#observe({ kind: "dropped", url, why: "not a message" });
    const question = this.#questions.get(toHex(frame.header.id));
    if (question === undefined) return this.#observe({ kind: "dropped", url, why: "not asked for" });
    const answer: Answer = { ...frame.message, bytes };
    const takers = [...question.takers];
    const objected = takers.every(({ sealed }) => sealed) ? null : objection(this.#engine, bytes, frame.message);
    for (const taker of takers) if (taker.sealed || objected === null) taker.take(answer);
    if (objected === null) return;
    this.#observe({ kind: "dropped", url, why: objected });
    // A relay that was answered has forgotten that we wait.
    if (question.again === null && this.#questions.has(toHex(question.id))) this.#askAgain(question, ASK_AGAIN_MS);
  }
}

/** Opens the connections in the background: an unreachable relay shows in `relays`, and when something is published. */
export const connectRelay = (options: RelayClientOptions): RelayClient => new RelayClient(options);

/** Throws `RangeError` for anything but the address of a relay. */
function checkUrl(url: string): void {
  const parsed = URL.canParse(url) ? new URL(url) : null;
  if (parsed?.protocol !== "http:" && parsed?.protocol !== "https:")
    throw new RangeError(`${url} is not a relay's address: use http://host:port or https://host`);
}

function parse(bytes: Uint8Array): Frame | null {
  try {
    return readFrame(bytes);
  } catch (error) {
    if (error instanceof CodecError) return null;
    throw error;
  }
}
