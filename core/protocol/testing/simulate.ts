/**
 * One session per party under a seeded scheduler: any order, repeats, losses with resends, delays, late commits, crashes.
 * The same seed gives the same trace, so a seed printed by a failing test replays the failure.
 */
import type { Rng } from "@conclave/bytes";
import { ascending, type PartyIndex } from "../party.ts";
import type { Protocol } from "../round.ts";
import { Session, type Abort, type Effect, type Message } from "../session.ts";
import type { Ssid } from "../ssid.ts";
import { testSsid } from "./acks.ts";
import { MAX_LOSSES, noFaults, ROUGH, type FaultCounts, type Schedule } from "./faults.ts";
import { observeWipes } from "./intercept.ts";
import { partyRng, seededDice, type Dice } from "./random.ts";
import { traceHash, type TraceEvent } from "./trace.ts";

/** How one party's session ended. */
export type Outcome<Result> =
  | { readonly kind: "result"; readonly result: Result }
  | Abort
  | { readonly kind: "crashed" };

export interface Simulation<Result> {
  readonly outcomes: ReadonlyMap<PartyIndex, Outcome<Result>>;
  readonly trace: readonly TraceEvent[];
  /** Hash of the trace, hexadecimal. */
  readonly traceHash: string;
  readonly faults: Readonly<FaultCounts>;
  /** Records made durable, per party, in order. */
  readonly journal: ReadonlyMap<PartyIndex, readonly Uint8Array[]>;
  /** Promises of `Session` that this run saw broken. Always empty unless `Session` has a bug. */
  readonly violations: readonly string[];
}

export interface SimulationOptions<Config, Result> {
  readonly protocol: Protocol<Config, Result>;
  /** What each party starts with; all of the committee. */
  readonly configs: ReadonlyMap<PartyIndex, Config>;
  readonly committee: readonly PartyIndex[];
  /** Drives the scheduler, and the parties' randomness and ssid unless those are given. */
  readonly seed: string;
  readonly schedule?: Partial<Schedule>;
  readonly ssid?: Ssid;
  readonly rngFor?: (party: PartyIndex) => Rng;
  /** What arrives at `to` instead of `message`: nothing, another one, several. For hostile parties; default is the message. */
  readonly tamper?: (message: Message, to: PartyIndex) => readonly Message[];
  /**
   * A party that stands by its lies: it speaks last and sends each receiver the view that this receiver expects, so that a
   * lie is judged by the protocol's checks and not stopped by the comparison of views.
   */
  readonly liar?: PartyIndex;
}

/** Run one protocol among `committee` until every session ended. */
export function simulate<Config, Result>(options: SimulationOptions<Config, Result>): Simulation<Result> {
  return new Network(options).run();
}

type Pending =
  | { readonly kind: "start"; readonly party: PartyIndex }
  | {
      readonly kind: "commit";
      readonly party: PartyIndex;
      readonly id: number;
      readonly records: readonly Uint8Array[];
    }
  | Delivery;

interface Delivery {
  readonly kind: "deliver";
  readonly to: PartyIndex;
  readonly message: Message;
  readonly sent: number;
  readonly lost: number;
}

class Network<Config, Result> {
  readonly #options: SimulationOptions<Config, Result>;
  readonly #schedule: Schedule;
  readonly #dice: Dice;
  readonly #sessions = new Map<PartyIndex, Session<Config, Result>>();
  readonly #outcomes = new Map<PartyIndex, Outcome<Result>>();
  readonly #journal = new Map<PartyIndex, Uint8Array[]>();
  readonly #awaitsCommit = new Set<PartyIndex>();
  readonly #wipes = new Map<PartyIndex, number>();
  readonly #filledSlots = new Set<string>();
  readonly #latestOnLink = new Map<string, number>();
  readonly #views = new Map<string, Uint8Array>();
  readonly #crashAt = new Map<PartyIndex, number>();
  readonly #faults = noFaults();
  readonly #trace: TraceEvent[] = [];
  readonly #violations: string[] = [];
  #pending: Pending[] = [];
  #sent = 0;

