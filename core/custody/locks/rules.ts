/**
 * The rules that keep a payment from being made twice (safety rules L1, L2, L3, L4, L6). Each decision looks at the state
 * and answers with the records to append, durably and all at once, before anybody acts on it; or it refuses.
 *
 * Why two revisions X < Y of one intent never both find t signers unless they spend a common coin: Y has q yes votes and
 * q + t > n + f, so some honest node voted for Y and signed X. It voted for X first (`not-newer`) and signed X before it
 * voted for Y (`not-last-vote`); it could not have abandoned X, so Y spends its anchor (`misses-anchor`), and X does too.
 * The model check beside this file explores this without the argument.
 */
import { equalBytes, fromHex, toHex, unreachable } from "@conclave/bytes";
import { outpointKey, type Outpoint } from "@conclave/bitcoin";
import type { NodeId } from "@conclave/consensus";
import type { LockRecord, LockRecordOf } from "./records.ts";
import {
  attemptKey,
  claimKey,
  intentOf,
  newIntent,
  revisionKey,
  secretKey,
  type Ballot,
  type Content,
  type Intent,
  type LockState,
} from "./state.ts";

/** A new revision is at most this far above the last one voted for, so that nobody can use the numbers up. */
export const MAX_REVISION_GAP = 16;
/** Slots of one request, over all its revisions, rounds and inputs. */
export const MAX_ATTEMPTS = 64;

/** Go ahead once `records` (possibly none) are durable; or do not, for a reason people understand and a stable code. */
export type Decision<Code extends string> =
  | { readonly ok: true; readonly records: readonly LockRecord[] }
  | { readonly ok: false; readonly code: Code; readonly reason: string };

const grant = (...records: readonly LockRecord[]) => ({ ok: true, records }) as const;
const refuse = <Code extends string>(code: Code, reason: string) => ({ ok: false, code, reason }) as const;

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
type Check<Ask> = (intent: Intent, ask: Ask, state: LockState) => string | null;

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
  "coin-passed-on": forYes((intent, ask, state) => {
    for (const { other, outpoint, open } of claimsOfOthers(state, intent, ask.outpoints)) {
      if (!open && comesAfter(other, { id: intent.id, height: ask.height }))
        return `coin ${outpoint} was promised to a later request, which could still be paid: choose another coin`;
    }
    return null;
  }),
} satisfies Record<string, Check<VoteAsk>>;

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
  const kept = outpoints.find((outpoint) => outpointKey(outpoint) === intent.anchor);
  return kept ?? anchor ?? outpoints[0] ?? null;
}

export type VoteRefusal = keyof typeof voteChecks;
export type SignRefusal = keyof typeof signChecks;

/** The rules as data, so that the model check can take one out and show that money is lost without it. */
export interface Rules {
  readonly vote: Readonly<Partial<Record<VoteRefusal, Check<VoteAsk>>>>;
  readonly sign: Readonly<Partial<Record<SignRefusal, Check<SignAsk>>>>;
  readonly anchorOf: (intent: Intent, ask: SignAsk) => Outpoint | null;
}

export const RULES: Rules = { vote: voteChecks, sign: signChecks, anchorOf };

/** L1: may this node cast this vote? Asked again for a vote it already cast, it grants without a new record. */
export function decideVote(state: LockState, ask: VoteAsk, rules: Rules = RULES): Decision<VoteRefusal> {
  const intent = knownIntent(state, ask);
  if (isSameVote(intent.ballots.get(ask.revision)?.get(ask.round), ask)) return grant();
  return firstObjection(rules.vote, intent, ask, state) ?? grant({ kind: "vote", ...ask });
}

/**
 * L2: may this node give a partial signature for this transaction? Asked before the first partial of every session; a
 * further input or attempt of the same transaction needs no new record.
 */
export function decideSign(state: LockState, ask: SignAsk, rules: Rules = RULES): Decision<SignRefusal> {
  const intent = knownIntent(state, ask);
  const objection = firstObjection(rules.sign, intent, ask, state);
  if (objection !== undefined) return objection;
  if (intent.contents.get(ask.revision)?.signed === ask.txid) return grant();
  const { wallet, intent: id, revision, digest, txid, outpoints } = ask;
  const anchor = rules.anchorOf(intent, ask);
  return grant({ kind: "sign", wallet, intent: id, revision, digest, txid, anchor, outpoints });
}

