/**
 * Requests that this node knows, and its own votes on them. A vote is cast only after custody has read the whole payment
 * itself, compared it with the request and its own policy, and made the promise durable.
 */
import { toHex, transcript } from "@conclave/bytes";
import { networks, type ScriptType, type Wallet } from "@conclave/bitcoin";
import { signedVoteCodec, signVote, type Evidence, type NodeId } from "@conclave/consensus";
import type { Engine } from "@conclave/crypto";
import type { KeyShare, Scheme, Valid } from "@conclave/keys";
import { Abandons } from "./abandons.ts";
import {
  ballotOf,
  Docket,
  DocketRefused,
  isMotion,
  nameOf,
  outpointsOf,
  topicOf,
  type KnownMotion,
  type KnownRequest,
  type KnownRevision,
} from "./docket.ts";
import type { Envelope, HeaderFields } from "./envelope.ts";
import type { Emit } from "./events.ts";
import type { Identity } from "./identity.ts";
import { decideVote, intentOf, isHeld, type VoteAsk } from "./locks/index.ts";
import { objectionsTo, type VoteCircumstances } from "./objections.ts";
import { Releases } from "./releases.ts";
import { proposalCodec } from "./request.ts";
import type { SafetyLog } from "./safety-log.ts";
import { policyHash, type CustodySettings } from "./settings.ts";
import { Spending, type Objection } from "./spending.ts";
import { VoteCount } from "./vote-count.ts";

export interface ApprovalParts {
  readonly engine: Engine;
  readonly identity: Identity;
  readonly settings: CustodySettings;
  readonly log: SafetyLog;
  readonly emit: Emit;
  readonly banned: () => ReadonlySet<NodeId>;
  readonly nowMs: () => number;
  readonly keyOf: (wallet: Uint8Array) => Valid<KeyShare> | undefined;
  readonly seal: (fields: HeaderFields, body: Uint8Array) => Envelope;
  readonly accuse: (evidence: Evidence) => void;
}

/** Proposal envelopes kept to be passed on; peers that lack older ones ask their origin. */
const MAX_PROPOSALS = 512;
const MAX_PROPOSAL_BYTES = 16 << 20;

export class Approvals {
  readonly docket: Docket;
  readonly abandons: Abandons;
  readonly spending: Spending;
  readonly count: VoteCount;
  readonly releases: Releases;
  readonly #parts: ApprovalParts;
  /** One object per key: derived addresses are kept by it. */
  readonly #wallets = new WeakMap<Valid<KeyShare>, Wallet>();
  readonly #policy: Uint8Array;
  /** Revisions that became known while their proposer was banned: known, so that nobody denies them, and never approved. */
  readonly #tainted = new WeakSet<KnownRevision>();
  /** By hash of the proposal: the origin's envelope, to be passed on as it is. Lost with the process; the origin has more. */
  readonly #proposals = new Map<string, Uint8Array>();
  #proposalBytes = 0;

  constructor(parts: ApprovalParts) {
    this.#parts = parts;
    const questions = {
      motion: (id: Uint8Array) => this.motion(id),
      peersOf: (entry: KnownMotion) => this.#peers(entry),
    };
    this.docket = new Docket({ engine: parts.engine, roster: parts.settings.roster });
    this.count = new VoteCount({ ...parts, ...questions, docket: this.docket });
    const isApproved = (entry: KnownMotion, known: KnownRevision) => this.count.isApproved(entry, known);
    this.releases = new Releases({ ...parts, ...questions, isApproved });
    this.abandons = new Abandons({ ...parts, ...questions, release: (evidence) => this.releases.by(evidence) });
    this.spending = new Spending({ ...parts, ...questions });
    this.#policy = policyHash(parts.settings);
  }

