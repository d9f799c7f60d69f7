/**
 * The votes of a key's members, as this node counts them: each is verified before it counts, and no other node's sum is believed.
 * What the votes decide is told once; votes that contradict each other are evidence.
 */
import { equalBytes, toHex } from "@conclave/bytes";
import {
  doubleVoteEvidence,
  entryOf,
  signedVoteCodec,
  verifyVote,
  type Evidence,
  type NodeId,
  type SignedVote,
  type Tally,
} from "@conclave/consensus";
import type { Engine } from "@conclave/crypto";
import type { KeyShare, Valid } from "@conclave/keys";
import { Dissent } from "./dissent.ts";
import type { Docket, KnownMotion, KnownRequest, KnownRevision } from "./docket.ts";
import type { Emit } from "./events.ts";
import type { CustodySettings } from "./settings.ts";

/** Votes of one voter that arrive before their requests: kept, so that no order of messages loses one. The oldest goes first. */
const MAX_EARLY_VOTES = 64;

export interface VoteCountParts {
  readonly engine: Engine;
  readonly settings: CustodySettings;
  readonly docket: Docket;
  readonly emit: Emit;
  readonly banned: () => ReadonlySet<NodeId>;
  readonly motion: (id: Uint8Array) => KnownMotion | undefined;
  readonly keyOf: (wallet: Uint8Array) => Valid<KeyShare> | undefined;
  readonly accuse: (evidence: Evidence) => void;
}

export class VoteCount {
  readonly #parts: VoteCountParts;
  readonly #dissent: Dissent;
  readonly #early: SignedVote[] = [];
  /** What was told of a request, for as long as the docket keeps it. */
  readonly #verdicts = new WeakMap<KnownMotion, Set<string>>();

  constructor(parts: VoteCountParts) {
    this.#parts = parts;
    this.#dissent = new Dissent(parts);
  }

  /** Verify a vote, keep it, and count. Votes that contradict each other are evidence. */
  add(signed: SignedVote): void {
    const { engine, settings, docket, emit, motion } = this.#parts;
    const { vote } = signed;
    const entry = motion(vote.request);
    if (!verifyVote(engine, settings.roster, signed)) {
      const reason = `InvalidSignature: a vote in the name of ${vote.voter.slice(0, 8)}`;
      return emit({ kind: "dropped", from: null, reason });
    }
    if (entry === undefined) return this.#keepEarly(signed);
    if (!docket.addVote(entry, signed)) return;
    const { request, revision, round, voter, value } = vote;
    emit({ kind: "voted", request, revision, round, voter, value, vote: signedVoteCodec.encode(signed) });
    this.#count(entry, revision, round);
  }

  #keepEarly(signed: SignedVote): void {
    const own = this.#early.filter(({ vote }) => vote.voter === signed.vote.voter);
    const isKnown = own.some(({ signature }) => equalBytes(signature, signed.signature));
    if (isKnown) return;
    if (own.length >= MAX_EARLY_VOTES) this.#early.splice(this.#early.indexOf(own[0]!), 1);
    this.#early.push(signed);
  }

  /** A request or a revision became known: votes on it may have come before. */
  retryEarly(): void {
    for (const vote of this.#early.splice(0)) this.add(vote);
  }

  /** A revision became known: votes on it may have come between the request and it. */
  recountRevision(entry: KnownMotion, number: number): void {
    for (const round of roundsOf(entry, number)) this.#count(entry, number, round);
  }

  /** A node was banned: its votes count no more, which may decide what they had left open. */
  recount(): void {
    for (const { id } of this.#parts.docket.all()) {
      const entry = this.#parts.motion(id);
      for (const number of entry?.revisions.keys() ?? []) this.recountRevision(entry!, number);
    }
  }

  #count(entry: KnownMotion, number: number, round: number): void {
    const known = entry.revisions.get(number);
    const tally = known && this.tally(entry, known, round);
    if (tally === undefined) return;
    for (const contradiction of tally.contradictions) this.#parts.accuse(doubleVoteEvidence(contradiction));
    this.#dissent.note(entry, known!, round, tally);
    const told = this.#verdicts.get(entry) ?? new Set<string>();
    const slot = `${number}.${round}/${tally.verdict}`;
    if (tally.verdict === "open" || told.has(slot)) return;
    this.#verdicts.set(entry, told.add(slot));
    const { verdict, exhausted } = tally;
    this.#parts.emit({ kind: "verdict", request: entry.id, revision: number, round, verdict, exhausted });
  }

  /** The votes on a revision, counted now; undefined for a key that is not active here. */
  tally(entry: KnownMotion, known: KnownRevision, round: number): Tally | undefined {
    const { settings, docket, banned, keyOf } = this.#parts;
    const key = keyOf(entry.request.wallet);
    if (key === undefined) return undefined;
    const { parties, quorum, epoch } = key.record;
    const committee = parties.map(({ node }) => toHex(node) as NodeId);
    // Who left the roster has no vote key any more: until the key is reshared nothing is approved.
    if (committee.some((id) => entryOf(settings.roster, id) === undefined)) return undefined;
    const circumstances = { network: settings.network, banned: banned() };
    return docket.tally(entry, known, round, { committee, quorum, epoch }, circumstances);
  }

  /** Whether the votes of any round approve a revision, as they stand now. */
  isApproved(entry: KnownMotion, known: KnownRevision): boolean {
    const rounds = roundsOf(entry, known.revision.number);
    return rounds.some((round) => this.tally(entry, known, round)?.verdict === "approved");
  }

  /** Votes for a revision in one round, encoded: what a coordinator shows to members that lack some. */
  shown(entry: KnownMotion, number: number, round: number): readonly Uint8Array[] {
    const yes = entry.votes.filter(({ vote }) => vote.revision === number && vote.round === round && vote.value);
    // One of each voter: a liar that says yes in many ways must not make the setup too long.
    const perVoter = new Map(yes.map((signed) => [signed.vote.voter, signed]));
    return [...perVoter.values()].map((signed) => signedVoteCodec.encode(signed));
  }
}

const roundsOf = ({ votes }: KnownRequest, number: number): readonly number[] => [
  ...new Set(votes.filter(({ vote }) => vote.revision === number).map(({ vote }) => vote.round)),
];
