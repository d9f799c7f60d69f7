/**
 * Counts the votes of one round. The tally verifies every vote itself and takes no count from anyone, so whoever holds the
 * votes holds the proof of the approval, and a forged store, coordinator or message can at most leave votes out.
 *
 * - A voter is counted once. The same vote again, or again at another journal position, changes nothing.
 * - A voter that contradicts itself in this slot is not counted at all, whichever of its votes arrived first.
 * - Banned and contradicting voters are *excluded*: they can never add a yes, so they count against reaching the quorum
 *   exactly like a no. A voter whose only vote is foreign (other digest, old policy, old window) counts as silent here.
 * - A policy is its voter's own and may differ from node to node. A ballot pins it per voter where this node knows it; a
 *   voter without a pin counts under the one policy it signed. Two policies from one voter in one round are a contradiction
 *   like any other: a node whose policy changed votes again in a new round.
 *
 * The result depends on the set of votes only, never on their order or repetition. Every vote that names this slot costs a
 * verification; whoever collects votes needs to keep no more than two that contradict each other per voter.
 */
import { compareBytes, equalBytes } from "@conclave/bytes";
import type { Engine } from "@conclave/crypto";
import { toleratedFaults, type NodeId, type Roster } from "./roster.ts";
import { contradicts, signedVoteCodec, verifyVote, type SignedVote, type Vote } from "./vote.ts";

/** The fields of a vote that its voter decides alone. */
type VotersOwn = "domain" | "generation" | "voter" | "value" | "policy";

/** What exactly is voted on: every field that a vote must match to count, and the policies known to be in force. */
export interface Ballot extends Omit<Vote, VotersOwn> {
  /** The policy hash under which a voter's vote counts. A voter without an entry is not pinned. */
  readonly policies: ReadonlyMap<NodeId, Uint8Array>;
}

/** Who may vote, and how many must say yes. */
export interface Electorate {
  readonly roster: Roster;
  /** The nodes that hold the key voted on, all of them in the roster. */
  readonly committee: readonly NodeId[];
  /** q: the verified yes votes that approve. */
  readonly quorum: number;
  /** Who is banned now; see `bannedAt`. */
  readonly banned: ReadonlySet<NodeId>;
}

/**
 * Why a vote was not counted: `voter` does not hold this key, `banned`, `signature` is not the voter's, or the name of the
 * first field in which the vote is about something else.
 */
export type ForeignReason = "voter" | "banned" | "signature" | "policy" | keyof Omit<Vote, VotersOwn>;

/** A vote that was not counted. */
export interface ForeignVote {
  readonly vote: SignedVote;
  readonly reason: ForeignReason;
}

/** Two votes of one voter that contradict each other, both verified; the lower encoding first. */
export interface Contradiction {
  readonly first: SignedVote;
  readonly second: SignedVote;
}

/**
 * - `approved`: q verified yes votes
 * - `rejected`: q can no longer be reached: more than n − q voters said no or are excluded
 * - `open`: neither
 */
export type Verdict = "approved" | "rejected" | "open";

/** The outcome of a ballot, as far as the votes at hand show it. All lists are in ascending order. */
export interface Tally {
  readonly verdict: Verdict;
  /** `rejected` for want of voters, not by their no: so many are excluded that q yes votes cannot come together. */
  readonly exhausted: boolean;
  readonly yes: readonly NodeId[];
  readonly no: readonly NodeId[];
  readonly equivocators: readonly NodeId[];
  /** One proof per equivocator: evidence for a ban. */
  readonly contradictions: readonly Contradiction[];
  /** Every other vote that was handed in and not counted. */
  readonly foreign: readonly ForeignVote[];
}

/** Throws `RangeError` on an electorate in which two contents could both be approved. */
export function tally(engine: Engine, electorate: Electorate, ballot: Ballot, votes: Iterable<SignedVote>): Tally {
  checkElectorate(electorate);
  const foreign: ForeignVote[] = [];
  const perVoter = new Map<NodeId, SignedVote[]>();
  for (const vote of votes) {
    const reason = dismissal(engine, electorate, ballot, vote);
    if (reason !== undefined) foreign.push({ vote, reason });
    else perVoter.set(vote.vote.voter, [...(perVoter.get(vote.vote.voter) ?? []), vote]);
  }
  const contradictions: Contradiction[] = [];
  const yes: NodeId[] = [];
  const no: NodeId[] = [];
  for (const [voter, own] of perVoter) {
    const contradiction = contradictionIn(own);
    const reason = foreignField(ballot, own[0]!.vote);
    if (contradiction !== undefined) contradictions.push(contradiction);
    else if (reason !== undefined) foreign.push(...own.map((vote) => ({ vote, reason })));
    else (own[0]!.vote.value ? yes : no).push(voter);
  }
  contradictions.sort((a, b) => (a.first.vote.voter < b.first.vote.voter ? -1 : 1));
  const equivocators = contradictions.map(({ first }) => first.vote.voter);
  return {
    ...decide(electorate, { yes: yes.length, no: no.length, equivocators }),
    yes: yes.sort(),
    no: no.sort(),
    equivocators,
    contradictions,
    foreign: inOrder(foreign),
  };
}

