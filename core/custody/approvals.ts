/**
 * Requests, votes and abandons of this node. A vote is cast only after custody has read the whole payment itself, compared
 * it with the request and its own policy, and made the promise durable; other nodes' votes are verified before they count.
 */
import { assert, concatBytes, equalBytes, toHex, transcript } from "@conclave/bytes";
import {
  checkPayment,
  networks,
  outpointKey,
  refuseTransactionPreimage,
  spends,
  verifyInclusion,
  type InclusionClaim,
  type KnownCoin,
  type PaymentPolicy,
  type ScriptType,
  type Wallet,
} from "@conclave/bitcoin";
import {
  doubleVoteEvidence,
  entryOf,
  signedVoteCodec,
  signVote,
  verifyVote,
  type Evidence,
  type NodeId,
  type SignedVote,
  type Tally,
} from "@conclave/consensus";
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
  signedName,
  topicOf,
  type KnownMotion,
  type KnownRequest,
  type KnownRevision,
} from "./docket.ts";
import { Dissent } from "./dissent.ts";
import type { Envelope, HeaderFields } from "./envelope.ts";
import type { Emit } from "./events.ts";
import type { Identity } from "./identity.ts";
import { decideRelease, decideVote, intentOf, isHeld, type ReleaseEvidence, type VoteAsk } from "./locks/index.ts";
import { proposalCodec, type MessageRequestBody } from "./request.ts";
import type { SafetyLog } from "./safety-log.ts";
import { policyHash, type CustodySettings } from "./settings.ts";
import { Spending } from "./spending.ts";

/** Votes of one voter that arrive before their requests: kept, so that no order of messages loses one. */
const MAX_EARLY_VOTES = 64;

/** What the host knows of the chain when it asks for a vote. Custody believes it in nothing that could move money. */
export interface VoteCircumstances {
  readonly round: number;
  readonly coins: readonly KnownCoin[];
  readonly tipHeight: number;
  readonly changeIndex: PaymentPolicy["changeIndex"];
  /** Ids of our own waiting transactions that this revision replaces. */
  readonly replaces: readonly string[];
}

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
const MAX_PROPOSALS = 2_048;
const MAX_PROPOSAL_BYTES = 64 << 20;

