/**
 * Attempts at what the operator asked for, one at a time: the lowest party that is there opens one, everybody who typed the
 * same acknowledges it, and the session runs. Silence ends an attempt and names who was silent; then there is another one,
 * with another session id, for as long as the operator lets it run.
 */
import { CodecError, equalBytes, transcript, type Rng } from "@conclave/bytes";
import type { NodeId } from "@conclave/consensus";
import type { Engine } from "@conclave/crypto";
import {
  Attempt,
  attemptId,
  EarlyEnvelopes,
  EnvelopeRefused,
  setupCodec,
  subjectRound,
  type AttemptPlan,
  type AttemptSubject,
  type CustodyEvent,
  type Envelope,
} from "@conclave/custody";
import type { Clock, Timer } from "@conclave/node";
import type { Part, PartyIndex } from "@conclave/protocol";
import { Bulletin } from "./bulletin.ts";
import type { PartyIdentity } from "./card.ts";
import { Contradictions } from "./contradictions.ts";
import type { PartyEvent } from "./events.ts";
import { PartyFailure } from "./failure.ts";
import type { Meeting, Peer } from "./meeting.ts";
import type { Operation } from "./operation.ts";
import { differences, intentHash, shortened, type GivenUp, type Presence } from "./presence.ts";
import type { PartyTimings } from "./timings.ts";

/** Attempts that came to nothing although everybody answered; beyond that somebody is at fault whom nothing convicts. */
const MAX_FRUITLESS = 5;
/** Attempts remembered, so that none is joined twice. */
const MAX_JOINED = 1_024;

export interface CeremonyParts {
  readonly engine: Engine;
  readonly identity: PartyIdentity;
  readonly meeting: Meeting;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly timings: PartyTimings;
  readonly observe: (event: PartyEvent) => void;
  /** The operation ends without a result. */
  readonly fail: (failure: Error) => void;
}

interface Live {
  readonly attempt: Attempt;
  readonly coordinator: NodeId;
  /** Whom the coordinator asked. */
  readonly asked: readonly NodeId[];
  round: string;
  timer: Timer | null;
}

export class Ceremony {
  readonly #parts: CeremonyParts;
  readonly #early = new EarlyEnvelopes();
  readonly #contradictions = new Contradictions();
  readonly #joined = new Set<string>();
  /** Proven to have broken the protocol, in this process's time. */
  readonly #broken = new Set<NodeId>();
  /** Silent in the attempt before: left out of the next where enough others are there. */
  #avoid: ReadonlySet<NodeId> = new Set();
  #operation: Operation | null = null;
  #stage: Presence["stage"] = "waiting";
  #gaveUp: GivenUp | null = null;
  #live: Live | null = null;
  #number = 0;
  #fruitless = 0;
  #retry: Timer | null = null;
  #retryMs: number;
  /** When an attempt could have been opened; null while none could. */
  #ripe: { readonly sinceMs: number; readonly timer: Timer } | null = null;
  readonly #bulletin: Bulletin;

  constructor(parts: CeremonyParts) {
    this.#parts = parts;
    this.#bulletin = new Bulletin(parts.observe);
    this.#retryMs = parts.timings.retryFirstMs;
  }

  /** Begin to work on something, or (null) on nothing. */
  pursue(operation: Operation | null): void {
    this.#drop();
    this.#operation = operation;
    this.#stage = "waiting";
    this.#gaveUp = null;
    this.#fruitless = 0;
    this.#avoid = new Set();
    this.#bulletin.clear();
    this.#retry?.cancel();
    this.#retry = null;
    this.#retryMs = this.#parts.timings.retryFirstMs;
    if (operation === null) return;
    this.announce();
    this.look();
  }

  get operation(): Operation | null {
    return this.#operation;
  }

  /** Say again what this party is doing: something of it changed. */
  announce(stage: Presence["stage"] = this.#stage): void {
    this.#stage = stage;
    const intent = this.#operation?.intent();
    if (intent !== undefined) this.#parts.meeting.announce({ intent, stage, gaveUp: this.#gaveUp });
  }

