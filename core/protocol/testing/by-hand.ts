import { assert } from "@conclave/bytes";
import type { PartyIndex } from "../party.ts";
import type { Protocol } from "../round.ts";
import { Session, type Effect, type Message, type Slot } from "../session.ts";
import { testSsid } from "./acks.ts";
import { partyRng } from "./random.ts";
import type { Sent } from "./trace.ts";

/** Sessions of one committee, driven message by message: for tests that need one exact order of events. */
export class ByHand<Config, Result> {
  readonly sessions: ReadonlyMap<PartyIndex, Session<Config, Result>>;
  readonly sent: Sent[] = [];
  readonly #configs: ReadonlyMap<PartyIndex, Config>;
  readonly #commits = new Map<PartyIndex, number>();

  constructor({
    protocol,
    configs,
    committee,
    seed,
  }: {
    protocol: Protocol<Config, Result>;
    configs: ReadonlyMap<PartyIndex, Config>;
    committee: readonly PartyIndex[];
    seed: string;
  }) {
    const ssid = testSsid({ seed, committee });
    this.#configs = configs;
    this.sessions = new Map(
      committee.map((self) => [
        self,
        new Session({ protocol, context: { ssid, self, committee }, rng: partyRng(seed, self) }),
      ]),
    );
  }

  session(party: PartyIndex): Session<Config, Result> {
    const session = this.sessions.get(party);
    assert(session !== undefined, "a party of this committee");
    return session;
  }

  start(party: PartyIndex): Effect<Result>[] {
    return this.#note(party, this.session(party).start(this.#configs.get(party)!));
  }

  startAll(): void {
    for (const party of this.sessions.keys()) this.start(party);
  }

  /** Hand a message to a session, as a copy. */
  give(to: PartyIndex, message: Message): Effect<Result>[] {
    const copy = { ...message, view: message.view.slice(), body: message.body.slice() };
    return this.#note(to, this.session(to).handle(copy));
  }

  /** Deliver what `slot.from` has sent to `to` in that slot. */
  deliver(to: PartyIndex, slot: Slot): Effect<Result>[] {
    return this.give(to, this.message(to, slot));
  }

  /** Deliver all that was sent in one part of a round, in party order. Those who ended stay silent. */
  deliverAll(round: string, part: Slot["part"]): Map<PartyIndex, Effect<Result>[]> {
    const last = new Map<PartyIndex, Effect<Result>[]>();
    for (const { to, message } of this.sent.filter(({ message }) => message.round === round && message.part === part)) {
      last.set(to, this.give(to, message));
    }
    return last;
  }

  /** Confirm the commit that a party waits for. */
  commit(party: PartyIndex): Effect<Result>[] {
    const id = this.#commits.get(party);
    assert(id !== undefined, "the party waits for a commit");
    this.#commits.delete(party);
    return this.#note(party, this.session(party).committed(id));
  }

  message(to: PartyIndex, { round, part, from }: Slot): Message {
    const found = this.sent.find(
      ({ to: receiver, message }) =>
        receiver === to && message.round === round && message.part === part && message.from === from,
    );
    assert(found !== undefined, `party ${from} sent ${round}/${part} to party ${to}`);
    return found.message;
  }

  #note(from: PartyIndex, effects: Effect<Result>[]): Effect<Result>[] {
    for (const effect of effects) {
      if (effect.kind === "commit") this.#commits.set(from, effect.id);
      if (effect.kind !== "send") continue;
      const message = { ...effect.message, from, body: effect.message.body.slice() };
      for (const to of effect.receivers) this.sent.push({ kind: "send", to, message });
    }
    return effects;
  }
}
