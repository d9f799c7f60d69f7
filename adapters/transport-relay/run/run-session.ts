/**
 * One party's run of one protocol over relays, in Node or in a browser: acks make the session new, each round is asked for
 * before it is published, and whoever calls the run off is heard at once.
 */
import { CodecError, concatBytes, toHex, type Rng, type TranscriptFields } from "@conclave/bytes";
import type { Engine } from "@conclave/crypto";
import type { Clock } from "@conclave/node";
import {
  ascending,
  roundOf,
  Session,
  ssidFromAcks,
  type Abort,
  type Effect,
  type Message,
  type Part,
  type PartyIndex,
  type Protocol,
  type Ssid,
} from "@conclave/protocol";
import type { RelayClient } from "../client.ts";
import { systemClock } from "../clock.ts";
import { abortRun, collect, watchAborts, type Run } from "../collect.ts";
import { Aborted, BadMessage, Stalled } from "../errors.ts";
import { StallClock } from "../stall-clock.ts";
import { openChannel, type Channel } from "./channel.ts";
import { Inbox } from "./inbox.ts";
import { ACK_TAG, ackCodec, stepCodec, tagOf, type Ack } from "./places.ts";

/** How long the parties' messages stay with the relays, and how long each is asked for. */
const DEFAULT_TTL_SECONDS = 900;
/** People start their parties by hand, and a slow machine computes for seconds. */
const DEFAULT_STALL_MS = 120_000;
/** How long a failed run tries to tell the others. */
const ABORT_PATIENCE_MS = 2_000;

export interface RunOptions<Config, Result> {
  /** Under whose key this party is known. Stays open: messages are repeated to relays that come back while it is. */
  readonly client: RelayClient;
  readonly engine: Engine;
  readonly rng: Rng;
  readonly protocol: Protocol<Config, Result>;
  readonly config: Config;
  /** What this run is: 32 bytes that only its parties know, and that were used for no other. */
  readonly instance: Uint8Array;
  readonly purpose: Parameters<typeof ssidFromAcks>[0];
  /** What the parties agreed on. Parties who agreed on something else do not find each other. */
  readonly agreed: TranscriptFields;
  readonly self: PartyIndex;
  /** Everybody's Ed25519 key, this party's included. */
  readonly parties: ReadonlyMap<PartyIndex, Uint8Array>;
  /** Makes records durable before what depends on them is published: spent nonces, dead edges. */
  readonly commit: (records: readonly Uint8Array[]) => Promise<void>;
  readonly ttlSeconds?: number;
  /** Longest time without a message. Then `Stalled`. */
  readonly stallMs?: number;
  readonly clock?: Clock;
  readonly signal?: AbortSignal;
}

/** The protocol ended without a result. */
export class RunFailed extends Error {
  override readonly name = "RunFailed";
  readonly abort: Abort;
  constructor(abort: Abort) {
    const who = [...abort.culprits, ...abort.suspects].join(", ");
    super(`${abort.fault} in ${abort.round}: ${abort.reason}${who === "" ? "" : ` (party ${who})`}`);
    this.abort = abort;
  }
}

/**
 * Run a protocol to its end. The last messages are with a relay when this resolves; keep the client open while others may
 * still need them. Rejects with `RunFailed`, `Aborted` if another party ended the run, `Stalled` naming who is missing, the
 * errors of publishing, or the signal's reason; the others are told, unless one of them told us.
 */
export async function runSession<Config, Result>(options: RunOptions<Config, Result>): Promise<Result> {
  try {
    const { ssid, channels } = await meet(options);
    return await new Driver(options, ssid, channels).run();
  } catch (error) {
    if (!(error instanceof Aborted)) await tellOthers(options, codeOf(error));
    throw error;
  }
}

const codeOf = (error: unknown): string => {
  if (error instanceof RunFailed) return error.abort.fault;
  if (error instanceof BadMessage) return "malformed";
  return error instanceof Stalled ? "stalled" : "failed";
};

/** Within limits: whether or not they hear it, what went wrong here is what the caller has to know. */
async function tellOthers<Config, Result>(options: RunOptions<Config, Result>, code: string): Promise<void> {
  const { client, instance, ttlSeconds = DEFAULT_TTL_SECONDS, clock = systemClock } = options;
  await new Promise<void>((resolve) => {
    const patience = clock.schedule(ABORT_PATIENCE_MS, resolve);
    const told = (): void => {
      patience.cancel();
      resolve();
    };
    abortRun(client, instance, { code, ttlSeconds }).then(told, told);
  });
}