/** L6: may this node promise never to sign this revision? Also for one it never voted for; repeating is free. */
export function decideAbandon(state: LockState, name: RevisionName): Decision<"already-signed"> {
  const intent = knownIntent(state, name);
  const content = intent.contents.get(name.revision);
  if (content !== undefined && content.digest === toHex(name.digest) && content.signed !== null)
    return refuse("already-signed", `a partial signature of revision ${name.revision} may have left this node`);
  if (intent.abandoned.has(revisionKey(name))) return grant();
  const { wallet, intent: id, revision, digest } = name;
  return grant({ kind: "abandon", wallet, intent: id, revision, digest });
}

/** L3: may this node enter this attempt? Once, even after a crash. The caller checks that its coordinator asks. */
export function decideAttempt(
  state: LockState,
  slot: Omit<LockRecordOf<"attempt">, "kind">,
): Decision<"attempt-used" | "too-many-attempts"> {
  const used = state.attempts.get(toHex(slot.request));
  if (used?.has(attemptKey(slot)) === true)
    return refuse("attempt-used", `this node already entered attempt ${slot.attempt} at input ${slot.input}`);
  if (used !== undefined && used.size >= MAX_ATTEMPTS)
    return refuse("too-many-attempts", `all ${MAX_ATTEMPTS} attempts at this request are used up`);
  return grant({ kind: "attempt", ...slot });
}

/** L4: may this one-use secret be used, on this content? Never twice, not even on the same content. */
export function decideSpend(
  state: LockState,
  secret: Omit<LockRecordOf<"spend">, "kind">,
): Decision<"already-spent" | "bound-elsewhere"> {
  const binding = state.spent.get(secretKey(secret));
  if (binding === undefined) return grant({ kind: "spend", ...secret });
  return binding === toHex(secret.binding)
    ? refuse("already-spent", `this ${secret.purpose} was used before, on the same content: start a new attempt`)
    : refuse("bound-elsewhere", `this ${secret.purpose} was used before, on other content: start a new attempt`);
}

/** Evidence that custody verified, with the hash of it. */
export type ReleaseEvidence = {
  readonly wallet: Uint8Array;
  readonly intent: Uint8Array;
  readonly proof: Uint8Array;
} & (
  | { readonly reason: "buried-payment" }
  /** `outpoint` is spent, deep in the chain, by transaction `spender`. */
  | { readonly reason: "foreign-spend"; readonly outpoint: Outpoint; readonly spender: string }
  | {
      readonly reason: "abandoned-by-quorum";
      readonly committee: Committee;
      readonly abandons: readonly {
        readonly revision: number;
        readonly digest: Uint8Array;
        /** Members whose signed abandon of it custody verified. */
        readonly nodes: readonly NodeId[];
      }[];
    }
);

/** n members, t of them sign, f of them may lie. */
export interface Committee {
  readonly n: number;
  readonly t: number;
  readonly f: number;
}

/** So many abandons leave fewer than t possible signers, even if f of those who abandoned lied. */
export const abandonsNeeded = ({ n, t, f }: Committee): number => n - t + 1 + f;

export type ReleaseRefusal =
  | "no-anchor"
  | "not-the-anchor"
  | "own-payment"
  | "nothing-abandoned"
  | "too-few-abandons"
  | "signed-not-abandoned";

/** The three ways out of a lock. Repeating one is harmless. */
export function decideRelease(state: LockState, evidence: ReleaseEvidence): Decision<ReleaseRefusal> {
  const intent = knownIntent(state, evidence);
  if (intent.ended) return grant();
  switch (evidence.reason) {
    case "buried-payment":
      return release(evidence, []);
    case "foreign-spend":
      return releaseSpent(intent, evidence);
    case "abandoned-by-quorum":
      return releaseAbandoned(intent, evidence);
    default:
      return unreachable(evidence);
  }
}

const release = (
  { wallet, intent, reason, proof }: ReleaseEvidence,
  dead: readonly { readonly revision: number; readonly digest: Uint8Array }[],
): Decision<ReleaseRefusal> => grant({ kind: "release", wallet, intent, reason, dead, proof });

type EvidenceOf<R> = Extract<ReleaseEvidence, { reason: R }>;

