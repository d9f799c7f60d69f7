/**
 * No coin gets stuck. Claim, for every committee whose honest members are a quorum (q ≤ n − f): from every state that it
 * can reach, let the liars fall silent, let every honest node abandon what it has not signed, and let the proofs of death
 * that any honest node has seen reach all of them. Then each coin is free for every other request, or it belongs to a
 * request that an honest node signed and that the honest nodes can finish by themselves, with a further revision that
 * spends the coin (a cancel at least).
 *
 * Why: a revision that no honest node signed is abandoned by n − f ≥ q ≥ n − t + 1 + f and so proven dead. Two live
 * revisions of different requests that share a coin cannot both be signed: both had q votes, 2q > n + f, so one honest node
 * voted for both, and had proof that the first was dead when it voted for the second.
 */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { toleratedFaults } from "@conclave/consensus";
import { play, tell, type Event, type Voting } from "./testing/judge.ts";
import { stuckCoins } from "./testing/liveness.ts";
import { buildNode, REAL_RULES, type NodeRules, type Scenario } from "./testing/node-model.ts";
import {
  abandon,
  ONE_COIN,
  REPLACED,
  releaseDead,
  yesOnly,
  show,
  sign,
  twoIntents,
  vote,
  votings,
} from "./testing/scenarios.ts";
import { explore } from "./testing/search.ts";
import { ALL_OR_NOTHING, FREED_BY_OWN_ABANDON } from "./testing/weak-rules.ts";

const full = process.env["CONCLAVE_MODEL"] === "full";

const RACE = yesOnly(ONE_COIN);
const WAY_OUT = yesOnly(twoIntents("two intents, one of them with a way out", [[0], [1]], [[0]]));
const CROSSED = yesOnly(twoIntents("two replacements cross", [[0], [0, 1]], [[1], [1, 0]]));

const LIAR = { n: 4, t: 3, q: 3, f: 1 };
/** Honest nodes alone are a quorum. */
const live = (n: number, f: number): readonly Voting[] => votings(n, f).filter(({ q }) => q <= n - f);

const campaigns: readonly { readonly scenario: Scenario; readonly votings: readonly Voting[] }[] = [
  {
    scenario: RACE,
    votings: [...live(4, toleratedFaults(4)), ...live(5, toleratedFaults(5)), ...live(4, 0), ...live(5, 0)],
  },
  ...(full ? [WAY_OUT, REPLACED].map((scenario) => ({ scenario, votings: live(4, 1) })) : []),
];

void suite("no coin gets stuck", () => {
  for (const { scenario, votings } of campaigns) {
    test(scenario.name, (context) => {
      const node = buildNode(scenario, REAL_RULES);
      for (const voting of votings) {
        const question = stuckCoins(node, voting, { rules: REAL_RULES, proofsTravel: true });
        const { states, counterexample } = explore(node, voting, { question });
        context.diagnostic(`${show(voting)}: ${states} states`);
        assert.equal(counterexample, null, counterexample?.map(tell).join("; "));
      }
    });
  }
});

interface Trap {
  readonly name: string;
  readonly scenario: Scenario;
  readonly rules: NodeRules;
  readonly proofsTravel: boolean;
  /** Honest nodes 1, 2, 3; node 4 helps with its votes and falls silent. */
  readonly trace: readonly Event[];
  /** By which the real rules stop the run. Not where the run itself is as it should be. */
  readonly stoppedBy?: string;
  /** The search for such a run takes minutes here. */
  readonly playedOnly?: boolean;
}

const [A, X] = [0, 1];
/** In `CROSSED`: the first intent's two revisions, then the other's. */
const [FIRST, FIRST_REPLACED, OTHER, OTHER_REPLACED] = [0, 1, 2, 3];