  constructor(options: SimulationOptions<Config, Result>) {
    const {
      seed,
      committee,
      ssid = testSsid({ seed, committee }),
      rngFor = (party) => partyRng(seed, party),
    } = options;
    this.#options = options;
    this.#schedule = { ...ROUGH, ...options.schedule };
    this.#dice = seededDice(seed);
    const protocol = observeWipes(options.protocol, (party) => {
      this.#wipes.set(party, (this.#wipes.get(party) ?? 0) + 1);
    });
    for (const self of ascending(committee)) {
      const session = new Session({ protocol, context: { ssid, self, committee }, rng: rngFor(self) });
      this.#sessions.set(self, session);
      this.#journal.set(self, []);
      this.#pending.push({ kind: "start", party: self });
    }
    this.#planCrashes();
  }

  run(): Simulation<Result> {
    for (let step = 0; this.#pending.length > 0; step++) {
      this.#crash(step);
      this.#take(this.#pick());
    }
    for (const [party, session] of this.#sessions) {
      if (session.ended) continue;
      this.#faults.expired += 1;
      this.#trace.push({ kind: "expire", party });
      this.#carryOut(party, session.expire());
    }
    this.#checkEnds();
    return {
      outcomes: new Map(ascending(this.#outcomes.keys()).map((party) => [party, this.#outcomes.get(party)!])),
      trace: this.#trace,
      traceHash: traceHash(this.#trace),
      faults: this.#faults,
      journal: this.#journal,
      violations: this.#violations,
    };
  }

  #planCrashes(): void {
    const alive = [...this.#sessions.keys()];
    for (let i = 0; i < this.#schedule.crashes && alive.length > 0; i++) {
      const [party] = alive.splice(this.#dice.below(alive.length), 1);
      this.#crashAt.set(party!, this.#dice.below(this.#schedule.crashWithin));
    }
  }

  #crash(step: number): void {
    for (const [party, at] of this.#crashAt) {
      const session = this.#sessions.get(party)!;
      if (at !== step || session.ended) continue;
      session.close();
      this.#faults.crashes += 1;
      this.#outcomes.set(party, { kind: "crashed" });
      this.#trace.push({ kind: "crash", party });
      this.#pending = this.#pending.filter((item) => (item.kind === "deliver" ? item.to : item.party) !== party);
    }
  }

  /** The next thing to happen; undefined if the dice lost or put off a delivery, or a crash left nothing to do. */
  #pick(): Pending | undefined {
    if (this.#pending.length === 0) return undefined;
    const index = this.#schedule.shuffle ? this.#dice.below(this.#pending.length) : 0;
    const [item] = this.#pending.splice(index, 1);
    if (item?.kind !== "deliver") return item;
    if (item.lost < MAX_LOSSES && this.#dice.chance(this.#schedule.lose)) {
      this.#faults.losses += 1;
      this.#pending.push({ ...item, lost: item.lost + 1 });
      return undefined;
    }
    if (this.#dice.chance(this.#schedule.delay)) {
      this.#faults.delays += 1;
      this.#pending.push(item);
      return undefined;
    }
    if (this.#dice.chance(this.#schedule.repeat)) {
      this.#faults.repeats += 1;
      this.#pending.push(item);
    }
    return item;
  }

  #take(item: Pending | undefined): void {
    if (item?.kind === "start") this.#start(item.party);
    if (item?.kind === "commit") this.#commit(item);
    if (item?.kind === "deliver") this.#deliver(item);
  }

  #start(party: PartyIndex): void {
    const session = this.#sessions.get(party)!;
    // An equivocation that came before the start has ended the session: its host starts nothing.
    if (session.ended) return;
    this.#trace.push({ kind: "start", party });
    this.#carryOut(party, session.start(this.#options.configs.get(party)!));
  }

  #commit({ party, id, records }: Extract<Pending, { kind: "commit" }>): void {
    this.#faults.commits += 1;
    this.#awaitsCommit.delete(party);
    this.#journal.get(party)!.push(...records);
    this.#trace.push({ kind: "commit", party, records });
    this.#carryOut(party, this.#sessions.get(party)!.committed(id));
  }

