import { assert, CodecError, equalBytes, type Rng } from "@conclave/bytes";
import { Fault, type FaultKind } from "./fault.ts";
import { ascending, type PartyIndex } from "./party.ts";
import { roundOf, type Context, type Protocol, type Round, type RoundTypes, type Step } from "./round.ts";
import { broadcastHash, echoCodec, viewHash } from "./view.ts";

/** Which part of a round a message is: everybody's, one receiver's, or the confirmation of an echoed broadcast. */
export type Part = "broadcast" | "direct" | "echo";

/** One part that one party sent in one round. Its envelope was verified, and opened if sealed, before this point. */
export interface Message {
  readonly from: PartyIndex;
  readonly round: string;
  readonly part: Part;
  readonly view: Uint8Array;
  readonly body: Uint8Array;
}

/** A place that each sender fills once. */
export interface Slot {
  readonly round: string;
  readonly part: Part;
  readonly from: PartyIndex;
}

/** Why a session ended without a result. */
export interface Abort {
  readonly kind: "abort";
  readonly fault: FaultKind | "equivocation" | "silence";
  readonly reason: string;
  readonly round: string;
  /** Parties whose fault is proven by `evidence` (public, equivocation), or known to this party alone (private, cheat). */
  readonly culprits: readonly PartyIndex[];
  /** Parties whose part never came (silence), or whose broadcast others saw differently (mismatch). Not proven guilty. */
  readonly suspects: readonly PartyIndex[];
  /** The slots whose envelopes prove the fault. */
  readonly evidence: readonly Slot[];
  /** The round's public state, encoded: what a judge needs beside the envelopes. */
  readonly publicState: Uint8Array;
}

export type Effect<Result> =
  | {
      readonly kind: "send";
      readonly to: PartyIndex | "receivers";
      readonly receivers: readonly PartyIndex[];
      readonly message: Omit<Message, "from">;
    }
  /** Make these records durable, then call `committed(id)`. Nothing leaves before that. */
  | { readonly kind: "commit"; readonly id: number; readonly records: readonly Uint8Array[] }
  | { readonly kind: "done"; readonly result: Result }
  | Abort;

interface Current<Result> {
  readonly round: Round<RoundTypes & { result: Result }>;
  readonly state: unknown;
  readonly publicState: unknown;
  readonly publicBytes: Uint8Array;
  readonly view: Uint8Array;
  readonly outgoing: Extract<Step<Result>, { kind: "send" }>["outgoing"];
  readonly decoded: Map<PartyIndex, unknown>;
  readonly checked: Map<PartyIndex, unknown>;
  echoed: boolean;
}

/** Ends the session from inside a handler; becomes its last effect. */
class Stop extends Error {
  readonly abort: Omit<Abort, "kind" | "round" | "publicState">;
  constructor(abort: Omit<Abort, "kind" | "round" | "publicState">) {
    super(abort.reason);
    this.abort = abort;
  }
}

/**
 * One party's run of one protocol: messages in, effects out; no I/O, no clock, no promise. Early, repeated and contradictory
 * messages, views, echo and blame are settled here, once for every protocol.
 */
export class Session<Config, Result> {
  readonly #protocol: Protocol<Config, Result>;
  readonly #context: Context;
  readonly #rng: Rng;
  readonly #inbox = new Map<string, Message>();
  #current: Current<Result> | null = null;
  #awaitedCommit: number | null = null;
  #commits = 0;
  #ended = false;

  constructor({ protocol, context, rng }: { protocol: Protocol<Config, Result>; context: Context; rng: Rng }) {
    assert(context.committee.includes(context.self), "a party runs only sessions that it belongs to");
    assert(new Set(context.committee).size === context.committee.length, "a committee names each party once");
    this.#protocol = protocol;
    this.#context = context;
    this.#rng = rng;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Name of the round this party is in; null before the start and after the end. */
  get round(): string | null {
    return this.#current?.round.name ?? null;
  }

  start(config: Config): Effect<Result>[] {
    return this.#run(() => {
      assert(this.#current === null && !this.#ended, "a session starts once");
      return this.#enter(this.#protocol.start(this.#context, config, this.#rng));
    });
  }

