/** A whole group in virtual time: its parties' disks, their processes, the network between them. */
import { rawCbor } from "@conclave/bytes";
import type { NodeId } from "@conclave/consensus";
import { EnvelopeReader, EnvelopeRefused, type Envelope, type SigningScheme } from "@conclave/custody";
import type { Scheme } from "@conclave/keys";
import type { PartyIndex } from "@conclave/protocol";
import { partyRng, seededDice } from "@conclave/protocol/testing";
import {
  makeInvite,
  openIdentity,
  Party,
  PartyKeys,
  type Invite,
  type KeyFacts,
  type PartyEvent,
  type PartyIdentity,
  type PartySignature,
  type PartyTimings,
  type SignatureOrder,
} from "../index.ts";
import { rosterOf } from "../invite.ts";
import { engine, SCHEMES } from "./engine.ts";
import { MemoryStore } from "./memory-store.ts";
import { settled, VirtualClock } from "./virtual-clock.ts";
import { CALM, VirtualNetwork, type Weather } from "./virtual-network.ts";

export interface WorldOptions {
  readonly seed: string;
  readonly scheme: Scheme;
  readonly n: number;
  readonly t: number;
  readonly weather?: Weather;
  readonly timings?: PartyTimings;
}

/** The envelope inside a frame; null if there is none of this group's. */
export function envelopeIn({ invite }: World, frame: Uint8Array): Envelope | null {
  const [kind, [payload]] = rawCbor.decode(frame) as [string, [Uint8Array]];
  if (kind !== "content") return null;
  try {
    return new EnvelopeReader(engine, rosterOf(invite), invite.hash).open(payload);
  } catch (error) {
    if (error instanceof EnvelopeRefused) return null;
    throw error;
  }
}

/** One life of a party's command. */
export interface Life {
  readonly party: Party;
  readonly keys: PartyKeys;
  readonly events: PartyEvent[];
}

/** Virtual time after which a test gives up: hours of people's patience. */
const LIMIT_MS = 6 * 3_600_000;

export class World {
  readonly clock = new VirtualClock();
  readonly network: VirtualNetwork;
  readonly stores = new Map<number, MemoryStore>();
  readonly identities = new Map<number, PartyIdentity>();
  readonly invite: Invite;
  /** What a party runs in place of the honest schemes. */
  readonly schemes = new Map<number, readonly SigningScheme[]>();
  readonly #options: WorldOptions;
  readonly #running = new Map<number, Life>();
  #lives = 0;

  constructor(options: WorldOptions) {
    this.#options = options;
    const { seed, scheme, n, t } = options;
    this.network = new VirtualNetwork(this.clock, seededDice(seed), options.weather ?? CALM);
    for (let i = 1; i <= n; i++) {
      this.stores.set(i, new MemoryStore());
      this.identities.set(i, openIdentity(engine, this.store(i), i as PartyIndex, this.#rng(i)));
    }
    const session = this.#rng(1)(32);
    const cards = [...this.identities.values()].map(({ encodedCard }) => encodedCard);
    const terms = { relays: ["http://127.0.0.1:8080"], session, name: "test", scheme, threshold: t };
    this.invite = makeInvite(engine, terms, cards);
  }

  #rng(party: number) {
    this.#lives += 1;
    return partyRng(`${this.#options.seed}/${this.#lives}`, party as PartyIndex);
  }

  store(party: number): MemoryStore {
    return this.stores.get(party)!;
  }

  node(party: number): NodeId {
    return this.identities.get(party)!.card.node;
  }

  /** Start a party's process. */
  async open(party: number, invite = this.invite): Promise<Life> {
    const store = this.store(party);
    store.reopen();
    const events: PartyEvent[] = [];
    const keys = new PartyKeys({ engine, store, schemes: this.schemes.get(party) ?? SCHEMES });
    const life: Life = {
      keys,
      events,
      party: new Party({
        engine,
        identity: this.identities.get(party)!,
        invite,
        keys,
        transport: this.network.join(this.node(party)),
        clock: this.clock,
        rng: this.#rng(party),
        observe: (event) => events.push(event),
        ...(this.#options.timings === undefined ? {} : { timings: this.#options.timings }),
      }),
    };
    this.#running.set(party, life);
    await life.party.start();
    return life;
  }

  /** End a party's process, as SIGKILL does. */
  kill(party: number): void {
    this.network.crash(this.node(party));
    void this.#running.get(party)?.party.close();
    this.#running.delete(party);
  }

  /** Let time pass until all of these are settled. */
  async until<const T extends readonly unknown[]>(promises: T): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
    const limitMs = this.clock.nowMs() + LIMIT_MS;
    const state = { over: false };
    const all = Promise.all(promises).finally(() => {
      state.over = true;
    });
    all.catch(() => {});
    await settled();
    while (!state.over) {
      if (this.clock.nowMs() > limitMs || !(await this.clock.step()))
        throw new Error(`nothing more happens (seed ${this.#options.seed})`);
    }
    return all;
  }

  /** Let time pass until something is so. */
  async untilIt(holds: () => boolean): Promise<void> {
    while (!holds())
      if (!(await this.clock.step())) throw new Error(`nothing more happens (seed ${this.#options.seed})`);
  }

  /** Let so much time pass. */
  async pass(ms: number): Promise<void> {
    await this.until([new Promise<void>((resolve) => void this.clock.schedule(ms, resolve))]);
  }

  /** Everybody makes the key, stays until the others have it, and leaves. */
  async keygen(parties: readonly number[] = [...this.stores.keys()]): Promise<readonly KeyFacts[]> {
    return this.#together(parties, async ({ party }) => party.keygen());
  }

  /** These parties sign the same, and leave. */
  async sign(parties: readonly number[], order: SignatureOrder): Promise<readonly PartySignature[]> {
    return this.#together(parties, async ({ party }) => party.sign(order));
  }

  async #together<Result>(parties: readonly number[], work: (life: Life) => Promise<Result>): Promise<Result[]> {
    const lives = await Promise.all(parties.map(async (party) => this.open(party)));
    const done = Promise.all(
      lives.map(async (life) => {
        const result = await work(life);
        await life.party.settle();
        await life.party.close();
        return result;
      }),
    );
    const [results] = await this.until([done]);
    return results;
  }
}

export const textOrder = (text: string, rest: Partial<SignatureOrder> = {}): SignatureOrder => ({
  content: { kind: "message", message: new TextEncoder().encode(text), hash: "sha256" },
  path: [],
  parties: null,
  ...rest,
});