  /**
   * Take in a proposal, own or a peer's, and the votes that arrived before it. `wire`: the envelope that it came in; null
   * for what this node kept itself. Only the node that took a request in may propose for it, or a liar could fill the
   * numbers of its revisions with others; whoever passes a proposal on passes on the origin's own envelope.
   */
  learn(proposal: Uint8Array, from: NodeId, wire: Uint8Array | null): void {
    const content = proposalCodec.decode(proposal);
    if (wire !== null && from !== content.request.origin)
      throw new DocketRefused("only the node that took a request in may propose for it");
    const isNew = this.docket.learn(content, {
      walletOf: (key) => this.walletOf(key),
      isBinding: (entry) => this.#isBinding(entry),
      isSettled: (entry) => this.#isSettled(entry),
    });
    if (wire !== null) this.#keepProposal(proposal, wire);
    if (!isNew) return;
    const { request, revision } = content;
    const entry = this.docket.find(request)!;
    this.#parts.emit({ kind: "proposed", from, request: entry.id, proposal, revision: revision?.number ?? null });
    this.count.retryEarly();
    // Votes may overtake the revision that they are about.
    const paid = this.motion(entry.id);
    if (revision === null || paid === undefined) return;
    const known = paid.revisions.get(revision.number)!;
    if (this.#parts.banned().has(request.origin)) this.#tainted.add(known);
    this.abandons.recall(paid, known);
    this.count.recountRevision(paid, revision.number);
  }

  #keepProposal(proposal: Uint8Array, wire: Uint8Array): void {
    const digest = toHex(proposalDigest(proposal));
    this.#proposalBytes -= this.#proposals.get(digest)?.length ?? 0;
    this.#proposals.set(digest, wire);
    this.#proposalBytes += wire.length;
    while (this.#proposals.size > MAX_PROPOSALS || this.#proposalBytes > MAX_PROPOSAL_BYTES) {
      const [oldest, { length }] = this.#proposals.entries().next().value!;
      this.#proposals.delete(oldest);
      this.#proposalBytes -= length;
    }
  }

  #isBinding(entry: KnownRequest): boolean {
    // What a key generation, a rekey or a presignature promised is in the journal and in the vault, not in its request.
    if (!isMotion(entry)) return false;
    const intent = intentOf(this.#parts.log.state, { wallet: entry.request.wallet, intent: entry.id });
    return (
      intent !== undefined &&
      !intent.ended &&
      [...intent.contents].some(([number, content]) => isHeld(intent, number, content))
    );
  }

  /** What is paid and buried is told by the chain from now on. */
  #isSettled({ request, id }: KnownRequest): boolean {
    return (
      request.kind === "payment" &&
      intentOf(this.#parts.log.state, { wallet: request.wallet, intent: id })?.ended === true
    );
  }