  /** End the running attempt: what it was for is there, or what it relied on is not. */
  abandon(reason: string, relies: (attempt: Attempt) => boolean = () => true): void {
    if (this.#live !== null && relies(this.#live.attempt)) this.#live.attempt.giveUp(reason);
  }

  close(): void {
    this.#drop();
    this.#operation = null;
    this.#retry?.cancel();
    this.#ripe?.timer.cancel();
  }

  changed(peer: Peer, anew: boolean): void {
    const operation = this.#operation;
    if (operation === null) return;
    const live = this.#live;
    const gaveUp = peer.presence?.gaveUp;
    if (live !== null && (live.attempt.signsWith(peer.node) || live.coordinator === peer.node)) {
      if (anew) live.attempt.giveUp(`party ${peer.party} began anew`);
      else if (gaveUp?.attempt === live.attempt.id)
        live.attempt.giveUp(`party ${peer.party} gave it up: ${gaveUp.reason}`);
    }
    this.#replayEarly();
    this.look();
  }

  /** See whether something is to be begun. */
  look(): void {
    const operation = this.#operation;
    if (operation === null || operation.finished) return;
    const peers = this.#parts.meeting.peers();
    this.#bulletin.differences(operation.intent(), peers);
    const hopeless = operation.hopeless(peers, this.#broken);
    if (hopeless !== null) return this.#parts.fail(hopeless);
    const fitting = peers.filter((peer) => this.#fits(operation, peer));
    this.#bulletin.waiting(operation.lacks(fitting));
    const ready = operation.ready(fitting);
    if (ready === null || this.#isBusy || this.#retry !== null) return this.#unripe();
    this.#openInTurn(operation, ready);
  }

  get #isBusy(): boolean {
    return this.#live !== null && !this.#live.attempt.ended;
  }

  /**
   * The lowest party opens; the others give it time, each more than the one before. They are no less able to: this only keeps
   * two from opening at once.
   */
  #openInTurn(operation: Operation, ready: readonly Peer[]): void {
    const { clock, identity, timings } = this.#parts;
    const lower = ready.filter(({ party }) => party < identity.card.party).length;
    const waitMs = lower * timings.beginDeadlineMs;
    this.#ripe ??= { sinceMs: clock.nowMs(), timer: clock.schedule(waitMs, () => this.look()) };
    if (clock.nowMs() - this.#ripe.sinceMs < waitMs) return;
    this.#unripe();
    this.#open(operation, ready);
  }

  #unripe(): void {
    this.#ripe?.timer.cancel();
    this.#ripe = null;
  }

  /** Typed the same, is there, and waits for it. */
  #fits(operation: Operation, { node, up, presence }: Peer): boolean {
    if (!up || presence === null || presence.stage !== "waiting" || this.#broken.has(node)) return false;
    return differences(operation.intent(), presence.intent).length === 0;
  }

  /** Names what is to be done and the process that opened it: an attempt of another process is another attempt. */
  #requestOf(operation: Operation, run: Uint8Array): Uint8Array {
    const { invite } = this.#parts.meeting;
    return transcript("party/request", { invite: invite.hash, intent: intentHash(operation.intent()), run });
  }

  #open(operation: Operation, ready: readonly Peer[]): void {
    const { meeting, identity } = this.#parts;
    const subject: AttemptSubject = {
      request: this.#requestOf(operation, meeting.run),
      revision: 0,
      digest: meeting.run,
      round: 0,
      attempt: this.#number++,
    };
    const asked = ready.map(({ node }) => node);
    const fields = { kind: "setup" as const, request: subject.request, attempt: subject.attempt };
    const setup = meeting.seal(
      { ...fields, round: subjectRound(subject) },
      setupCodec.encode({ ...subject, votes: [] }),
    );
    meeting.send(asked, setup.wire, attemptId(subject));
    this.#join(operation.plan(subject, identity.card.node), setup, asked);
  }

  /** An envelope of an attempt, from a party of the group. */
  receive(envelope: Envelope): void {
    const { header } = envelope;
    const proven = this.#contradictions.watch(envelope);
    if (proven !== null) return this.#condemn(header.sender, proven);
    try {
      this.#route(envelope);
    } catch (error) {
      if (!(error instanceof CodecError || error instanceof EnvelopeRefused)) throw error;
      this.#dropped(header.sender, error.message);
    }
    this.#replayEarly();
  }

