/**
 * The rules that keep a payment from being made twice (safety rules L1, L2, L3, L4, L6). Each decision looks at the state
 * and answers with the records to append, durably and all at once, before anybody acts on it; or it refuses. Votes and
 * signatures are judged by the checks in `checks.ts`; locks end as `release.ts` says.
 *
 * Why two revisions X < Y of one intent never both find t signers unless they spend a common coin: Y has q yes votes and
 * q + t > n + f, so some honest node voted for Y and signed X. It voted for X first (`not-newer`) and signed X before it
 * voted for Y (`not-last-vote`); it could not have abandoned X, so Y spends its anchor (`misses-anchor`), and X does too.
 *
 * Why two intents that share a coin never both find t signers: 2q ≥ q + t > n + f, so some honest node voted for both, and
 * when it voted for the second it had proof that the first could not be paid any more (`coin-locked`). Its own abandon is
 * no such proof. What this costs, and that no coin is stuck for good: `liveness.long.ts`.
 *
 * The model check beside this file explores all this without the arguments.
 */
import { toHex } from "@conclave/bytes";
import {
  RULES,
  type Check,
  type RevisionName,
  type Rules,
  type SignAsk,
  type SignRefusal,
  type VoteAsk,
  type VoteRefusal,
} from "./checks.ts";
import { grant, refuse, type Decision } from "./decision.ts";
import type { LockRecordOf } from "./records.ts";
import {
  attemptKey,
  attemptOf,
  knownIntent,
  revisionKey,
  secretKey,
  type Ballot,
  type Intent,
  type LockState,
} from "./state.ts";

/** Slots of one request, over all its revisions, rounds and inputs. */
export const MAX_ATTEMPTS = 64;

/** L1: may this node cast this vote? Asked again for a vote it already cast, it grants without a new record. */
export function decideVote(state: LockState, ask: VoteAsk, rules: Rules = RULES): Decision<VoteRefusal> {
  const intent = knownIntent(state, ask);
  if (isSameVote(intent.ballots.get(ask.revision)?.get(ask.round), ask)) return grant();
  return firstObjection(rules.vote, intent, ask, state) ?? grant({ ...ask, kind: "vote" });
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

/**
 * L3: may this node enter this attempt? Once, even after a crash. The caller checks that its coordinator asks. Attempts go
 * round among `coordinators`: each has its share of the slots, so that none can use them up.
 */
export function decideAttempt(
  state: LockState,
  slot: Omit<LockRecordOf<"attempt">, "kind">,
  coordinators: number,
): Decision<"attempt-used" | "too-many-attempts" | "too-many-of-one"> {
  const used = state.attempts.get(toHex(slot.request));
  if (used?.has(attemptKey(slot)) === true)
    return refuse("attempt-used", `this node already entered attempt ${slot.attempt} at input ${slot.input}`);
  if (used !== undefined && used.size >= MAX_ATTEMPTS)
    return refuse("too-many-attempts", `all ${MAX_ATTEMPTS} attempts at this request are used up`);
  const share = Math.floor(MAX_ATTEMPTS / coordinators);
  const ofOne = [...(used ?? [])].filter((key) => attemptOf(key) % coordinators === slot.attempt % coordinators);
  if (ofOne.length >= share)
    return refuse("too-many-of-one", `its coordinator has had its ${share} attempts at this request`);
  return grant({ ...slot, kind: "attempt" });
}

/** L4: may this one-use secret be used, on this content? Never twice, not even on the same content. */
export function decideSpend(
  state: LockState,
  secret: Omit<LockRecordOf<"spend">, "kind">,
): Decision<"already-spent" | "bound-elsewhere"> {
  const binding = state.spent.get(secretKey(secret));
  if (binding === undefined) return grant({ ...secret, kind: "spend" });
  return binding === toHex(secret.binding)
    ? refuse("already-spent", `this ${secret.purpose} was used before, on the same content: start a new attempt`)
    : refuse("bound-elsewhere", `this ${secret.purpose} was used before, on other content: start a new attempt`);
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

const isSameVote = (ballot: Ballot | undefined, { digest, value, context }: VoteAsk): boolean =>
  ballot !== undefined &&
  ballot.digest === toHex(digest) &&
  ballot.value === value &&
  ballot.context === toHex(context);
