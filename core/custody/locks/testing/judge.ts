/** What a committee of the model has achieved, and whether money is in danger. */
import { abandonsNeeded, type Committee } from "../release.ts";
import type { LockRecord } from "../records.ts";
import { apply, emptyState, type LockState } from "../state.ts";
import {
  actionsOf,
  decide,
  factBits,
  outputOf,
  revisionsOf,
  type Action,
  type NodeRules,
  type Output,
  type Scenario,
} from "./node-model.ts";

export interface Voting extends Committee {
  /** Yes votes that approve. */
  readonly q: number;
  /** Abandons that prove death; what the rules ask for unless a test says otherwise. */
  readonly deadly?: number;
}

/** Honest node `node` (from 0) does `action`; or the chain establishes facts. */
export type Event = { readonly node: number; readonly action: Action } | { readonly chain: number };

/** In words: `1 votes A`. Nodes count from 1, revisions have letters. */
export function tell(event: Event): string {
  if ("chain" in event) return `the chain moves (${event.chain})`;
  const { action } = event;
  const node = event.node + 1;
  const letter = (revision: number): string => String.fromCharCode(65 + revision);
  switch (action.kind) {
    case "vote":
      return `${node} votes ${action.value ? "" : "no on "}${letter(action.revision)}${action.round > 1 ? ` in round ${action.round}` : ""}`;
    case "abandon":
    case "sign":
      return `${node} ${action.kind}s ${letter(action.revision)}`;
    case "release-abandoned":
      return `${node} releases ${action.revisions.map(letter).join("")}, abandoned`;
    case "release-spent":
      return `${node} releases coin ${action.coin}, spent`;
    case "release-buried":
      return `${node} sees ${letter(action.revision)} buried`;
  }
}

/** Judges by what the honest members let out; the f liars have let out everything. */
export function judge(scenario: Scenario, voting: Voting) {
  const { t, q, f, deadly = abandonsNeeded(voting) } = voting;
  const facts = factBits(scenario);
  const revisions = revisionsOf(scenario);
  const coinsOf = revisions.map(({ coins }) => coins.reduce((bits, coin) => bits | (1 << coin), 0));
  const coins = [...new Set(revisions.flatMap((revision) => revision.coins))];
  const rounds = Array.from({ length: scenario.rounds }, (_, i) => i + 1);
  const approvals = revisions.flatMap((_, r) => rounds.map((round) => facts.approved(r, round)));
  const deaths = revisions.map((_, r) => facts.dead(r));
  const count = (outputs: readonly Output[], of: keyof Output, bit: number): number =>
    outputs.reduce((sum, output) => sum + ((output[of] & bit) === 0 ? 0 : 1), f);

  const established = (outputs: readonly Output[]): number => {
    let bits = 0;
    for (const fact of approvals) if (count(outputs, "yes", fact) >= q) bits |= fact;
    for (const fact of deaths) if (count(outputs, "abandons", fact) >= deadly) bits |= fact;
    return bits;
  };
  const isSigned = (outputs: readonly Output[], r: number): boolean => count(outputs, "partials", 1 << r) >= t;
  const isConfirmed = (known: number, r: number): boolean => (known & facts.confirmed(r)) !== 0;
  /** Coins spent in the chain by anything but revision `except`. */
  const spent = (known: number, except: number): number => {
    let bits = 0;
    for (const coin of coins) if ((known & facts.foreignSpend(coin)) !== 0) bits |= 1 << coin;
    for (const [r, own] of coinsOf.entries()) if (r !== except && isConfirmed(known, r)) bits |= own;
    return bits;
  };
  const canConfirm = (known: number, r: number): boolean => (spent(known, r) & coinsOf[r]!) === 0;

  /** Two signed payments of one intent without a common anchor of an honest node, or of two intents with one coin. */
  const isUnsafe = (known: number, outputs: readonly Output[]): boolean => {
    if (outputs.reduce((bits, { partials }) => bits | partials, 0) === 0 && f < t) return false;
    const signed = [...revisions.keys()].filter(
      (r) => isSigned(outputs, r) && (scenario.chain !== true || canConfirm(known, r)),
    );
    const anchors = outputs.reduce((bits, output) => bits | output.anchors, 0);
    const clash = (x: number, y: number): boolean => {
      const shared = coinsOf[x]! & coinsOf[y]!;
      return revisions[x]!.intent === revisions[y]!.intent ? (shared & anchors) === 0 : shared !== 0;
    };
    return signed.some((x, i) => signed.slice(i + 1).some((y) => clash(x, y)));
  };
  const chainEvents = (known: number, outputs: readonly Output[]): readonly number[] => {
    if (scenario.chain !== true) return [];
    const confirmable = [...revisions.keys()].filter(
      (r) => isSigned(outputs, r) && canConfirm(known, r) && !isConfirmed(known, r),
    );
    const free = coins.filter((coin) => (spent(known, -1) & (1 << coin)) === 0);
    return [...confirmable.map(facts.confirmed), ...free.map(facts.foreignSpend)];
  };
  return { established, isUnsafe, chainEvents };
}

export interface Outcome {
  readonly unsafe: boolean;
  /** Refusal codes in the order of the events. */
  readonly refusals: readonly string[];
  /** What each node wrote down. */
  readonly journals: readonly (readonly LockRecord[])[];
  readonly outputs: readonly Output[];
}

/**
 * Plays a run with real states under the given rules. A refused action is left out and the run goes on; an action whose
 * facts are not true (for want of an approval, say) counts as refused with code `facts`.
 */
export function play(scenario: Scenario, voting: Voting, rules: NodeRules, events: readonly Event[]): Outcome {
  const world = judge(scenario, voting);
  const needs = new Map(actionsOf(scenario).map((entry) => [JSON.stringify(entry.action), entry.needs]));
  const states: LockState[] = Array.from({ length: voting.n - voting.f }, emptyState);
  const journals: LockRecord[][] = states.map(() => []);
  const outputs: Output[] = states.map(() => ({ yes: 0, abandons: 0, partials: 0, anchors: 0 }));
  const refusals: string[] = [];
  let known = 0;
  let unsafe = false;
  for (const event of events) {
    known |= world.established(outputs);
    if ("chain" in event) {
      if (world.chainEvents(known, outputs).includes(event.chain)) known |= event.chain;
      else refusals.push("facts");
    } else {
      const state = states[event.node]!;
      const decision = decide(scenario, state, event.action, rules);
      if (!decision.ok) refusals.push(decision.code);
      else if (((needs.get(JSON.stringify(event.action)) ?? -1) & ~known) !== 0) refusals.push("facts");
      else {
        for (const record of decision.records) apply(state, record);
        journals[event.node]!.push(...decision.records);
      }
      outputs[event.node] = outputOf(scenario, state, outputs[event.node]!.anchors);
    }
    known |= world.established(outputs);
    unsafe ||= world.isUnsafe(known, outputs);
  }
  return { unsafe, refusals, journals, outputs };
}