const traps: readonly Trap[] = [
  {
    name: "an own abandon frees the coin for other intents: one node holds it for one, another for the other",
    scenario: RACE,
    rules: FREED_BY_OWN_ABANDON,
    proofsTravel: true,
    trace: [
      vote(0, A),
      vote(1, A),
      vote(2, A),
      sign(0, A),
      abandon(1, A),
      abandon(2, A),
      vote(1, X),
      vote(2, X),
      sign(1, X),
    ],
    stoppedBy: "coin-locked",
  },
  {
    name: "a liar's promise reaches two nodes only, and they do not pass it on",
    scenario: RACE,
    rules: REAL_RULES,
    proofsTravel: false,
    trace: [
      vote(0, A),
      vote(1, A),
      sign(0, A),
      abandon(1, A),
      abandon(2, A),
      releaseDead(1, A),
      vote(2, X),
      vote(1, X),
      sign(1, X),
    ],
  },
  {
    name: "what is dead keeps its coins while another revision of its intent lives",
    scenario: CROSSED,
    rules: ALL_OR_NOTHING,
    proofsTravel: true,
    trace: [
      vote(0, FIRST),
      vote(2, FIRST),
      sign(0, FIRST),
      vote(1, OTHER),
      vote(2, OTHER),
      sign(1, OTHER),
      vote(0, FIRST_REPLACED),
      vote(1, OTHER_REPLACED),
    ],
    playedOnly: true,
  },
];

void suite("every weaker form lets coins get stuck", () => {
  for (const { name, scenario, rules, proofsTravel, trace, stoppedBy, playedOnly } of traps) {
    const ends = (under: NodeRules, run: readonly Event[], travel: boolean): string => {
      const outcome = play(scenario, LIAR, under, run);
      const { isBad } = stuckCoins({ scenario, ...outcome }, LIAR, { rules: under, proofsTravel: travel });
      return isBad(0, [...outcome.journals.keys()]) ? "stuck" : "fine";
    };
    test(name, (context) => {
      assert.deepEqual(play(scenario, LIAR, rules, trace).refusals, [], "every step of the run is possible");
      assert.equal(play(scenario, LIAR, REAL_RULES, trace).refusals[0], stoppedBy);
      const runs = [trace];
      if (playedOnly !== true) {
        const node = buildNode(scenario, rules);
        const question = stuckCoins(node, LIAR, { rules, proofsTravel });
        const { states, counterexample } = explore(node, LIAR, { question });
        assert.ok(counterexample !== null, "the search finds a run");
        context.diagnostic(`found after ${states} states: ${counterexample.map(tell).join("; ")}`);
        runs.push(counterexample);
      }
      for (const run of runs) {
        assert.equal(ends(rules, run, proofsTravel), "stuck");
        assert.equal(ends(REAL_RULES, run, true), "fine");
      }
    });
  }

  test("with fewer honest nodes than a quorum a coin can wait for the liar", () => {
    const voting = { n: 4, t: 2, q: 4, f: 1 };
    const node = buildNode(RACE, REAL_RULES);
    const question = stuckCoins(node, voting, { rules: REAL_RULES, proofsTravel: true });
    assert.ok(explore(node, voting, { question }).counterexample !== null);
  });
});

void test("leaving states out changes no answer about stuck coins", () => {
  const agree = (rules: NodeRules, scenario: Scenario, voting: Voting, proofsTravel: boolean): void => {
    const node = buildNode(scenario, rules);
    const question = stuckCoins(node, voting, { rules, proofsTravel });
    const [small, whole] = [explore(node, voting, { question }), explore(node, voting, { question, reduced: false })];
    assert.equal(small.counterexample === null, whole.counterexample === null, `${scenario.name}, ${show(voting)}`);
    assert.ok(small.counterexample !== null || small.states <= whole.states);
  };
  for (const rules of [REAL_RULES, FREED_BY_OWN_ABANDON, ALL_OR_NOTHING])
    for (const proofsTravel of [true, false]) {
      agree(rules, ONE_COIN, { n: 3, t: 1, q: 2, f: 1 }, proofsTravel);
      agree(rules, RACE, { n: 3, t: 2, q: 2, f: 1 }, proofsTravel);
      agree(rules, RACE, LIAR, proofsTravel);
    }
  for (const rules of [REAL_RULES, ALL_OR_NOTHING]) agree(rules, REPLACED, { n: 3, t: 2, q: 2, f: 1 }, true);
});
