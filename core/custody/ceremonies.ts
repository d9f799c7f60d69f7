/**
 * The attempts of this node: who coordinates, what a setup has to show before it is acknowledged, and what a finished
 * ceremony leads to. A coordinator chooses when, never what: content comes from requests that this node approved itself.
 */
import { assert, CodecError, equalBytes, fromHex, toHex, transcript, type Rng } from "@conclave/bytes";
import { finalizePayment, inputDigests } from "@conclave/bitcoin";
import { signedVoteCodec, type Evidence, type NodeId } from "@conclave/consensus";
import type { Engine } from "@conclave/crypto";
import { keygenProtocol, type KeyShare, type Valid } from "@conclave/keys";
import { ascending, ssidFromAcks, type Abort, type Part, type PartyIndex, type Protocol } from "@conclave/protocol";
import type { Approvals } from "./approvals.ts";
import { Attempt } from "./attempt.ts";
import type { AttemptPlan, Member, SessionPlan } from "./attempt-plan.ts";
import {
  attemptId,
  coordinatorIndex,
  MAX_HELD_KEYS,
  setupCodec,
  subjectRound,
  type AttemptSubject,
  type Setup,
} from "./attempts.ts";
import { nameOf, type KnownPayment, type KnownRequest, type KnownRevision } from "./docket.ts";
import { sealEnvelope, type Envelope, type EnvelopeReader } from "./envelope.ts";
import type { Emit } from "./events.ts";
import type { Identity } from "./identity.ts";
import { decideAttempt, decideSign, decideSpend } from "./locks/index.ts";
import type { KeygenRequestBody } from "./request.ts";
import { resultCodec, type SignedResult } from "./results.ts";
import type { SafetyLog } from "./safety-log.ts";
import type { SigningScheme } from "./scheme.ts";
import type { CustodySettings } from "./settings.ts";
import type { StorageSeal } from "./storage-seal.ts";
import { faultEvidence } from "./tribunal.ts";

/** Handshake and step envelopes that came before what they belong to, per sender; the oldest go first. */
const MAX_EARLY = 64;
/** Attempts kept in memory after their end, so that late messages find out. */
const MAX_ENDED = 64;

const ZEROS = new Uint8Array(32);

export interface CeremonyParts {
  readonly engine: Engine;
  readonly identity: Identity;
  readonly settings: CustodySettings;
  readonly rosterHash: Uint8Array;
  readonly reader: EnvelopeReader;
  readonly log: SafetyLog;
  readonly rng: Rng;
  readonly emit: Emit;
  readonly approvals: Approvals;
  readonly schemes: readonly SigningScheme[];
  readonly banned: () => ReadonlySet<NodeId>;
  readonly keyOf: (wallet: Uint8Array) => Valid<KeyShare> | undefined;
  readonly addKey: (share: KeyShare) => void;
  /** Keys of a purpose: whether one is active, and certificates of those that are not. */
  readonly keysFor: (purpose: string) => { readonly active: boolean; readonly unfinished: readonly Uint8Array[] };
  /** Ask everybody again for the certificate of an unfinished key. */
  readonly collect: (certificate: Uint8Array) => void;
  readonly accuse: (evidence: Evidence) => void;
  readonly storage: StorageSeal;
}

export class Ceremonies {
  readonly #parts: CeremonyParts;
  readonly #keygen: Protocol<unknown, unknown>;
  readonly #attempts = new Map<string, Attempt>();
  readonly #early = new Map<NodeId, Envelope[]>();

  constructor(parts: CeremonyParts) {
    this.#parts = parts;
    this.#keygen = keygenProtocol(parts.engine.secp256k1);
  }