  walletOf(key: Uint8Array): Wallet | undefined {
    const share = this.#parts.keyOf(key);
    if (share === undefined || share.record.purpose !== `wallet/${this.#parts.settings.network}`) return undefined;
    const known = this.#wallets.get(share);
    if (known !== undefined) return known;
    const { publicKey, chainCode } = share.record;
    const wallet: Wallet = {
      network: networks[this.#parts.settings.network],
      scriptType: scriptTypeOf(share.record.scheme),
      publicKey: this.#parts.engine.secp256k1.encode(publicKey),
      chainCode,
      group: this.#parts.engine.secp256k1,
    };
    this.#wallets.set(share, wallet);
    return wallet;
  }

  /** A request that is voted on; undefined if this node does not know it, or nobody votes on its kind. */
  motion(id: Uint8Array): KnownMotion | undefined {
    const entry = this.docket.get(id);
    return entry !== undefined && isMotion(entry) ? entry : undefined;
  }

  /**
   * Vote. A yes is refused (`objected`) if the payment is not what was asked for, breaks the policy, or a lock forbids it;
   * the host may ask again when the circumstances have changed. A no promises nothing. A vote that was cast stays as it was:
   * asked again, after a crash that may have lost it, this node says the same again, whatever it is asked to say.
   */
  vote(id: Uint8Array, number: number, value: boolean, circumstances: VoteCircumstances): void {
    const entry = this.motion(id);
    const known = entry?.revisions.get(number);
    const key = entry && this.#parts.keyOf(entry.request.wallet);
    if (entry === undefined || known === undefined || key === undefined) return;
    const { round } = circumstances;
    const cast = intentOf(this.#parts.log.state, nameOf(entry, known))?.ballots.get(number)?.get(round)?.value;
    const objections = cast === undefined && value ? this.#objections(entry, known, circumstances) : [];
    if (objections.length > 0) {
      return this.#parts.emit({ kind: "objected", request: id, revision: number, objections });
    }
    this.#cast(entry, known, { round, value: cast ?? value, epoch: key.record.epoch });
  }

  #objections(entry: KnownMotion, known: KnownRevision, circumstances: VoteCircumstances): readonly Objection[] {
    if (this.#tainted.has(known))
      return [{ code: "origin-banned", message: "the node that proposes this was banned before it was known here" }];
    return objectionsTo({ ...this.#parts, spending: this.spending }, entry, known, circumstances);
  }

  #cast(
    entry: KnownMotion,
    known: KnownRevision,
    { round, value, epoch }: { round: number; value: boolean; epoch: number },
  ): void {
    const { log, settings, identity, emit } = this.#parts;
    const { policies: _unpinned, ...ballot } = ballotOf(entry.request, this.#subject(entry, known, round, epoch));
    const ask: VoteAsk = {
      ...nameOf(entry, known),
      round,
      value,
      context: transcript("custody/vote-context", { epoch, policy: this.#policy, network: settings.network }),
      outpoints: outpointsOf(known),
      anchor: null,
    };
    const decision = decideVote(log.state, ask);
    if (!decision.ok) {
      const objection = { code: decision.code, message: decision.reason };
      return emit({ kind: "objected", request: entry.id, revision: ask.revision, objections: [objection] });
    }
    // The limit per day holds across a crash: what counts against it is as durable as the vote, in one write.
    const isNew = decision.records.length > 0;
    log.commit([...(isNew && value ? this.spending.promises(entry) : []), ...decision.records]);
    const generation = intentOf(log.state, ask)!.ballots.get(ask.revision)!.get(round)!.position;
    const signed = signVote(identity.vote, {
      ...ballot,
      domain: "conclave/vote/v1",
      policy: this.#policy,
      generation,
      voter: identity.id,
      value,
    });
    const fields = { kind: "vote" as const, request: entry.id, round: `${ask.revision}.${round}` };
    const envelope = this.#parts.seal(fields, signedVoteCodec.encode(signed));
    emit({ kind: "send", to: this.#peers(entry), wire: envelope.wire, topic: topicOf(entry.id), statement: true });
    this.count.add(signed);
  }

  #subject(entry: KnownMotion, { digest, revision }: KnownRevision, round: number, epoch: number) {
    const { roster, network } = this.#parts.settings;
    return { cluster: roster.cluster, network, request: entry.id, number: revision.number, digest, round, epoch };
  }

  /** Send a peer what this node knows of a request and has signed about it. */
  republish(id: Uint8Array, to: NodeId): void {
    const entry = this.docket.get(id);
    if (entry === undefined) return;
    const send = (fields: HeaderFields, body: Uint8Array): void =>
      this.#parts.emit({
        kind: "send",
        to: [to],
        wire: this.#parts.seal(fields, body).wire,
        topic: topicOf(id),
        statement: true,
      });
    const revisions =
      entry.revisions.size === 0 ? [null] : [...entry.revisions.values()].map(({ revision }) => revision);
    for (const revision of revisions) {
      const proposal = proposalCodec.encode({ request: entry.request, revision });
      const wire = this.#proposals.get(toHex(proposalDigest(proposal)));
      const fields = { kind: "proposal" as const, request: id, round: String(revision?.number ?? 0) };
      if (wire !== undefined) this.#parts.emit({ kind: "send", to: [to], wire, topic: topicOf(id), statement: true });
      else if (entry.request.origin === this.#parts.identity.id) send(fields, proposal);
    }
    for (const signed of entry.votes) {
      const { voter, revision, round } = signed.vote;
      if (voter !== this.#parts.identity.id) continue;
      send({ kind: "vote", request: id, round: `${revision}.${round}` }, signedVoteCodec.encode(signed));
    }
    const payment = this.motion(id);
    if (payment === undefined) return;
    this.abandons.republish(payment, to);
    this.spending.republish(payment, to);
  }

  #peers(entry: KnownMotion): readonly NodeId[] {
    const members = this.#parts.keyOf(entry.request.wallet)?.record.parties ?? [];
    return members.map(({ node }) => toHex(node) as NodeId).filter((node) => node !== this.#parts.identity.id);
  }
}

/** House rule: Taproot by FROST, P2WPKH by threshold ECDSA. */
const scriptTypeOf = (scheme: Scheme): ScriptType => (scheme === "frost-secp256k1-taproot" ? "p2tr" : "p2wpkh");

const proposalDigest = (proposal: Uint8Array): Uint8Array => transcript("custody/proposal", { proposal });