/** True at the ledger heights at which votes on this ballot count: `fromHeight` to `toHeight`, both included. */
export const ballotOpenAt = (ballot: Ballot, height: number): boolean =>
  height >= ballot.fromHeight && height <= ballot.toHeight;

function checkElectorate({ roster, committee, quorum }: Electorate): void {
  const n = committee.length;
  const known = new Set(roster.nodes.map(({ id }) => id));
  if (new Set(committee).size !== n || !committee.every((id) => known.has(id)))
    throw new RangeError("a committee names nodes of the roster, each once");
  // Half of the rule for thresholds and quorums (q ≥ t and q + t > n + f): two quorums share more than the liars.
  if (!Number.isInteger(quorum) || quorum > n || 2 * quorum <= n + toleratedFaults(n))
    throw new RangeError(`a quorum of ${quorum} is not safe for a committee of ${n}`);
}

/** Why a vote says nothing about this slot, cheapest check first; undefined for a verified vote in it. */
function dismissal(
  engine: Engine,
  { roster, committee, banned }: Electorate,
  ballot: Ballot,
  signed: SignedVote,
): ForeignReason | undefined {
  const { vote } = signed;
  if (!committee.includes(vote.voter)) return "voter";
  if (banned.has(vote.voter)) return "banned";
  if (!SLOT_FIELDS.every((field) => sameValue(ballot[field], vote[field]))) return foreignField(ballot, vote);
  return verifyVote(engine, roster, signed) ? undefined : "signature";
}

const SLOT_FIELDS = ["request", "revision", "round"] as const;

type Pinned = Exclude<keyof Ballot, "policies">;

/** Written as a record, so that a field added to votes has to be added here too. */
const PINNED_FIELDS = Object.keys({
  cluster: true,
  network: true,
  wallet: true,
  request: true,
  revision: true,
  digest: true,
  round: true,
  epoch: true,
  fromHeight: true,
  toHeight: true,
} satisfies Record<Pinned, true>) as readonly Pinned[];

function foreignField(ballot: Ballot, vote: Vote): ForeignReason | undefined {
  const differing = PINNED_FIELDS.find((field) => !sameValue(ballot[field], vote[field]));
  const policy = ballot.policies.get(vote.voter) ?? vote.policy;
  return differing ?? (equalBytes(policy, vote.policy) ? undefined : "policy");
}

const sameValue = (a: Uint8Array | string | number, b: Uint8Array | string | number): boolean =>
  a instanceof Uint8Array ? b instanceof Uint8Array && equalBytes(a, b) : a === b;

/** The same pair for the same set of votes: the lowest encoding, and the lowest that contradicts it. */
function contradictionIn(votes: readonly SignedVote[]): Contradiction | undefined {
  if (votes.length < 2) return undefined;
  const [first, ...others] = byEncoding(votes, (vote) => vote);
  const second = others.find(({ vote }) => contradicts(first!.vote, vote));
  return second === undefined ? undefined : { first: first!, second };
}

function decide(
  { committee, quorum, banned }: Electorate,
  { yes, no, equivocators }: { readonly yes: number; readonly no: number; readonly equivocators: readonly NodeId[] },
): Pick<Tally, "verdict" | "exhausted"> {
  const spare = committee.length - quorum;
  // A banned voter is never verified, hence never an equivocator too: nobody is excluded twice.
  const excluded = committee.filter((id) => banned.has(id)).length + equivocators.length;
  if (yes >= quorum) return { verdict: "approved", exhausted: false };
  if (no + excluded <= spare) return { verdict: "open", exhausted: false };
  return { verdict: "rejected", exhausted: excluded > spare && no <= spare };
}

function byEncoding<T>(items: readonly T[], signedOf: (item: T) => SignedVote): readonly T[] {
  return items
    .map((item) => ({ item, bytes: signedVoteCodec.encode(signedOf(item)) }))
    .sort((a, b) => compareBytes(a.bytes, b.bytes))
    .filter(({ bytes }, i, all) => i === 0 || !equalBytes(bytes, all[i - 1]!.bytes))
    .map(({ item }) => item);
}

const inOrder = (foreign: readonly ForeignVote[]): readonly ForeignVote[] => byEncoding(foreign, ({ vote }) => vote);