  #deliver(item: Delivery): void {
    const { to, sent } = item;
    if (this.#waitsForView(item) && this.#pending.some((other) => !this.#waitsForView(other))) {
      this.#pending.push(item);
      return;
    }
    const message = { ...item.message, view: this.#viewFor(item) };
    const session = this.#sessions.get(to)!;
    const link = `${message.from}>${to}`;
    const latest = this.#latestOnLink.get(link) ?? -1;
    if (sent < latest) this.#faults.reorders += 1;
    this.#latestOnLink.set(link, Math.max(sent, latest));
    if (session.ended) this.#faults.afterEnd += 1;
    else if (this.#awaitsCommit.has(to)) this.#faults.duringCommit += 1;
    if (this.#isEarly(session, message)) this.#faults.early += 1;
    this.#trace.push({ kind: "deliver", to, message });
    // Sessions wipe sealed bodies that they hold, so each delivery is a copy, as from a network.
    this.#carryOut(to, session.handle({ ...message, view: message.view.slice(), body: message.body.slice() }));
  }

  /** What a liar sends as its view: the receiver's, else that of any honest party in this round. */
  #viewFor({ to, message }: Delivery): Uint8Array {
    if (message.from !== this.#options.liar) return message.view;
    return this.#views.get(`${to}/${message.round}`) ?? this.#views.get(message.round) ?? message.view;
  }

  #waitsForView(item: Pending): boolean {
    if (item.kind !== "deliver" || item.message.from !== this.#options.liar) return false;
    return !this.#views.has(`${item.to}/${item.message.round}`) && !this.#sessions.get(item.to)!.ended;
  }

  #isEarly(session: Session<Config, Result>, message: Message): boolean {
    if (session.ended) return false;
    const names = this.#options.protocol.rounds.map(({ name }) => name);
    return session.round === null || names.indexOf(message.round) > names.indexOf(session.round);
  }

  #carryOut(party: PartyIndex, effects: readonly Effect<Result>[]): void {
    if (effects.length > 0 && this.#outcomes.has(party)) this.#violations.push(`party ${party} acts after its end`);
    for (const effect of effects) {
      if (this.#outcomes.has(party)) this.#violations.push(`party ${party}: its end is not its last effect`);
      switch (effect.kind) {
        case "send":
          this.#send(party, effect);
          break;
        case "commit":
          this.#awaitsCommit.add(party);
          this.#pending.push({ kind: "commit", party, id: effect.id, records: effect.records });
          break;
        case "done":
          this.#outcomes.set(party, { kind: "result", result: effect.result });
          this.#trace.push({ kind: "result", party });
          break;
        case "abort":
          this.#outcomes.set(party, effect);
          this.#trace.push({ kind: "abort", party, fault: effect.fault, reason: effect.reason });
          break;
      }
    }
  }

  #send(from: PartyIndex, { receivers, message }: Extract<Effect<Result>, { kind: "send" }>): void {
    if (this.#awaitsCommit.has(from)) this.#violations.push(`party ${from} sends ${message.round} before its commit`);
    if (from !== this.#options.liar) {
      this.#views.set(`${from}/${message.round}`, message.view);
      this.#views.set(message.round, message.view);
    }
    for (const to of receivers) {
      const slot = `${from}>${to} ${message.round}/${message.part}`;
      if (this.#filledSlots.has(slot)) this.#violations.push(`slot filled twice: ${slot}`);
      this.#filledSlots.add(slot);
      const honest: Message = { ...message, from, body: message.body.slice() };
      this.#trace.push({ kind: "send", to, message: honest });
      for (const sent of this.#options.tamper?.(honest, to) ?? [honest]) {
        this.#pending.push({ kind: "deliver", to, message: sent, sent: this.#sent, lost: 0 });
        this.#sent += 1;
      }
    }
  }

  #checkEnds(): void {
    for (const party of this.#sessions.keys()) {
      if (!this.#outcomes.has(party)) this.#violations.push(`party ${party} never ended`);
      const wipes = this.#wipes.get(party) ?? 0;
      const started = this.#trace.some((event) => event.kind === "start" && event.party === party);
      if (wipes > 1 || (wipes === 0 && started)) this.#violations.push(`party ${party} was wiped ${wipes} times`);
    }
  }
}