  /** Take one message of a peer. Never throws because of a peer; a throw is our own bug and ends the session. */
  handle(message: Message): Effect<Result>[] {
    if (this.#ended || message.from === this.#context.self) return [];
    if (!this.#context.committee.includes(message.from)) return [];
    if (roundOf(this.#protocol, message.round) === undefined) return [];
    return this.#run(() => {
      if (!this.#remember(message) || this.#current === null || this.#awaitedCommit !== null) return [];
      return message.round === this.#current.round.name ? this.#advance() : [];
    });
  }

  /** The records of commit effect `id` are on disk: release what waited for them. */
  committed(id: number): Effect<Result>[] {
    if (this.#ended) return [];
    return this.#run(() => {
      assert(this.#awaitedCommit === id, "commits are confirmed in order");
      this.#awaitedCommit = null;
      return [...this.#send(this.#current!), ...this.#advance()];
    });
  }

  /** Peers whose part of the current round has not come. */
  missing(): PartyIndex[] {
    const current = this.#current;
    if (current === null) return [];
    const parts = this.#expectedParts(current.round, current.echoed);
    return ascending(
      this.#awaited(current).filter((from) =>
        parts.some((part) => !this.#inbox.has(slotKey({ round: current.round.name, part, from }))),
      ),
    );
  }

  /** The host's deadline passed: end without blaming anyone. */
  expire(): Effect<Result>[] {
    if (this.#ended) return [];
    return this.#run(() => {
      throw new Stop({
        fault: "silence",
        reason: "no answer in time",
        culprits: [],
        suspects: this.missing(),
        evidence: [],
      });
    });
  }

  /** Drop everything without a word: a newer attempt took over, or the process stops. */
  close(): void {
    this.#wipe();
  }

  /** False for an exact repeat. Two different contents of one slot are signed contradictions. */
  #remember(message: Message): boolean {
    const key = slotKey(message);
    const first = this.#inbox.get(key);
    if (first === undefined) {
      this.#inbox.set(key, message);
      return true;
    }
    if (equalBytes(first.body, message.body) && equalBytes(first.view, message.view)) return false;
    const { round, part, from } = message;
    throw new Stop({
      fault: "equivocation",
      reason: "two different messages for one slot",
      culprits: [from],
      suspects: [],
      evidence: [{ round, part, from }],
    });
  }

  #expectedParts(round: Round<RoundTypes & { result: Result }>, echoed: boolean): Part[] {
    if (echoed) return ["echo"];
    const parts: Part[] = [];
    if (round.broadcast !== null) parts.push("broadcast");
    if (round.direct !== null) parts.push("direct");
    return parts;
  }

  #receives({ round, state }: Current<Result>): boolean {
    return round.receivers(state).includes(this.#context.self);
  }

  /** Peers that this party needs to hear from: nobody in a round in which it only sends. */
  #awaited(current: Current<Result>): PartyIndex[] {
    const { round, state, echoed } = current;
    if (!this.#receives(current)) return [];
    return (echoed ? round.receivers(state) : round.senders(state)).filter((party) => party !== this.#context.self);
  }

  /** Check all that came for the current round; move on when nobody is missing. */
  #advance(): Effect<Result>[] {
    const current = this.#current!;
    if (!current.echoed) {
      for (const from of this.#awaited(current)) this.#checkSender(current, from);
      if (this.missing().length > 0) return [];
      if (current.round.echo && this.#receives(current)) {
        current.echoed = true;
        // The echo leaves even if it contradicts one that came before: peers must learn of the difference, too.
        return [this.#echo(current), ...this.#run(() => this.#advance())];
      }
    }
    if (current.echoed) {
      this.#compareEchoes(current);
      if (this.missing().length > 0) return [];
    }
    return this.#finish(current);
  }

  #checkSender(current: Current<Result>, from: PartyIndex): void {
    const { round, state } = current;
    if (current.checked.has(from)) return;
    for (const part of this.#expectedParts(round, false)) {
      const message = this.#inbox.get(slotKey({ round: round.name, part, from }));
      if (message === undefined) return;
      this.#compareView(current, message);
    }
    const broadcast = this.#judgeBroadcast(current, from);
    const sealed = this.#inbox.get(slotKey({ round: round.name, part: "direct", from }));
    const part = sealed === undefined ? "broadcast" : "direct";
    const evidence: Slot[] = [{ round: round.name, part, from }];
    const checked = this.#blaming(from, evidence, () => {
      const direct =
        sealed === undefined || round.direct === null
          ? null
          : decodeAs("private", () => round.direct!.decode(sealed.body));
      return round.checkPrivate(state, from, broadcast, direct);
    });
    current.checked.set(from, checked);
  }