  /** Every protocol that this node runs: what a judge of evidence has to know. */
  static protocols(engine: Engine, schemes: readonly SigningScheme[]): readonly Protocol<unknown, unknown>[] {
    return [keygenProtocol(engine.secp256k1), ...schemes.map(({ protocol }) => protocol)];
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
    const votes = known === undefined ? [] : approvals.votes(entry as KnownPayment, revision, round);
    const refused = this.#takeSlot(subject);
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
      return this.#keepEarly(envelope);
    if (this.#attempts.has(attemptId(setup))) return;
    for (const vote of setup.votes) approvals.addVote(signedVoteCodec.decode(vote));
    const plan = this.#plan(entry, setup);
    const drop = (reason: string): void => {
      emit({ kind: "dropped", from: header.sender, reason: `setup refused: ${reason}` });
      emit({ kind: "declined", request: setup.request, node: header.sender });
    };
    if (typeof plan === "string") return drop(plan);
    if (plan.coordinator !== header.sender) return drop("its sender does not coordinate this attempt");
    const refused = this.#takeSlot(subjectOf(setup));
    if (refused !== null) return drop(refused);
    this.#join(plan, envelope);
  }

  receiveAck(envelope: Envelope): void {
    this.#attemptOf(envelope)?.addAck(envelope);
  }

  receiveBegin(envelope: Envelope): void {
    const attempt = this.#attemptOf(envelope);
    if (attempt === undefined) return this.#keepEarly(envelope);
    attempt.receiveBegin(envelope);
    this.#replayEarly();
  }

  receiveStep(envelope: Envelope, part: Part): void {
    const { ssid } = envelope.header;
    const attempt = ssid && [...this.#attempts.values()].find((candidate) => candidate.runs(ssid));
    if (!attempt) return this.#keepEarly(envelope);
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
  #takeSlot({ request, revision, round, attempt }: AttemptSubject): string | null {
    const decision = decideAttempt(this.#parts.log.state, { request, revision, round, input: 0, attempt });
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
    while (this.#attempts.size >= MAX_ENDED) this.#attempts.delete(this.#attempts.keys().next().value!);
    const { engine, identity, rosterHash: roster, reader, rng, emit, log } = this.#parts;
    const attempt = new Attempt({ engine, identity, roster, reader, rng, emit }, plan, setup);
    this.#attempts.set(attempt.id, attempt);
    const { request, revision } = subject;
    emit({ kind: "joined", request, revision, attempt: subject.attempt, attemptId: attempt.id, coordinator });
    attempt.acknowledge(log.generation);
    this.#replayEarly();
  }

  /** What an attempt would do, or why there can be none. */
  #plan(entry: KnownRequest, subject: AttemptSubject): AttemptPlan | string {
    if (entry.request.kind === "keygen") return this.#planKeygen(entry, entry.request, subject);
    const payment = entry as KnownPayment;
    const known = payment.revisions.get(subject.revision);
    if (known === undefined || !equalBytes(known.digest, subject.digest))
      return "it names a revision that is not known here";
    return this.#planSigning(payment, known, subject);
  }

  #planKeygen(entry: KnownRequest, request: KeygenRequestBody, subject: AttemptSubject): AttemptPlan | string {
    const { settings, rosterHash, addKey } = this.#parts;
    if (subject.revision !== 0 || subject.round !== 0 || !equalBytes(subject.digest, ZEROS))
      return "nothing is voted on here";
    if (request.threshold !== settings.threshold || request.quorum !== settings.quorum) {
      return `this node makes keys with threshold ${settings.threshold} and quorum ${settings.quorum}`;
    }
    if (!this.#parts.schemes.some(({ scheme }) => scheme === request.scheme))
      return `scheme ${request.scheme} is not available here`;
    const purpose = request.purpose === "messages" || request.purpose === `wallet/${settings.network}`;
    if (!purpose) return `this node makes keys for ${settings.network} only`;
    // A wallet has one key: nobody could say which of two addresses is the cluster's.
    const isWallet = request.purpose !== "messages";
    const { active, unfinished } = this.#parts.keysFor(request.purpose);
    if (isWallet && active) return `there is a key for ${request.purpose}`;
    if (isWallet && unfinished.length > MAX_HELD_KEYS) return `too many unfinished keys for ${request.purpose}`;
    const members: Member[] = settings.roster.nodes.map(({ id }, i) => ({ index: (i + 1) as PartyIndex, node: id }));
    const nodes = new Map(members.map(({ index, node }) => [index, fromHex(node)]));
    const { scheme, threshold, quorum } = request;
    const config = { scheme, purpose: request.purpose, threshold, quorum, nodes };
    return {
      ...this.#common(subject, members, request.height, members.length),
      key: ZEROS,
      epoch: 0,
      purpose: isWallet ? request.purpose : null,
      holds: isWallet ? unfinished : [],
      finishHeld: (held) => {
        for (const certificate of held) this.#parts.collect(certificate);
      },
      sessions: (signers, acks) => {
        const facts = {
          suite: this.#keygen.id,
          scheme,
          purpose: request.purpose,
          n: signers.length,
          threshold,
          quorum,
        };
        const ssid = ssidFromAcks(
          "ssid/keygen",
          { ...facts, roster: rosterHash, request: entry.id, attempt: subject.attempt },
          acks,
        );
        return [{ protocol: this.#keygen, ssid, config }];
      },
      commit: () => ({ refused: null }),
      done: ([share]) => addKey(share as KeyShare),
    };
  }

  #planSigning(entry: KnownPayment, known: KnownRevision, subject: AttemptSubject): AttemptPlan | string {
    const { keyOf, log, schemes, banned } = this.#parts;
    const share = keyOf(entry.request.wallet);
    const scheme = schemes.find((candidate) => candidate.scheme === share?.record.scheme);
    if (share === undefined || scheme === undefined) return "this node has no active share of the key";
    const ask = this.#signAsk(entry, known, subject);
    const decision = ask && decideSign(log.state, ask);
    if (decision === undefined || !decision.ok)
      return decision?.reason ?? "the key is not active here, or a member of it is not in the roster";
    const excluded = banned();
    const members = share.record.parties
      .map(({ index, node }) => ({ index, node: toHex(node) as NodeId }))
      .filter(({ node }) => !excluded.has(node));
    const { threshold, epoch } = share.record;
    if (members.length < threshold) return "too few members are not banned";
    if (excluded.has(this.#parts.identity.id))
      return "this node itself is banned: somebody speaks with its keys, or its disk went back";
    return {
      ...this.#common(subject, members, entry.request.height, threshold),
      key: entry.request.wallet,
      epoch,
      purpose: null,
      holds: [],
      finishHeld: () => {},
      sessions: (signers, acks) => this.#signingSessions({ entry, known, subject, share, scheme }, signers, acks),
      commit: ({ ssid }, records) => this.#commitPartial(entry, known, subject, { id: ssid, records }),
      done: (results, signers) =>
        this.#signed(
          entry,
          known,
          results.map((result) => scheme.signature(result)),
          signers,
        ),
    };
  }

  #common(subject: AttemptSubject, members: readonly Member[], height: number, needed: number) {
    const order = members.toSorted((a, b) => a.index - b.index);
    const coordinator = order[coordinatorIndex(order.length, height, subject.attempt)]!.node;
    const convict = (
      _culprit: NodeId,
      abort: Abort,
      { protocol, ssid }: SessionPlan,
      wires: readonly Uint8Array[],
    ): void => {
      for (const wire of wires) this.#parts.accuse(faultEvidence(protocol.id, ssid, abort.publicState, wire));
    };
    return { subject: subjectOf(subject), members: order, height, needed, coordinator, convict };
  }

  /** L2's question, with the votes counted now. */
  #signAsk(entry: KnownPayment, known: KnownRevision, { round }: AttemptSubject) {
    const tally = this.#parts.approvals.tally(entry, known, round);
    if (tally === undefined) return undefined;
    const name = nameOf(entry, known);
    const outpoints = known.view.inputs.map(({ outpoint }) => outpoint);
    const approved = tally.verdict === "approved";
    return { ...name, txid: known.view.txid, outpoints, anchor: null, tally: { ...name, round, approved } };
  }

  /** One session per input. Every field that could make two of them alike is in the session id. */
  #signingSessions(
    {
      entry,
      known,
      subject,
      share,
      scheme,
    }: {
      entry: KnownPayment;
      known: KnownRevision;
      subject: AttemptSubject;
      share: Valid<KeyShare>;
      scheme: SigningScheme;
    },
    signers: readonly PartyIndex[],
    acks: readonly Uint8Array[],
  ): readonly SessionPlan[] {
    return inputDigests(known.view).map(({ digest, branch, index }, input) => {
      const tweak = { path: [branch, index], taproot: { merkleRoot: null } };
      const ssid = ssidFromAcks(
        "ssid/session",
        {
          protocol: scheme.protocol.id,
          key: entry.request.wallet,
          epoch: share.record.epoch,
          setup: share.record.certificate,
          request: entry.id,
          revision: known.digest,
          input,
          tweak: [branch, index, "BIP341 key path"],
          height: entry.request.height,
          round: subject.round,
          attempt: subject.attempt,
          signers: ascending(signers),
        },
        acks,
      );
      const config = scheme.config({
        key: entry.request.wallet,
        share,
        tweak,
        message: digest,
        approval: known.digest,
      });
      return { protocol: scheme.protocol, ssid, config };
    });
  }

  /** L2 and L4 together, in one durable write, before the first partial for any input leaves. */
  #commitPartial(
    entry: KnownPayment,
    known: KnownRevision,
    subject: AttemptSubject,
    nonce: { readonly id: Uint8Array; readonly records: readonly Uint8Array[] },
  ): { readonly refused: string | null } {
    const { log } = this.#parts;
    const ask = this.#signAsk(entry, known, subject);
    const signing = ask && decideSign(log.state, ask);
    if (signing === undefined || !signing.ok)
      return { refused: signing?.reason ?? "the key is not active here, or a member of it is not in the roster" };
    // One nonce per session, bound to the very list, digest and key that it answers.
    const binding = transcript("custody/nonce", { records: [...nonce.records] });
    const spending = decideSpend(log.state, { purpose: "nonce", id: nonce.id, binding });
    if (!spending.ok) return { refused: spending.reason };
    log.commit([...signing.records, ...spending.records]);
    return { refused: null };
  }

  #signed(
    entry: KnownPayment,
    known: KnownRevision,
    signatures: readonly Uint8Array[],
    signers: readonly Member[],
  ): void {
    const { emit, identity, rosterHash, keyOf } = this.#parts;
    const result = {
      request: entry.id,
      revision: known.revision.number,
      digest: known.digest,
      signatures,
      signers: signers.map(({ index }) => index),
    };
    const body = resultCodec.encode(result);
    const fields = { kind: "result" as const, request: entry.id, round: String(known.revision.number) };
    const { wire } = sealEnvelope(identity, rosterHash, fields, body);
    const members = keyOf(entry.request.wallet)!.record.parties.map(({ node }) => toHex(node) as NodeId);
    const others = members.filter((node) => !signers.some((signer) => signer.node === node) && node !== identity.id);
    if (others.length > 0)
      emit({ kind: "send", to: others, wire, topic: `result:${toHex(entry.id)}`, statement: true });
    this.publish(entry, known, result);
  }

