/**
 * What stands against a vote (L1) and against a signature (L2), one named check per reason. A no passes most checks: it
 * holds no coins and does not count as a vote *for* a revision, so nobody can stop a payment by proposing another.
 */
import { equalBytes, toHex } from "@conclave/bytes";
import { outpointKey, type Outpoint } from "@conclave/bitcoin";
import type { LockRecordOf } from "./records.ts";
import { claimKey, isHeld, isOpen, revisionKey, type Ballot, type Intent, type LockState } from "./state.ts";

/** A new revision is at most this far above the last one voted for, so that nobody can use the numbers up. */
export const MAX_REVISION_GAP = 16;

/** One concrete content of one intent. */
export interface RevisionName {
  readonly wallet: Uint8Array;
  /** The request's id. */
  readonly intent: Uint8Array;
  readonly revision: number;
  readonly digest: Uint8Array;
}

/** The vote this node would like to cast. */
export type VoteAsk = Omit<LockRecordOf<"vote">, "kind">;

/** What custody found when it verified every vote of one round itself. */
export interface Tally extends RevisionName {
  readonly round: number;
  /** At least q distinct members voted yes, in this round, for this content. */
  readonly approved: boolean;
}

/** The transaction this node would like to give a partial signature for. */
export interface SignAsk extends RevisionName {
  readonly txid: string;
  readonly outpoints: readonly Outpoint[];
  /** As in the vote. */
  readonly anchor: Outpoint | null;
  readonly tally: Tally;
}

/** Says why not, or null. */
export type Check<Ask> = (intent: Intent, ask: Ask, state: LockState) => string | null;

/** What to check before a vote, by refusal code, in this order: the first that objects decides. */
const voteChecks = {
  "slot-taken": ({ ballots }, ask) =>
    ballots.get(ask.revision)?.has(ask.round) === true
      ? `this node already cast another vote on revision ${ask.revision} in round ${ask.round}: vote in a new round`
      : null,
  "old-round": ({ ballots }, { revision, round }) => {
    const last = lastRound(ballots, revision);
    return round < last ? `this node already voted on revision ${revision} in round ${last}, which is later` : null;
  },
  "intent-ended": checkNotEnded,
  "other-content": ({ contents }, { revision, digest }) => {
    const content = contents.get(revision);
    return content !== undefined && content.digest !== toHex(digest)
      ? `this node approved other content as revision ${revision}: propose it under a higher number`
      : null;
  },
  "too-far-ahead": ({ contents }, { revision }) => {
    const limit = highest(contents) + MAX_REVISION_GAP;
    return revision > limit ? `revision ${revision} skips too many numbers: at most ${limit} is allowed` : null;
  },
  "anchor-not-spent": (_, { revision, anchor, outpoints }) =>
    anchor === null || spends(outpoints, outpointKey(anchor))
      ? null
      : `revision ${revision} names ${outpointKey(anchor)} as its anchor but does not spend it`,
  "not-newer": forYes(({ contents }, { revision }) =>
    revision < highest(contents)
      ? `this node already voted for revision ${highest(contents)}, which is later than ${revision}`
      : null,
  ),
  abandoned: forYes(checkNotAbandoned),
  dead: forYes(checkNotDead),
  "misses-anchor": forYes(({ anchor }, { outpoints }) => missesAnchor(anchor, outpoints)),
  "not-abandoned": forYes((intent, { revision }) => {
    if (intent.anchor !== null) return null;
    // Every earlier one, not only the latest: an older one may be signed.
    const open = [...intent.contents].find(
      ([number, content]) => number !== revision && isOpen(intent, number, content),
    );
    return open === undefined ? null : `this node approved revision ${open[0]} and has not abandoned it`;
  }),
  "coin-locked": forYes(checkCoinsFree),
} satisfies Record<string, Check<VoteAsk>>;

