/**
 * The attempts of this node: who coordinates, what a setup has to show before it is acknowledged, and what a finished
 * ceremony leads to. A coordinator chooses when, never what: content comes from requests that this node approved itself.
 */
import { CodecError, equalBytes, toHex } from "@conclave/bytes";
import { signedVoteCodec, type NodeId } from "@conclave/consensus";
import type { Part, Protocol } from "@conclave/protocol";
import { Attempt } from "./attempt.ts";
import { subjectOf, type AttemptPlan } from "./attempt-plan.ts";
import { attemptId, setupCodec, subjectRound, type AttemptSubject } from "./attempts.ts";
import type { CeremonyParts } from "./ceremony-parts.ts";
import { isMotion, type KnownMotion, type KnownRequest, type KnownRevision } from "./docket.ts";
import { EarlyEnvelopes } from "./early.ts";
import { sealEnvelope, type Envelope } from "./envelope.ts";
import { planKeygen } from "./keygen-plan.ts";
import { decideAttempt } from "./locks/index.ts";
import { planPresign } from "./presign-plan.ts";
import { planRekey } from "./rekey-plan.ts";
import type { SignedResult } from "./results.ts";
import type { SigningScheme } from "./scheme.ts";
import { planSigning, publish } from "./signing-plan.ts";

/** Attempts kept in memory after their end, so that late messages find out. */
const MAX_ENDED = 64;
/** Attempts of one coordinator that run at once: more payments than a node signs in the time that one takes. */
const MAX_LIVE_PER_COORDINATOR = 64;

const ZEROS = new Uint8Array(32);

export class Ceremonies {
  readonly #parts: CeremonyParts;
  readonly #attempts = new Map<string, Attempt>();
  readonly #early = new EarlyEnvelopes();

  constructor(parts: CeremonyParts) {
    this.#parts = parts;
  }

  /** Every protocol that this node runs: what a judge of evidence has to know. */
  static protocols(schemes: readonly SigningScheme[]): readonly Protocol<unknown, unknown>[] {
    return schemes.flatMap(({ keygen, edges, presigning, protocol }) => [
      keygen as Protocol<unknown, unknown>,
      ...(edges === null ? [] : [edges.protocol]),
      ...(presigning === null ? [] : [presigning.protocol, presigning.finish]),
      protocol,
    ]);
  }