  /** Verify a complete set of signatures and hand the transaction to the host. Throws `SignatureRefused`. */
  publish(entry: KnownPayment, known: KnownRevision, result: SignedResult): void {
    const { emit, keyOf, storage } = this.#parts;
    const { rawTx, txid } = finalizePayment(known.view, result.signatures);
    assert(txid === known.view.txid, "the transaction is the approved one");
    const parties = keyOf(entry.request.wallet)?.record.parties ?? [];
    const named = parties.filter(({ index }) => result.signers.includes(index));
    const signers = named.map(({ node }) => toHex(node) as NodeId);
    const sealed = storage.seal(resultCodec.encode(result));
    emit({ kind: "signed", request: entry.id, revision: known.revision.number, rawTx, txid, signers, sealed });
  }

  #attemptOf({ header: { request, attempt, round } }: Envelope): Attempt | undefined {
    if (request === null) return undefined;
    return [...this.#attempts.values()].find(
      ({ plan: { subject } }) =>
        equalBytes(subject.request, request) && subject.attempt === attempt && subjectRound(subject) === round,
    );
  }

  #keepEarly(envelope: Envelope): void {
    const queue = this.#early.get(envelope.header.sender) ?? [];
    queue.push(envelope);
    if (queue.length > MAX_EARLY) queue.shift();
    this.#early.set(envelope.header.sender, queue);
  }

  #replayEarly(): void {
    const waiting = [...this.#early.values()].flat();
    this.#early.clear();
    for (const envelope of waiting) {
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

const subjectOf = ({ request, revision, digest, round, attempt }: Setup | AttemptSubject): AttemptSubject => ({
  request,
  revision,
  digest,
  round,
  attempt,
});