/** What to check before a signature, likewise. */
const signChecks = {
  "intent-ended": checkNotEnded,
  "never-voted-for": ({ contents }, { revision, digest }) =>
    contents.get(revision)?.digest === toHex(digest) ? null : `this node never voted for revision ${revision}`,
  abandoned: checkNotAbandoned,
  dead: checkNotDead,
  "not-last-vote": ({ contents }, { revision }) =>
    revision === highest(contents)
      ? null
      : `this node voted for revision ${highest(contents)} after it voted for ${revision}`,
  "last-vote-no": ({ ballots }, { revision }) =>
    lastBallot(ballots, revision)?.value === true ? null : `this node's last vote on revision ${revision} is no`,
  "other-tally": (_, { tally, ...ask }) =>
    equalBytes(tally.wallet, ask.wallet) &&
    equalBytes(tally.intent, ask.intent) &&
    revisionKey(tally) === revisionKey(ask)
      ? null
      : `the tally is not about revision ${ask.revision} of this request`,
  "old-tally": ({ ballots }, { revision, tally }) => {
    const last = lastRound(ballots, revision);
    return tally.round === last ? null : `the tally is of round ${tally.round}, this node's last vote of round ${last}`;
  },
  "not-approved": (_, { revision, tally }) =>
    tally.approved ? null : `revision ${revision} lacks yes votes in round ${tally.round}`,
  "other-transaction": ({ contents }, { revision, txid }) => {
    const signed = contents.get(revision)?.signed ?? txid;
    return signed === txid ? null : `this node signed transaction ${signed} for revision ${revision}`;
  },
  "other-coins": ({ contents }, { revision, outpoints }) =>
    contents.get(revision)?.outpoints.join() === outpoints.map(outpointKey).join()
      ? null
      : `revision ${revision} was approved with other coins`,
  "misses-anchor": ({ anchor }, { outpoints }) => missesAnchor(anchor, outpoints),
  "coin-locked": checkCoinsFree,
} satisfies Record<string, Check<SignAsk>>;

/** The first anchor of an intent stays; a first signature takes the coin the revision names, or else its first. */
function anchorOf(intent: Intent, { anchor, outpoints }: SignAsk): Outpoint | null {
  const named = anchor === null ? null : outpointKey(anchor);
  const find = (key: string | null) => outpoints.find((outpoint) => outpointKey(outpoint) === key);
  return find(intent.anchor) ?? find(named) ?? outpoints[0] ?? null;
}

/** Why a vote was refused. */
export type VoteRefusal = keyof typeof voteChecks;
/** Why a signature was refused. */
export type SignRefusal = keyof typeof signChecks;

/** The rules as data, so that the model check can take one out and show that money is lost without it. */
export interface Rules {
  readonly vote: Readonly<Partial<Record<VoteRefusal, Check<VoteAsk>>>>;
  readonly sign: Readonly<Partial<Record<SignRefusal, Check<SignAsk>>>>;
  readonly anchorOf: (intent: Intent, ask: SignAsk) => Outpoint | null;
}

/** The rules every node lives by. */
export const RULES: Rules = { vote: voteChecks, sign: signChecks, anchorOf };

/** A no promises nothing but its slot: it holds no coins and does not count as the last vote *for* a revision. */
function forYes(check: Check<VoteAsk>): Check<VoteAsk> {
  return (intent, ask, state) => (ask.value ? check(intent, ask, state) : null);
}

function checkNotEnded({ ended }: Intent): string | null {
  return ended ? "this request was paid and the payment is buried" : null;
}

function checkNotAbandoned({ abandoned }: Intent, name: RevisionName): string | null {
  return abandoned.has(revisionKey(name)) ? `this node promised never to sign revision ${name.revision}` : null;
}

function checkNotDead({ dead }: Intent, name: RevisionName): string | null {
  return dead.has(revisionKey(name)) ? `revision ${name.revision} is proven dead` : null;
}

function missesAnchor(anchor: string | null, outpoints: readonly Outpoint[]): string | null {
  if (anchor === null || spends(outpoints, anchor)) return null;
  return `this node signed an earlier revision: a replacement has to spend ${anchor} too, so that only one can confirm`;
}

const spends = (outpoints: readonly Outpoint[], key: string): boolean =>
  outpoints.some((outpoint) => outpointKey(outpoint) === key);

/**
 * What this node abandoned counts too: its yes is out, and the others may still complete the payment. Without this, two
 * intents that share a coin both find t signers when 2t ≤ n + f.
 */
function checkCoinsFree(
  { wallet, id }: Intent,
  { outpoints }: { readonly outpoints: readonly Outpoint[] },
  state: LockState,
): string | null {
  for (const outpoint of outpoints.map(outpointKey)) {
    for (const other of state.claims.get(claimKey(wallet, outpoint)) ?? []) {
      if (other.id === id) continue;
      const holds = [...other.contents].some(
        ([number, content]) => content.outpoints.includes(outpoint) && isHeld(other, number, content),
      );
      if (holds) return `coin ${outpoint} is promised to request ${other.id}, which is not proven dead`;
    }
  }
  return null;
}

/** The revision voted for last; 0 if none. */
const highest = (contents: Intent["contents"]): number => Math.max(0, ...contents.keys());

const lastRound = (ballots: Intent["ballots"], revision: number): number =>
  Math.max(0, ...(ballots.get(revision)?.keys() ?? []));

const lastBallot = (ballots: Intent["ballots"], revision: number): Ballot | undefined =>
  ballots.get(revision)?.get(lastRound(ballots, revision));