const nameOf = (party: PartyIndex): string => `party ${party}`;

/** The others, by key. */
const runOf = ({ instance, parties, self }: Pick<RunOptions<never, never>, "instance" | "parties" | "self">): Run => ({
  instance,
  parties: new Map([...parties].filter(([party]) => party !== self).map(([party, key]) => [toHex(key), nameOf(party)])),
});

/** Exchanges acks: from them follow the session's id and the channels between its parties. */
async function meet<Config, Result>(
  options: RunOptions<Config, Result>,
): Promise<{ readonly ssid: Ssid; readonly channels: ReadonlyMap<PartyIndex, Channel> }> {
  const { client, engine, rng, instance, self, parties, protocol, agreed, purpose } = options;
  const { ttlSeconds = DEFAULT_TTL_SECONDS, stallMs = DEFAULT_STALL_MS, clock = systemClock, signal } = options;
  const secret = rng(32);
  const own: Ack = { nonce: rng(32), ephemeral: engine.x25519Public(secret) };
  const committee = ascending(parties.keys());
  const others = committee.filter((party) => party !== self);
  const addresses = others.map((party) => ({ tag: ACK_TAG, sender: parties.get(party)!, receiver: null, instance }));
  const terms = { ttlSeconds, stallMs, clock, ...(signal === undefined ? {} : { signal }) };
  const coming = collect(client, runOf(options), addresses, terms);
  const leaving = client.publish({ tag: ACK_TAG, receiver: null, instance }, ackCodec.encode(own), { ttlSeconds });
  const [answers] = await Promise.all([coming, leaving]);
  const acks = new Map([[self, own]]);
  for (const [at, party] of others.entries()) acks.set(party, readAck(party, answers[at]!.payload));
  const signed = committee.map((party) => concatBytes(parties.get(party)!, ackCodec.encode(acks.get(party)!)));
  const ssid = ssidFromAcks(purpose, { ...agreed, protocol: protocol.id, instance }, signed);
  const end = (party: PartyIndex) => ({ signKey: parties.get(party)!, ephemeral: acks.get(party)!.ephemeral });
  const channels = others.map(
    (party) => [party, openChannel(engine, ssid, { ...end(self), secret }, end(party))] as const,
  );
  secret.fill(0);
  return { ssid, channels: new Map(channels) };
}

function readAck(party: PartyIndex, payload: Uint8Array): Ack {
  try {
    return ackCodec.decode(payload);
  } catch (cause) {
    if (!(cause instanceof CodecError)) throw cause;
    throw new BadMessage(nameOf(party), "a malformed ack");
  }
}

/** From the first effect of a session to its last. */
class Driver<Config, Result> {
  readonly #options: RunOptions<Config, Result>;
  readonly #ssid: Ssid;
  readonly #channels: ReadonlyMap<PartyIndex, Channel>;
  readonly #session: Session<Config, Result>;
  readonly #inbox = new Inbox<Message>();
  readonly #published: Promise<void>[] = [];
  readonly #over = new AbortController();
  #asked: { readonly round: string; readonly asking: AbortController } | null = null;

  constructor(options: RunOptions<Config, Result>, ssid: Ssid, channels: ReadonlyMap<PartyIndex, Channel>) {
    const { protocol, self, parties, rng } = options;
    this.#options = options;
    this.#ssid = ssid;
    this.#channels = channels;
    this.#session = new Session({ protocol, context: { ssid, self, committee: ascending(parties.keys()) }, rng });
  }