export class Approvals {
  readonly docket: Docket;
  readonly abandons: Abandons;
  readonly spending: Spending;
  readonly #dissent: Dissent;
  readonly #parts: ApprovalParts;
  /** One object per key: derived addresses are kept by it. */
  readonly #wallets = new WeakMap<Valid<KeyShare>, Wallet>();
  readonly #policy: Uint8Array;
  readonly #earlyVotes: SignedVote[] = [];
  readonly #verdicts = new Set<string>();
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
    this.abandons = new Abandons({ ...parts, ...questions, release: (evidence) => this.#release(evidence) });
    this.spending = new Spending({ ...parts, ...questions });
    this.#dissent = new Dissent(parts);
    this.docket = new Docket({ engine: parts.engine, roster: parts.settings.roster });
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
    });
    if (wire !== null) this.#keepProposal(proposal, wire);
    if (!isNew) return;
    const { request, revision } = content;
    const entry = this.docket.find(request)!;
    this.#parts.emit({ kind: "proposed", from, request: entry.id, proposal, revision: revision?.number ?? null });
    for (const vote of this.#earlyVotes.splice(0)) this.addVote(vote);
    // Votes may overtake the revision that they are about.
    const paid = this.motion(entry.id);
    if (revision === null || paid === undefined) return;
    const known = paid.revisions.get(revision.number)!;
    if (this.#parts.banned().has(request.origin)) this.#tainted.add(known);
    this.abandons.recall(paid, known);
    for (const round of roundsOf(paid, revision.number)) this.#count(paid, revision.number, round);
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

  #objections(
    entry: KnownMotion,
    known: KnownRevision,
    circumstances: VoteCircumstances,
  ): readonly { readonly code: string; readonly message: string }[] {
    if (this.#tainted.has(known))
      return [{ code: "origin-banned", message: "the node that proposes this was banned before it was known here" }];
    const { coins, tipHeight, changeIndex, replaces } = circumstances;
    const { request } = entry;
    if (request.kind !== "payment") return this.#messageObjections(request);
    assert(known.content.kind === "payment", "a payment's revision pays");
    const { view } = known.content;
    const objections = checkPayment(view, {
      request: request.payment,
      policy: { ...this.#parts.settings.policy, changeIndex },
      findCoin: (outpoint) => coins.find((coin) => outpointKey(coin.outpoint) === outpointKey(outpoint)),
      tipHeight,
      replaces: new Set(replaces),
    });
    const all = [...objections, ...this.spending.objections(entry, request.payment)];
    if (all.length > 0) return all;
    // A person is asked only about what nothing else stands against.
    const waits = this.spending.waits(entry, request.payment, view, known.revision.number);
    return waits === null ? [] : [waits];
  }

  /** A message key signs no transaction, whatever it is offered as; and only what its operators can read, unless they say so. */
  #messageObjections(request: MessageRequestBody): readonly { readonly code: string; readonly message: string }[] {
    const purpose = this.#parts.keyOf(request.wallet)?.record.purpose;
    if (purpose !== "messages") return [{ code: "not-a-message-key", message: `the key is for ${purpose}` }];
    if (request.kind === "digest") {
      if (this.#parts.settings.rawDigests) return [];
      const message = "this node signs messages that it can read; its operator may allow bare hashes";
      return [{ code: "raw-digest", message }];
    }
    const refusal = refuseTransactionPreimage(request.message, request.hash);
    return refusal === null ? [] : [{ code: refusal.code, message: refusal.message }];
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
    this.addVote(signed);
  }

  #subject(entry: KnownMotion, { digest, revision }: KnownRevision, round: number, epoch: number) {
    const { roster, network } = this.#parts.settings;
    return { cluster: roster.cluster, network, request: entry.id, number: revision.number, digest, round, epoch };
  }

  /** Verify a vote, keep it, and count. Votes that contradict each other are evidence. */
  addVote(signed: SignedVote): void {
    const { vote } = signed;
    const entry = this.motion(vote.request);
    if (!verifyVote(this.#parts.engine, this.#parts.settings.roster, signed)) {
      return this.#parts.emit({
        kind: "dropped",
        from: null,
        reason: `InvalidSignature: a vote in the name of ${vote.voter.slice(0, 8)}`,
      });
    }
    if (entry === undefined) return this.#keepEarly(signed);
    if (!this.docket.addVote(entry, signed)) return;
    const { request, revision, round, voter, value } = vote;
    this.#parts.emit({ kind: "voted", request, revision, round, voter, value, vote: signedVoteCodec.encode(signed) });
    this.#count(entry, revision, round);
  }

  #keepEarly(signed: SignedVote): void {
    const own = this.#earlyVotes.filter(({ vote }) => vote.voter === signed.vote.voter);
    const isKnown = own.some(({ signature }) => equalBytes(signature, signed.signature));
    if (!isKnown && own.length < MAX_EARLY_VOTES) this.#earlyVotes.push(signed);
  }

  /** A node was banned: its votes count no more, which may decide what they had left open. */
  recount(): void {
    for (const { id } of this.docket.all()) {
      const entry = this.motion(id);
      for (const number of entry?.revisions.keys() ?? [])
        for (const round of roundsOf(entry!, number)) this.#count(entry!, number, round);
    }
  }

  #count(entry: KnownMotion, number: number, round: number): void {
    const known = entry.revisions.get(number);
    const tally = known && this.tally(entry, known, round);
    if (tally === undefined) return;
    for (const contradiction of tally.contradictions) this.#parts.accuse(doubleVoteEvidence(contradiction));
    this.#dissent.note(entry, known!, round, tally);
    const slot = `${toHex(entry.id)}/${number}.${round}/${tally.verdict}`;
    if (tally.verdict === "open" || this.#verdicts.has(slot)) return;
    this.#verdicts.add(slot);
    const { verdict, exhausted } = tally;
    this.#parts.emit({ kind: "verdict", request: entry.id, revision: number, round, verdict, exhausted });
  }