function releaseSpent(intent: Intent, evidence: EvidenceOf<"foreign-spend">): Decision<ReleaseRefusal> {
  const spent = outpointKey(evidence.outpoint);
  if (intent.anchor === null) return refuse("no-anchor", "this node holds no anchor for this request");
  if (intent.anchor !== spent)
    return refuse("not-the-anchor", `the anchor of this request is ${intent.anchor}, not ${spent}`);
  const contents = [...intent.contents];
  if (contents.some(([, { signed }]) => signed === evidence.spender))
    return refuse("own-payment", `transaction ${evidence.spender} is this request's own payment`);
  const dead = contents.filter(([, { outpoints }]) => outpoints.includes(spent));
  return release(
    evidence,
    dead.map(([revision, { digest }]) => ({ revision, digest: fromHex(digest) })),
  );
}

function releaseAbandoned(intent: Intent, evidence: EvidenceOf<"abandoned-by-quorum">): Decision<ReleaseRefusal> {
  const { abandons, committee } = evidence;
  const needed = abandonsNeeded(committee);
  if (abandons.length === 0) return refuse("nothing-abandoned", "no abandoned revision was named");
  const short = abandons.find(({ nodes }) => new Set(nodes).size < needed);
  if (short !== undefined)
    return refuse("too-few-abandons", `revision ${short.revision} needs ${needed} abandons to be dead for everybody`);
  const dead = new Set(abandons.map(revisionKey));
  for (const [revision, { digest, signed }] of intent.contents) {
    const key = `${revision}:${digest}`;
    if (signed !== null && !dead.has(key) && !intent.dead.has(key))
      return refuse("signed-not-abandoned", `this node signed revision ${revision}, which is not proven dead`);
  }
  return release(
    evidence,
    abandons.map(({ revision, digest }) => ({ revision, digest })),
  );
}

function firstObjection<Code extends string, Ask>(
  checks: Readonly<Partial<Record<Code, Check<Ask>>>>,
  intent: Intent,
  ask: Ask,
  state: LockState,
): Decision<Code> | undefined {
  for (const [code, check] of Object.entries(checks) as [Code, Check<Ask>][]) {
    const reason = check(intent, ask, state);
    if (reason !== null) return refuse(code, reason);
  }
  return undefined;
}

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

function checkCoinsFree(
  intent: Intent,
  { outpoints }: { readonly outpoints: readonly Outpoint[] },
  state: LockState,
): string | null {
  for (const { other, outpoint, open } of claimsOfOthers(state, intent, outpoints))
    if (open) return `coin ${outpoint} is promised to request ${other.id}`;
  return null;
}

/** Other intents' revisions that spend one of these coins and are not proven dead; `open` if this node might sign them. */
function* claimsOfOthers(
  state: LockState,
  { wallet, id }: Intent,
  outpoints: readonly Outpoint[],
): Generator<{ readonly other: Intent; readonly outpoint: string; readonly open: boolean }> {
  for (const outpoint of outpoints.map(outpointKey)) {
    for (const other of state.claims.get(claimKey(wallet, outpoint)) ?? []) {
      if (other.id === id || other.ended) continue;
      for (const [number, content] of other.contents) {
        if (!content.outpoints.includes(outpoint) || other.dead.has(`${number}:${content.digest}`)) continue;
        yield { other, outpoint, open: isOpen(other, number, content) };
      }
    }
  }
}

/** Neither abandoned by this node nor proven dead: this node signed it or might. */
export const isOpen = ({ abandoned, dead }: Intent, number: number, { digest }: Content): boolean =>
  !abandoned.has(`${number}:${digest}`) && !dead.has(`${number}:${digest}`);

/** Requests are ordered by the ledger height they were made at, then by id. */
const comesAfter = (a: Pick<Intent, "id" | "height">, b: Pick<Intent, "id" | "height">): boolean =>
  a.height === b.height ? a.id > b.id : (a.height ?? 0) > (b.height ?? 0);

/** The revision voted for last; 0 if none. */
const highest = (contents: Intent["contents"]): number => Math.max(0, ...contents.keys());

const lastRound = (ballots: Intent["ballots"], revision: number): number =>
  Math.max(0, ...(ballots.get(revision)?.keys() ?? []));

const lastBallot = (ballots: Intent["ballots"], revision: number): Ballot | undefined =>
  ballots.get(revision)?.get(lastRound(ballots, revision));

const isSameVote = (ballot: Ballot | undefined, { digest, value, context }: VoteAsk): boolean =>
  ballot !== undefined &&
  ballot.digest === toHex(digest) &&
  ballot.value === value &&
  ballot.context === toHex(context);

const knownIntent = (state: LockState, name: { readonly wallet: Uint8Array; readonly intent: Uint8Array }): Intent =>
  intentOf(state, name) ?? newIntent(toHex(name.wallet), toHex(name.intent));