  async run(): Promise<Result> {
    const { client, config, clock = systemClock, stallMs = DEFAULT_STALL_MS, signal } = this.#options;
    const cancelled = (): void => this.#inbox.fail(signal!.reason);
    const stall = new StallClock(clock, stallMs, () => {
      const missing = this.#session.missing().map(nameOf);
      this.#inbox.fail(new Stalled(this.#session.round ?? "the run", missing, stallMs));
    });
    signal?.addEventListener("abort", cancelled);
    watchAborts(client, runOf(this.#options), { ttlSeconds: this.#ttlSeconds, signal: this.#over.signal }, (aborted) =>
      this.#inbox.fail(aborted),
    );
    try {
      signal?.throwIfAborted();
      let end = await this.#apply(this.#session.start(config));
      while (end === null) {
        const message = await this.#inbox.next();
        stall.progress();
        end = await this.#apply(this.#session.handle(message));
      }
      // Others may wait for these, and only for these.
      await Promise.all(this.#published);
      return end.result;
    } finally {
      stall.stop();
      signal?.removeEventListener("abort", cancelled);
      this.#over.abort();
      this.#asked?.asking.abort();
      this.#session.close();
      for (const channel of this.#channels.values()) channel.wipe();
    }
  }

  get #ttlSeconds(): number {
    return this.#options.ttlSeconds ?? DEFAULT_TTL_SECONDS;
  }

  async #apply(effects: readonly Effect<Result>[]): Promise<{ readonly result: Result } | null> {
    // Before anything leaves: who asks first gets an answer the moment it exists.
    this.#askForRound();
    for (const effect of effects) {
      if (effect.kind === "done") return { result: effect.result };
      if (effect.kind === "abort") throw new RunFailed(effect);
      if (effect.kind === "send") this.#publish(effect);
      else {
        await this.#options.commit(effect.records);
        const end = await this.#apply(this.#session.committed(effect.id));
        if (end !== null) return end;
      }
    }
    return null;
  }

  /** Once per round: every part that a peer may have in it. */
  #askForRound(): void {
    const { protocol, parties, self } = this.#options;
    const name = this.#session.round;
    if (name === null || name === this.#asked?.round) return;
    this.#asked?.asking.abort();
    const asking = new AbortController();
    this.#asked = { round: name, asking };
    const { broadcast, direct, echo } = roundOf(protocol, name)!;
    for (const from of this.#session.missing()) {
      if (broadcast !== null) this.#ask(from, name, "broadcast", asking.signal);
      if (direct !== null) this.#ask(from, name, "direct", asking.signal);
    }
    for (const from of ascending(parties.keys()))
      if (echo && from !== self) this.#ask(from, name, "echo", asking.signal);
  }

  #ask(from: PartyIndex, round: string, part: Part, signal: AbortSignal): void {
    const { client, parties, self } = this.#options;
    const sender = parties.get(from)!;
    const receiver = part === "direct" ? parties.get(self)! : null;
    const id = client.idOf({ tag: tagOf(this.#ordinal(round), part), sender, receiver, instance: this.#ssid });
    client.ask(id, { ttlSeconds: this.#ttlSeconds, signal }).then(
      ({ payload }) => {
        const message = this.#read({ from, round, part }, payload);
        if (message === null) this.#inbox.fail(new BadMessage(nameOf(from), "a malformed message"));
        else this.#inbox.put(message);
      },
      (error: unknown) => {
        if (!signal.aborted) this.#inbox.fail(error);
      },
    );
  }

  /** Null if its sender signed something that is no message. */
  #read(slot: Pick<Message, "from" | "round" | "part">, payload: Uint8Array): Message | null {
    try {
      const { view, body } = stepCodec.decode(payload);
      if (slot.part !== "direct") return { ...slot, view, body };
      // What does not open is handed on as no bytes: the round decides what a bad sealed part means.
      const plain = this.#channels.get(slot.from)!.open(this.#ordinal(slot.round), view, body);
      return { ...slot, view, body: plain ?? new Uint8Array() };
    } catch (error) {
      if (error instanceof CodecError) return null;
      throw error;
    }
  }

  #publish({ to, message: { round, part, view, body } }: Extract<Effect<Result>, { kind: "send" }>): void {
    const { client, parties } = this.#options;
    const ordinal = this.#ordinal(round);
    const receiver = to === "receivers" ? null : parties.get(to)!;
    const sealed = to === "receivers" ? body : this.#channels.get(to)!.seal(ordinal, view, body);
    const published = client.publish(
      { tag: tagOf(ordinal, part), receiver, instance: this.#ssid },
      stepCodec.encode({ view, body: sealed }),
      { ttlSeconds: this.#ttlSeconds },
    );
    published.catch((error: unknown) => this.#inbox.fail(error));
    this.#published.push(published);
  }

  #ordinal(round: string): number {
    return this.#options.protocol.rounds.findIndex(({ name }) => name === round);
  }
}