  /** The votes on a revision, counted now. */
  tally(entry: KnownMotion, known: KnownRevision, round: number): Tally | undefined {
    const key = this.#parts.keyOf(entry.request.wallet);
    if (key === undefined) return undefined;
    const { parties, quorum, epoch } = key.record;
    const committee = parties.map(({ node }) => toHex(node) as NodeId);
    // Who left the roster has no vote key any more: until the key is reshared nothing is approved.
    if (committee.some((id) => entryOf(this.#parts.settings.roster, id) === undefined)) return undefined;
    const circumstances = { network: this.#parts.settings.network, banned: this.#parts.banned() };
    return this.docket.tally(entry, known, round, { committee, quorum, epoch }, circumstances);
  }

  /** Votes on a revision in one round, encoded: what a coordinator shows to members that lack some. */
  votes(entry: KnownMotion, number: number, round: number): readonly Uint8Array[] {
    const yes = entry.votes.filter(({ vote }) => vote.revision === number && vote.round === round && vote.value);
    // One of each voter: a liar that says yes in many ways must not make the setup too long.
    const perVoter = new Map(yes.map((signed) => [signed.vote.voter, signed]));
    return [...perVoter.values()].map((signed) => signedVoteCodec.encode(signed));
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

  /**
   * Free what a buried transaction decides, after checking the proof: our own payment ends the request; a foreign spend of
   * the anchor makes every revision that needs it impossible. Throws `InclusionRefused` on a proof that does not hold.
   */
  releaseBySpend(id: Uint8Array, claim: Omit<InclusionClaim, "depth" | "network">): void {
    const entry = this.motion(id);
    if (entry?.request.kind !== "payment") return;
    const { burialDepth, network } = this.#parts.settings;
    const { txid } = verifyInclusion({ ...claim, depth: burialDepth, network: networks[network] });
    const common = {
      wallet: entry.request.wallet,
      intent: entry.id,
      proof: transcript("custody/burial", { rawTx: claim.rawTx, headers: concatBytes(...claim.headers) }),
    };
    const paid = [...entry.revisions.values()].find((known) => signedName(known) === txid);
    if (paid !== undefined && this.#wasApproved(entry, paid)) {
      return this.#release({ ...common, reason: "buried-payment" });
    }
    const anchor = intentOf(this.#parts.log.state, common)?.anchor;
    const outpoint = spends(claim.rawTx).outpoints.find((spent) => outpointKey(spent) === anchor);
    if (outpoint !== undefined) this.#release({ ...common, reason: "foreign-spend", outpoint, spender: txid });
  }

  /** Anybody can propose the PSBT of another, finished payment as a revision: only what was voted for pays a request. */
  #wasApproved(entry: KnownMotion, known: KnownRevision): boolean {
    const own = intentOf(this.#parts.log.state, nameOf(entry, known))?.contents.get(known.revision.number);
    if (own?.digest === toHex(known.digest)) return true;
    const rounds = roundsOf(entry, known.revision.number);
    return rounds.some((round) => this.tally(entry, known, round)?.verdict === "approved");
  }

  #release(evidence: ReleaseEvidence): void {
    const { log, emit } = this.#parts;
    const decision = decideRelease(log.state, evidence);
    if (!decision.ok || decision.records.length === 0) return;
    log.commit(decision.records);
    emit({ kind: "released", request: evidence.intent, reason: evidence.reason });
  }

  #peers(entry: KnownMotion): readonly NodeId[] {
    const members = this.#parts.keyOf(entry.request.wallet)?.record.parties ?? [];
    return members.map(({ node }) => toHex(node) as NodeId).filter((node) => node !== this.#parts.identity.id);
  }
}

/** House rule: Taproot by FROST, P2WPKH by threshold ECDSA. */
const scriptTypeOf = (scheme: Scheme): ScriptType => (scheme === "frost-secp256k1-taproot" ? "p2tr" : "p2wpkh");

const roundsOf = ({ votes }: KnownRequest, number: number): readonly number[] => [
  ...new Set(votes.filter(({ vote }) => vote.revision === number).map(({ vote }) => vote.round)),
];

const proposalDigest = (proposal: Uint8Array): Uint8Array => transcript("custody/proposal", { proposal });