  /** Presignatures that waiting attempts have offered. */
  reserved(): ReadonlySet<string> {
    const waiting = [...this.#attempts.values()].filter(({ ended, begun }) => !ended && !begun);
    return new Set(waiting.flatMap(({ plan }) => plan.offers ?? []).map(({ id }) => toHex(id)));
  }

  /** The edge to a member is no more: what both sign at this moment is not to be continued. */
  abandonWith(key: Uint8Array, member: NodeId, reason: string): void {
    for (const attempt of this.#attempts.values())
      if (equalBytes(attempt.plan.key, key) && attempt.signsWith(member)) attempt.giveUp(reason);
  }

  /** Two members lost the edge that a setup made: an attempt in which both sign along it will not come to its end. */
  abandonBetween(key: Uint8Array, ends: readonly [NodeId, NodeId], setup: Uint8Array): void {
    for (const attempt of this.#attempts.values())
      if (equalBytes(attempt.plan.key, key) && attempt.relies(...ends, setup))
        attempt.giveUp("two of its signers lost their edge");
  }

  /** As coordinator: ask everyone eligible. Says why not if the rules forbid it. */
  open(request: Uint8Array, revision: number, round: number, attempt: number): void {
    const { approvals, identity, rosterHash, emit } = this.#parts;
    const entry = approvals.docket.get(request);
    if (entry === undefined) return;
    const known = entry.revisions.get(revision);
    const subject: AttemptSubject = { request, revision, digest: known?.digest ?? ZEROS, round, attempt };
    const plan = this.#plan(entry, subject);
    if (typeof plan === "string") return emit({ kind: "dropped", from: null, reason: `attempt not opened: ${plan}` });
    if (plan.coordinator !== identity.id || this.#attempts.has(attemptId(subject))) return;
    const votes = known === undefined ? [] : approvals.count.shown(entry as KnownMotion, revision, round);
    const refused = this.#takeSlot(subject, plan.members.length);
    if (refused !== null) return emit({ kind: "dropped", from: null, reason: `attempt not opened: ${refused}` });

    const fields = { kind: "setup" as const, request, attempt, round: subjectRound(subject) };
    const setup = sealEnvelope(identity, rosterHash, fields, setupCodec.encode({ ...subject, votes }));
    const to = plan.members.map(({ node }) => node).filter((node) => node !== identity.id);
    emit({ kind: "send", to, wire: setup.wire, topic: attemptId(subject) });
    this.#join(plan, setup);
  }

  /** A coordinator asks. Everything it says is checked against what this node approved and promised. */
  receiveSetup(envelope: Envelope): void {
    const { approvals, emit } = this.#parts;
    const setup = setupCodec.decode(envelope.body);
    const { header } = envelope;
    if (!equalBytes(header.request!, setup.request) || header.attempt !== setup.attempt) return;
    if (header.round !== subjectRound(setup)) return;
    const entry = approvals.docket.get(setup.request);
    if (entry === undefined || (setup.revision > 0 && !entry.revisions.has(setup.revision)))
      return this.#early.keep(envelope);
    if (this.#attempts.has(attemptId(setup))) return;
    for (const vote of setup.votes) approvals.count.add(signedVoteCodec.decode(vote));
    const plan = this.#plan(entry, setup);
    const drop = (reason: string): void => {
      emit({ kind: "dropped", from: header.sender, reason: `setup refused: ${reason}` });
      emit({ kind: "declined", request: setup.request, node: header.sender });
    };
    if (typeof plan === "string") return drop(plan);
    if (plan.coordinator !== header.sender) return drop("its sender does not coordinate this attempt");
    const refused = this.#takeSlot(subjectOf(setup), plan.members.length);
    if (refused !== null) return drop(refused);
    this.#join(plan, envelope);
  }

  receiveAck(envelope: Envelope): void {
    this.#attemptOf(envelope)?.addAck(envelope);
  }

  receiveBegin(envelope: Envelope): void {
    const attempt = this.#attemptOf(envelope);
    if (attempt === undefined) return this.#early.keep(envelope);
    attempt.receiveBegin(envelope);
    this.#replayEarly();
  }

  receiveStep(envelope: Envelope, part: Part): void {
    const { ssid } = envelope.header;
    const attempt = ssid && [...this.#attempts.values()].find((candidate) => candidate.runs(ssid));
    if (!attempt) return this.#early.keep(envelope);
    attempt.receiveStep(envelope, part);
  }

  begin(id: string, avoid: ReadonlySet<NodeId>): void {
    this.#attempts.get(id)?.begin(avoid);
    this.#replayEarly();
  }

  expire(id: string): void {
    this.#attempts.get(id)?.expire();
  }

  /** A request came in: handshakes that waited for it can go on. */
  retryEarly(): void {
    this.#replayEarly();
  }

  /** L3: one slot, once, durable before anything of the attempt leaves. One slot covers all inputs: they share one ack. */
  #takeSlot({ request, revision, round, attempt }: AttemptSubject, coordinators: number): string | null {
    const slot = { request, revision, round, input: 0, attempt };
    const decision = decideAttempt(this.#parts.log.state, slot, coordinators);
    if (!decision.ok) return decision.reason;
    this.#parts.log.commit(decision.records);
    return null;
  }

  #join(plan: AttemptPlan, setup: Envelope): void {
    const { subject, coordinator } = plan;
    for (const [id, older] of this.#attempts) {
      const samePurpose = plan.purpose !== null && older.plan.purpose === plan.purpose;
      if (!samePurpose && !equalBytes(older.plan.subject.request, subject.request)) continue;
      if (!older.ended) older.close();
      this.#parts.emit({ kind: "close", topic: id });
    }
    this.#makeRoom(coordinator);
    const { engine, identity, rosterHash: roster, reader, rng, emit, log } = this.#parts;
    const attempt = new Attempt({ engine, identity, roster, reader, rng, emit }, plan, setup);
    this.#attempts.set(attempt.id, attempt);
    const { request, revision } = subject;
    emit({ kind: "joined", request, revision, attempt: subject.attempt, attemptId: attempt.id, coordinator });
    attempt.acknowledge(log.generation);
    this.#replayEarly();
  }

  /** What has ended goes first; a coordinator that opens too much ends what it opened before, what has not begun first, and nobody else's. */
  #makeRoom(coordinator: NodeId): void {
    const own = [...this.#attempts.values()].filter(({ ended, plan }) => !ended && plan.coordinator === coordinator);
    const oldest = own.find(({ begun }) => !begun) ?? own[0];
    if (own.length >= MAX_LIVE_PER_COORDINATOR) oldest?.giveUp("its coordinator opened too many others");
    const over = [...this.#attempts].filter(([, { ended }]) => ended);
    for (const [id] of over.slice(0, Math.max(0, over.length - MAX_ENDED + 1))) this.#attempts.delete(id);
  }

  /** What an attempt would do, or why there can be none. */
  #plan(entry: KnownRequest, subject: AttemptSubject): AttemptPlan | string {
    if (entry.request.kind === "keygen") return planKeygen(this.#parts, entry, entry.request, subject);
    if (entry.request.kind === "presign") return planPresign(this.#parts, entry, entry.request, subject);
    if (entry.request.kind === "rekey") return planRekey(this.#parts, entry, entry.request, subject);
    if (!isMotion(entry)) return "nobody signs for it";
    const known = entry.revisions.get(subject.revision);
    if (known === undefined || !equalBytes(known.digest, subject.digest))
      return "it names a revision that is not known here";
    return planSigning(this.#parts, { entry, known, subject });
  }

  /** Verify a complete set of signatures and hand what they complete to the host. Throws `SignatureRefused`. */
  publish(entry: KnownMotion, known: KnownRevision, result: SignedResult): void {
    publish(this.#parts, entry, known, result);
  }

  #attemptOf({ header: { request, attempt, round } }: Envelope): Attempt | undefined {
    if (request === null) return undefined;
    return [...this.#attempts.values()].find(
      ({ plan: { subject } }) =>
        equalBytes(subject.request, request) && subject.attempt === attempt && subjectRound(subject) === round,
    );
  }

  #replayEarly(): void {
    for (const envelope of this.#early.take()) {
      try {
        if (envelope.header.kind === "setup") this.receiveSetup(envelope);
        else if (envelope.header.kind === "begin") this.receiveBegin(envelope);
        else this.receiveStep(envelope, envelope.header.kind.slice("step/".length) as Part);
      } catch (error) {
        if (!(error instanceof CodecError)) throw error;
        this.#parts.emit({ kind: "dropped", from: envelope.header.sender, reason: error.message });
      }
    }
  }
}