  #judgeBroadcast(current: Current<Result>, from: PartyIndex): unknown {
    const { round } = current;
    if (round.broadcast === null) return null;
    if (current.decoded.has(from)) return current.decoded.get(from);
    const { body } = this.#inbox.get(slotKey({ round: round.name, part: "broadcast", from }))!;
    return this.#blaming(from, [{ round: round.name, part: "broadcast", from }], () => {
      const broadcast = decodeAs("public", () => round.broadcast!.decode(body));
      if (round.judging === "each") round.checkPublic(current.publicState, from, broadcast);
      current.decoded.set(from, broadcast);
      return broadcast;
    });
  }

  /** Views first: parties that worked from different inputs have nothing to blame each other for. */
  #compareView(current: Current<Result>, message: Message): void {
    if (equalBytes(current.view, message.view)) return;
    throw new Stop({
      fault: "mismatch",
      reason: `party ${message.from} works from another view`,
      culprits: [],
      suspects: [message.from],
      evidence: [],
    });
  }

  #echo(current: Current<Result>): Effect<Result> {
    const receivers = current.round.receivers(current.state).filter((party) => party !== this.#context.self);
    const body = echoCodec.encode(this.#seen(current));
    return {
      kind: "send",
      to: "receivers",
      receivers,
      message: { round: current.round.name, part: "echo", view: current.view, body },
    };
  }

  #seen(current: Current<Result>): { party: PartyIndex; hash: Uint8Array }[] {
    return ascending(current.round.senders(current.state)).map((party) => {
      const own = party === this.#context.self ? current.outgoing.broadcast : null;
      const body = own ?? this.#inbox.get(slotKey({ round: current.round.name, part: "broadcast", from: party }))!.body;
      return { party, hash: broadcastHash(body) };
    });
  }

  /** A difference blames nobody here: only two signed versions of one broadcast convict, and those travel apart. */
  #compareEchoes(current: Current<Result>): void {
    const seen = this.#seen(current);
    for (const from of current.round.receivers(current.state)) {
      const message = this.#inbox.get(slotKey({ round: current.round.name, part: "echo", from }));
      if (message === undefined) continue;
      this.#compareView(current, message);
      const evidence: Slot[] = [{ round: current.round.name, part: "echo", from }];
      const theirs = this.#blaming(from, evidence, () => decodeAs("public", () => echoCodec.decode(message.body)));
      const disputed = seen.filter(({ party, hash }) => {
        const other = theirs.find((entry) => entry.party === party);
        return other === undefined || !equalBytes(other.hash, hash);
      });
      if (disputed.length === 0 && theirs.length === seen.length) continue;
      throw new Stop({
        fault: "mismatch",
        reason: `party ${from} saw other broadcasts`,
        culprits: [],
        suspects: disputed.map(({ party }) => party),
        evidence: disputed.map(({ party }) => ({ round: current.round.name, part: "broadcast" as const, from: party })),
      });
    }
  }

  #finish(current: Current<Result>): Effect<Result>[] {
    const peers = new Map(ascending(current.checked.keys()).map((party) => [party, current.checked.get(party)]));
    return this.#enter(this.#conclude(current, peers));
  }

  #conclude(current: Current<Result>, peers: ReadonlyMap<PartyIndex, unknown>): Step<Result> {
    try {
      return current.round.finish(current.state, peers, this.#rng);
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      this.#findCulprits(current);
      throw new Stop({ fault: "mismatch", reason: error.message, culprits: [], suspects: [], evidence: [] });
    }
  }

  /** For rounds judged on failure: run every public check now and stop with all who fail it. */
  #findCulprits(current: Current<Result>): void {
    if (current.round.judging === "each") return;
    const failed: { from: PartyIndex; reason: string }[] = [];
    for (const from of ascending(current.decoded.keys())) {
      try {
        current.round.checkPublic(current.publicState, from, current.decoded.get(from));
      } catch (error) {
        if (!(error instanceof Fault)) throw error;
        failed.push({ from, reason: error.message });
      }
    }
    if (failed.length === 0) return;
    throw new Stop({
      fault: "public",
      reason: failed[0]!.reason,
      culprits: failed.map(({ from }) => from),
      suspects: [],
      evidence: failed.map(({ from }) => ({ round: current.round.name, part: "broadcast" as const, from })),
    });
  }

  #enter(step: Step<Result>): Effect<Result>[] {
    if (step.kind === "done") {
      this.#wipe();
      return [{ kind: "done", result: step.result }];
    }
    const { round, state, outgoing, commitFirst } = step;
    // Inbox slots are named by round: a round entered twice would take its old messages for new ones.
    assert(this.#isLater(round.name), `${this.#protocol.id} has no round ${round.name} after ${this.round}`);
    const publicState = round.open(state);
    const publicBytes = round.publicState.encode(publicState);
    const view = viewHash(this.#context.ssid, round.name, publicBytes);
    const current: Current<Result> = {
      round,
      state,
      publicState,
      publicBytes,
      view,
      outgoing,
      decoded: new Map(),
      checked: new Map(),
      echoed: false,
    };
    this.#current = current;
    if (commitFirst.length > 0) {
      this.#commits += 1;
      this.#awaitedCommit = this.#commits;
      return [{ kind: "commit", id: this.#commits, records: commitFirst }];
    }
    return [...this.#send(current), ...this.#advance()];
  }

  #isLater(round: string): boolean {
    const names = this.#protocol.rounds.map(({ name }) => name);
    return names.indexOf(round) > (this.round === null ? -1 : names.indexOf(this.round));
  }

  #send({ round, state, outgoing, view }: Current<Result>): Effect<Result>[] {
    if (!round.senders(state).includes(this.#context.self)) return [];
    const receivers = round.receivers(state).filter((party) => party !== this.#context.self);
    const effects: Effect<Result>[] = [];
    if (outgoing.broadcast !== null) {
      const message = { round: round.name, part: "broadcast" as const, view, body: outgoing.broadcast };
      effects.push({ kind: "send", to: "receivers", receivers, message });
    }
    for (const to of receivers) {
      const body = outgoing.direct.get(to);
      if (body === undefined) continue;
      effects.push({ kind: "send", to, receivers: [to], message: { round: round.name, part: "direct", view, body } });
    }
    return effects;
  }

  #blaming<T>(from: PartyIndex, evidence: readonly Slot[], check: () => T): T {
    try {
      return check();
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      const blamed = error.kind === "mismatch" ? [] : [from];
      throw new Stop({ fault: error.kind, reason: error.message, culprits: blamed, suspects: [], evidence });
    }
  }

  #run(body: () => Effect<Result>[]): Effect<Result>[] {
    try {
      return body();
    } catch (error) {
      const round = this.#current?.round.name ?? "";
      const publicState = this.#current?.publicBytes ?? new Uint8Array(0);
      this.#wipe();
      if (!(error instanceof Stop)) throw error;
      return [{ kind: "abort", round, publicState, ...error.abort }];
    }
  }

  #wipe(): void {
    const current = this.#current;
    this.#ended = true;
    this.#current = null;
    for (const { part, body } of this.#inbox.values()) if (part === "direct") body.fill(0);
    this.#inbox.clear();
    current?.round.wipe(current.state);
  }
}

const slotKey = ({ round, part, from }: Slot): string => `${round}/${part}/${from}`;

/** Bytes that do not decode are a fault of the same kind as a failed check of that part. */
function decodeAs<T>(kind: FaultKind, decode: () => T): T {
  try {
    return decode();
  } catch (cause) {
    if (!(cause instanceof CodecError)) throw cause;
    throw new Fault(kind, "malformed message", { cause });
  }
}
