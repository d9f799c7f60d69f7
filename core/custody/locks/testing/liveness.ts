/**
 * Whether coins can get stuck. From any state that a committee can reach, let the liars fall silent and every honest node
 * promise never to sign what it has not signed. What becomes of each coin then?
 *
 * The answer depends on what each node voted for, signed and saw die, not on its rounds or on which of the promises came
 * early; so that is a state's label.
 */
import { assert } from "@conclave/bytes";
import { abandonsNeeded } from "../release.ts";
import { decideSign, decideVote } from "../rules.ts";
import { apply, intentOf, type LockState } from "../state.ts";
import type { Voting } from "./judge.ts";
import { CONTEXT, contentDigest, intentId, outpoint, txidOf, WALLET } from "./names.ts";
import {
  coinCount,
  decide,
  fold,
  hasDied,
  revisionsOf,
  type NodeAutomaton,
  type NodeRules,
  type Scenario,
} from "./node-model.ts";
import type { Question } from "./search.ts";

/** What a node that abandoned all it could would still do. Bit sets. */
interface Prospects {
  /** Coins that it gives to an intent nobody heard of yet. */
  readonly free: number;
  /** Ways to finish, by their places in `waysOf`, for which it would vote and which it would sign. */
  readonly finishes: number;
}

/** Node states: those of an automaton, or those of one run's nodes. */
type Nodes = Pick<NodeAutomaton, "scenario" | "journals" | "outputs">;

export interface StuckOptions {
  readonly rules: NodeRules;
  /** Honest nodes pass on the promises that convinced them of a death. */
  readonly proofsTravel: boolean;
}

/**
 * Bad is a state in which some coin is stuck: not every honest node would give it to a new intent, and no intent that an
 * honest node signed a revision of can be finished by the honest nodes alone, with a further revision that spends the coin.
 */
export function stuckCoins(nodes: Nodes, voting: Voting, { rules, proofsTravel }: StuckOptions): Question {
  const { scenario, journals } = nodes;
  assert(scenario.chain !== true, "what the chain frees is not asked");
  const revisions = revisionsOf(scenario);
  const places = [...revisions.keys()];
  const ways = waysOf(scenario);
  const allCoins = (1 << coinCount(revisions)) - 1;
  const signed = nodes.outputs.map(({ partials }) => partials);
  const died = journals.map((journal) => bitsOf(places.filter((r) => hasDied(scenario, fold(journal), r))));
  const known = new Map<number, Prospects>();
  const prospects = (state: number, deaths: number): Prospects => {
    const key = (state << places.length) | deaths;
    let found = known.get(key);
    if (found === undefined) {
      const settled = settle(scenario, fold(journals[state]!), { signed: signed[state]!, deaths, rules });
      known.set(key, (found = prospectsOf(scenario, settled, rules)));
    }
    return found;
  };

  const isBad = (_: number, states: readonly number[]): boolean => {
    let [deaths, owners] = [0, 0];
    for (const r of places) {
      let promises = 0;
      for (const state of states) if ((signed[state]! & (1 << r)) === 0) promises += 1;
      if (promises < states.length) owners |= 1 << revisions[r]!.intent;
      if (promises >= abandonsNeeded(voting)) deaths |= 1 << r;
    }
    if (proofsTravel) for (const state of states) deaths |= died[state]!;
    let [fine, finishes] = [-1, -1];
    for (const state of states) {
      const views = prospects(state, deaths);
      fine &= views.free;
      finishes &= views.finishes;
    }
    for (const [place, { intent, coins }] of ways.entries())
      if ((finishes & (1 << place)) !== 0 && (owners & (1 << intent)) !== 0) fine |= coins;
    return (fine & allCoins) !== allCoins;
  };
  return { labels: journals.map((journal) => labelOf(scenario, fold(journal))), isBad };
}

/** Further revisions that might finish an intent: any choice of coins. */
function waysOf(scenario: Scenario): readonly { readonly intent: number; readonly coins: number }[] {
  const choices = (1 << coinCount(revisionsOf(scenario))) - 1;
  const ways = scenario.intents.flatMap((_, intent) =>
    Array.from({ length: choices }, (_, i) => ({ intent, coins: i + 1 })),
  );
  assert(ways.length < 31, "ways fit into the bits of a number");
  return ways;
}

/** The node abandons what it did not sign, and releases what is provably dead. */
function settle(
  scenario: Scenario,
  state: LockState,
  { signed, deaths, rules }: { readonly signed: number; readonly deaths: number; readonly rules: NodeRules },
): LockState {
  const revisions = revisionsOf(scenario);
  const places = [...revisions.keys()];
  const attempt = (action: Parameters<typeof decide>[2]): void => {
    const decision = decide(scenario, state, action, rules);
    if (decision.ok) for (const record of decision.records) apply(state, record);
  };
  for (const revision of places) if ((signed & (1 << revision)) === 0) attempt({ kind: "abandon", revision });
  for (const intent of scenario.intents.keys()) {
    const dead = places.filter((r) => revisions[r]!.intent === intent && (deaths & (1 << r)) !== 0);
    if (dead.length > 0) attempt({ kind: "release-abandoned", revisions: dead });
  }
  return state;
}

function prospectsOf(scenario: Scenario, state: LockState, rules: NodeRules): Prospects {
  const coins = Array.from({ length: coinCount(revisionsOf(scenario)) }, (_, coin) => coin);
  const stranger = scenario.intents.length;
  const free = coins.filter((coin) => finishes(state, stranger, [coin], rules));
  const ways = waysOf(scenario);
  const open = [...ways.keys()].filter((place) => {
    const { intent, coins: chosen } = ways[place]!;
    return finishes(
      state,
      intent,
      coins.filter((coin) => (chosen & (1 << coin)) !== 0),
      rules,
    );
  });
  return { free: bitsOf(free), finishes: bitsOf(open) };
}

/** Number and content of a revision that no run of the scenario contains. */
const FURTHER = 10;

/** Does this node vote for a further revision, and sign it once it is approved? Leaves the state as it is. */
function finishes(state: LockState, intent: number, coins: readonly number[], { rules }: NodeRules): boolean {
  const name = { wallet: WALLET, intent: intentId(intent), revision: FURTHER, digest: contentDigest(FURTHER) };
  const content = { outpoints: coins.map(outpoint), anchor: null };
  const ballot = { ...name, ...content, round: 1, value: true, context: CONTEXT };
  const vote = decideVote(state, ballot, rules);
  if (!vote.ok) return false;
  const voted = structuredClone(state);
  for (const record of vote.records) apply(voted, record);
  const tally = { ...name, round: 1, approved: true };
  return decideSign(voted, { ...name, ...content, txid: txidOf(FURTHER), tally }, rules).ok;
}

function labelOf(scenario: Scenario, state: LockState): string {
  return scenario.intents
    .map((_, i) => {
      const intent = intentOf(state, { wallet: WALLET, intent: intentId(i) });
      if (intent === undefined) return "";
      const contents = [...intent.contents].map(([number, { signed }]) => `${number}${signed === null ? "" : "s"}`);
      return [contents.sort().join(), [...intent.dead].sort().join(), intent.anchor].join(";");
    })
    .join("|");
}

const bitsOf = (places: readonly number[]): number => places.reduce((bits, place) => bits | (1 << place), 0);