  #route(envelope: Envelope): void {
    const { kind } = envelope.header;
    if (kind === "setup") return this.#receiveSetup(envelope);
    const attempt = this.#live?.attempt;
    if (attempt === undefined || !belongs(attempt, envelope)) return this.#early.keep(envelope);
    if (kind === "ack") attempt.addAck(envelope);
    else if (kind === "begin") attempt.receiveBegin(envelope);
    else attempt.receiveStep(envelope, kind.slice("step/".length) as Part);
  }

  #receiveSetup(envelope: Envelope): void {
    const { header } = envelope;
    const { votes: _none, ...subject } = setupCodec.decode(envelope.body);
    const operation = this.#operation;
    const peer = this.#parts.meeting.peer(header.sender);
    const drop = (why: string): void => this.#dropped(header.sender, `setup refused: ${why}`);
    if (peer === undefined || operation?.finished === true) return;
    if (!equalBytes(header.request!, subject.request) || header.attempt !== subject.attempt)
      return drop("contradicts itself");
    if (operation === null || peer.presence === null || !equalBytes(peer.presence.run, subject.digest))
      return this.#early.keep(envelope);
    const isOurs = equalBytes(subject.request, this.#requestOf(operation, subject.digest));
    if (!isOurs || subject.revision !== 0 || subject.round !== 0) return drop("it is for something else");
    if (this.#broken.has(header.sender)) return drop("its sender broke the protocol");
    if (!operation.members.some(({ node }) => node === header.sender)) return drop("its sender takes no part");
    if (this.#joined.has(attemptId(subject)) || !this.#yields(peer)) return;
    this.#join(operation.plan(subject, header.sender), envelope, []);
  }

  /** Two who opened at once: the lower one's stays, unless the other's has begun. Whoever opens anew ended its own before. */
  #yields({ node, party }: Peer): boolean {
    if (this.#live === null || this.#live.attempt.ended || this.#live.coordinator === node) return true;
    const { identity, meeting } = this.#parts;
    const current = meeting.peer(this.#live.coordinator)?.party ?? identity.card.party;
    return !this.#live.attempt.begun && party < current;
  }

  #join(plan: AttemptPlan, setup: Envelope, asked: readonly NodeId[]): void {
    const { engine, identity, meeting, rng, timings } = this.#parts;
    this.#drop();
    this.#unripe();
    const env = {
      engine,
      identity: identity.envelope,
      roster: meeting.invite.hash,
      reader: meeting.reader,
      rng,
      emit: (event: CustodyEvent) => this.#tookPlace(attempt, event),
    };
    const attempt = new Attempt(env, plan, setup);
    this.#joined.add(attempt.id);
    if (this.#joined.size > MAX_JOINED) this.#joined.delete(this.#joined.values().next().value!);
    this.#live = { attempt, coordinator: plan.coordinator, asked, round: "setup", timer: null };
    this.#patience(attempt.coordinates ? timings.ackWindowMs : timings.beginDeadlineMs);
    attempt.acknowledge(NO_JOURNAL);
    this.#replayEarly();
  }

  #drop(): void {
    if (this.#live === null) return;
    this.#live.timer?.cancel();
    this.#live.attempt.close();
    this.#parts.meeting.forget(this.#live.attempt.id);
    this.#live = null;
  }

  #tookPlace(attempt: Attempt, event: CustodyEvent): void {
    if (this.#live?.attempt !== attempt) return;
    if (event.kind === "send") this.#parts.meeting.send(event.to, event.wire, event.topic);
    else if (event.kind === "acked") this.#acked(this.#live, event.waitingFor);
    else if (event.kind === "begun") this.#begun(event.signers, event.signing);
    else if (event.kind === "progress") this.#progress(event.round);
    else if (event.kind === "aborted") this.#aborted(attempt, event);
    else if (event.kind === "dropped") this.#dropped(event.from, event.reason);
  }

  /** Begin at once when everybody has answered who is expected to. */
  #acked({ attempt, asked }: Live, waitingFor: readonly NodeId[]): void {
    const outstanding = waitingFor.filter((node) => asked.includes(node) && !this.#avoid.has(node));
    if (outstanding.length === 0 && attempt.coordinates) attempt.begin(this.#avoid);
  }

  #begun(signers: readonly NodeId[], signing: boolean): void {
    const { observe } = this.#parts;
    const parties = signers.map((node) => this.#partyOf(node)).toSorted((a, b) => a - b);
    observe({ kind: "begun", attempt: this.#live!.attempt.plan.subject.attempt + 1, parties });
    this.#live!.round = signing ? "begin" : RESULT;
    this.#patience(this.#operation!.roundDeadlineMs);
  }

  #progress(round: string): void {
    this.#live!.round = round;
    this.#parts.observe({ kind: "round", round });
    this.#patience(this.#operation!.roundDeadlineMs);
  }

  #patience(delayMs: number): void {
    const live = this.#live!;
    live.timer?.cancel();
    live.timer = this.#parts.clock.schedule(delayMs, () => this.#guarded(() => this.#impatient(live)));
  }

  #impatient(live: Live): void {
    const { attempt } = live;
    if (this.#live !== live || attempt.ended) return;
    if (attempt.coordinates && !attempt.begun && attempt.ready) attempt.begin(this.#avoid);
    else if (live.round === RESULT) attempt.giveUp("those who signed sent no signature in time");
    else attempt.expire();
  }

  #aborted(attempt: Attempt, outcome: Extract<CustodyEvent, { kind: "aborted" }>): void {
    const { observe, clock, timings } = this.#parts;
    const { fault, culprits } = outcome;
    const suspects = outcome.suspects.map((node) => this.#partyOf(node));
    const round = this.#live?.round ?? "";
    this.#live?.timer?.cancel();
    this.#live = null;
    const isProven = fault === "public" || fault === "equivocation";
    const reason = isProven
      ? `party ${culprits.map((node) => this.#partyOf(node)).join()} broke the protocol`
      : neutral(this.#parts.meeting, outcome);
    if (fault === "silence") {
      this.#avoid = new Set(outcome.suspects);
      observe({ kind: "timedOut", round, outstanding: suspects });
    } else if (!isProven) {
      if (fault !== "refused") this.#fruitless += 1;
      observe({ kind: "gaveUp", reason, suspects });
    }
    this.#gaveUp = { attempt: attempt.id, reason: shortened(reason) };
    if (isProven) for (const culprit of culprits) this.#condemn(culprit, outcome.reason);
    if (this.#operation === null || this.#operation.finished) return;
    this.announce();
    if (this.#fruitless >= MAX_FRUITLESS)
      return this.#parts.fail(
        new PartyFailure("failed", `${MAX_FRUITLESS} attempts came to nothing; the last because ${reason}`),
      );
    this.#retry = clock.schedule(this.#retryMs, () => {
      this.#retry = null;
      this.#guarded(() => this.look());
    });
    this.#retryMs = Math.min(this.#retryMs * 2, timings.retryLongestMs);
  }

  /** Proven before anybody: nothing is done with this party any more. */
  #condemn(node: NodeId, reason: string): void {
    if (this.#broken.has(node)) return;
    this.#broken.add(node);
    const party = this.#partyOf(node);
    this.#parts.observe({ kind: "broke", party, reason });
    this.abandon(
      `party ${party} broke the protocol`,
      (attempt) => attempt.signsWith(node) || attempt.plan.coordinator === node,
    );
    this.look();
  }

  #replayEarly(): void {
    for (const envelope of this.#early.take()) {
      try {
        this.#route(envelope);
      } catch (error) {
        if (!(error instanceof CodecError || error instanceof EnvelopeRefused)) throw error;
        this.#dropped(envelope.header.sender, error.message);
      }
    }
  }

  /** Timers have nobody above them. */
  #guarded(step: () => void): void {
    try {
      step();
    } catch (error) {
      this.#drop();
      this.#parts.fail(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #partyOf(node: NodeId): PartyIndex {
    return this.#parts.meeting.peer(node)?.party ?? this.#parts.identity.card.party;
  }

  #dropped(from: NodeId | null, reason: string): void {
    this.#parts.observe({ kind: "dropped", party: from === null ? null : this.#partyOf(from), reason });
  }
}

/** Where an attempt stands for a party that the others sign without. */
const RESULT = "result";

/** Acks name a position in the sender's journal; nonces live in memory here, and there is none. */
const NO_JOURNAL = 1;

/** What happened, without blaming anybody whom nothing convicts. */
function neutral(
  meeting: Meeting,
  { fault, reason, culprits, suspects }: Extract<CustodyEvent, { kind: "aborted" }>,
): string {
  const named = [...culprits, ...suspects].flatMap((node) => meeting.peer(node)?.party ?? []);
  if (fault === "private" || fault === "cheat")
    return `what party ${named.join(", ")} sent to this party alone failed a check, which nobody else can verify (${reason})`;
  if (fault === "mismatch") return `the parties saw different things, which convicts nobody (${reason})`;
  return reason;
}

/** Whether a handshake or step envelope is of this attempt. */
function belongs(attempt: Attempt, { header }: Envelope): boolean {
  const { subject } = attempt.plan;
  return (
    header.request !== null &&
    equalBytes(header.request, subject.request) &&
    header.attempt === subject.attempt &&
    (header.ssid === null || attempt.runs(header.ssid))
  );
}
