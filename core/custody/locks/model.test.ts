/**
 * Exhaustive check of the lock rules: small committees, every order of votes, abandons, signatures, releases and restarts,
 * up to f liars. The rules asked are the real ones. CONCLAVE_MODEL=full runs the long campaign.
 */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { fromHex } from "@conclave/bytes";
import { toleratedFaults } from "@conclave/consensus";
import { RULES } from "./checks.ts";
import { abandonsNeeded, decideRelease } from "./release.ts";
import { intentOf } from "./state.ts";
import { buildNode, REAL_RULES, type NodeRules, type Scenario } from "./testing/node-model.ts";
import { explore } from "./testing/search.ts";
import { play, tell, type Event, type Voting } from "./testing/judge.ts";
import {
  abandon,
  ONE_COIN,
  oneIntent,
  REPLACED,
  show,
  sign,
  twoIntents,
  vote,
  votings,
  yesOnly,
} from "./testing/scenarios.ts";
import { FREED_BY_OWN_ABANDON, without } from "./testing/weak-rules.ts";

const full = process.env["CONCLAVE_MODEL"] === "full";

const tolerant = [...votings(4, toleratedFaults(4)), ...votings(5, toleratedFaults(5))];
const trusting = [...votings(4, 0), ...votings(5, 0)];

const TWO_APART = oneIntent("two revisions, no common coin", [[0], [1]]);
const REPLACED_TWICE = oneIntent("a replacement, and one that spends the replacement's own coin", [
  [0],
  [1, 0],
  [1, 2],
]);

const withChain = (scenario: Scenario): Scenario => ({
  ...scenario,
  chain: true,
  name: `${scenario.name}, and the chain`,
});
const twoRounds = (scenario: Scenario): Scenario => ({ ...scenario, rounds: 2, name: `${scenario.name}, two rounds` });

const TWO_REVISIONS = [
  withChain(TWO_APART),
  withChain(oneIntent("a replacement that spends the anchor", [[0], [0, 1]])),
  withChain(
    oneIntent("a second revision that shares a coin, not the anchor", [
      [0, 1],
      [1, 2],
    ]),
  ),
];
const THREE_REVISIONS = [
  oneIntent("three revisions, no common coin", [[0], [1], [2]]),
  REPLACED_TWICE,
  oneIntent("the third shares no coin with the first", [
    [0, 1],
    [0, 2],
    [2, 3],
  ]),
];
const RACES = [ONE_COIN, twoIntents("two intents, one of them with a way out", [[0], [1]], [[0]])];

interface Campaign {
  readonly scenario: Scenario;
  readonly votings: readonly Voting[];
}

const small = [...votings(4, toleratedFaults(4)), { n: 5, t: 4, q: 4, f: 1 }];
const everywhere = [...tolerant, ...trusting];
const campaigns: readonly Campaign[] = [
  ...TWO_REVISIONS.map((scenario) => ({ scenario, votings: everywhere })),
  { scenario: twoRounds(TWO_APART), votings: full ? everywhere : small },
  ...THREE_REVISIONS.map((scenario) => ({ scenario, votings: full ? everywhere : tolerant })),
  { scenario: RACES[0]!, votings: everywhere },
  { scenario: withChain(RACES[0]!), votings: full ? everywhere : tolerant },
  { scenario: RACES[1]!, votings: full ? everywhere : small },
  { scenario: REPLACED, votings: full ? tolerant : votings(4, toleratedFaults(4)) },
  ...(full ? [RACES[1]!, REPLACED] : []).map((scenario) => ({
    scenario: withChain(yesOnly(scenario)),
    votings: votings(4, toleratedFaults(4)),
  })),
  ...(full ? [...TWO_REVISIONS.map(twoRounds), ...THREE_REVISIONS.map(withChain)] : []).map((scenario) => ({
    scenario,
    votings: tolerant,
  })),
];

/** Liars who did everything leave a smaller committee of honest nodes: equal ones are explored once. */
const groupAlike = (votings: readonly Voting[]): readonly (readonly Voting[])[] =>
  Object.values(Object.groupBy(votings, ({ n, t, q, f }) => `${n - f} ${t - f} ${q - f}`)).map((group) => group ?? []);

void suite("no two payments", () => {
  for (const { scenario, votings } of campaigns) {
    test(scenario.name, (context) => {
      const node = buildNode(scenario, REAL_RULES);
      context.diagnostic(`${scenario.name}: one node has ${node.outputs.length} states`);
      for (const alike of groupAlike(votings)) {
        const { states, counterexample } = explore(node, alike[0]!);
        context.diagnostic(`${alike.map(show).join(" and ")}: ${states} states`);
        assert.equal(counterexample, null, counterexample?.map(tell).join("; "));
      }
    });
  }
});

interface Weakness {
  readonly name: string;
  readonly weak: NodeRules;
  readonly scenario: Scenario;
  readonly voting: Voting;
  /** A run from the literature of this rule, beside the one that the search finds. */
  readonly trace?: readonly Event[];
  /** The refusal by which the real rules stop that run first. */
  readonly stoppedBy?: string;
}

const [A, C, D] = [0, 1, 2];
const LAX = { n: 4, t: 2, q: 3, f: 0 };
const LIAR = { n: 4, t: 3, q: 3, f: 1 };
const FOUR_OF_FIVE = { n: 5, t: 4, q: 4, f: 1 };

/** Node 2 turns from C to A and node 4 from A to C: both contents find three votes, and two signers each. */
const SPLIT_BY_TURNCOATS = [
  vote(0, A),
  vote(1, C),
  abandon(1, C),
  vote(1, A),
  vote(2, C),
  vote(3, A),
  abandon(3, A),
  vote(3, C),
  sign(0, A),
  sign(1, A),
  sign(2, C),
  sign(3, C),
];

const weaknesses: readonly Weakness[] = [
  {
    name: "(i) revisions are not numbered and not only the last vote signs",
    weak: without(["not-newer"], ["not-last-vote"]),
    scenario: TWO_APART,
    voting: LAX,
    trace: SPLIT_BY_TURNCOATS,
    stoppedBy: "not-newer",
  },
  {
    name: "(ii) a late voter signs on an old tally",
    weak: without([], ["never-voted-for", "not-last-vote", "last-vote-no", "old-tally", "other-coins"]),
    scenario: TWO_APART,
    voting: LAX,
    trace: [
      vote(0, A),
      vote(1, A),
      vote(3, A),
      abandon(1, A),
      vote(1, C),
      abandon(3, A),
      vote(3, C),
      vote(2, C),
      sign(2, A),
      sign(0, A),
      sign(1, C),
      sign(3, C),
    ],
    stoppedBy: "never-voted-for",
  },
  {
    name: "(iii) signing again overwrites the anchor",
    weak: { ...REAL_RULES, rules: { ...RULES, anchorOf: (_, { outpoints }) => outpoints[0] ?? null } },
    scenario: REPLACED_TWICE,
    voting: FOUR_OF_FIVE,
    trace: [A, C, D].flatMap((r) => [vote, sign].flatMap((step) => [0, 1, 2, 3].map((node) => step(node, r)))),
    stoppedBy: "misses-anchor",
  },
  {
    name: "a revision need not spend the anchor",
    weak: without(["misses-anchor"], ["misses-anchor"]),
    scenario: TWO_APART,
    voting: FOUR_OF_FIVE,
  },
  {
    name: "the vote forgets the anchor, only the signature asks",
    weak: without(["misses-anchor"], []),
    scenario: TWO_APART,
    voting: LAX,
  },
  {
    name: "earlier revisions need not be abandoned and not only the last vote signs",
    weak: without(["not-abandoned"], ["not-last-vote"]),
    scenario: TWO_APART,
    voting: LAX,
  },
  {
    name: "an abandoned revision is signed",
    weak: without([], ["abandoned"]),
    scenario: TWO_APART,
    voting: FOUR_OF_FIVE,
  },
  {
    name: "a signed revision is abandoned",
    weak: {
      ...REAL_RULES,
      abandon: (_, { wallet, intent, revision, digest }) => ({
        ok: true,
        records: [{ kind: "abandon", wallet, intent, revision, digest }],
      }),
    },
    scenario: TWO_APART,
    voting: LIAR,
  },
  {
    name: "one abandon fewer proves death",
    weak: REAL_RULES,
    scenario: TWO_APART,
    voting: { ...LIAR, deadly: abandonsNeeded(LIAR) - 1 },
  },
  {
    name: "the death of one revision releases another that was signed",
    weak: {
      ...REAL_RULES,
      release: (state, evidence) => {
        const contents = [...(intentOf(state, evidence)?.contents ?? [])];
        const all = contents.map(([revision, { digest }]) => ({ revision, digest: fromHex(digest) }));
        const decision = decideRelease(state, evidence);
        if (!decision.ok || evidence.reason !== "abandoned-by-quorum") return decision;
        return {
          ok: true,
          records: decision.records.map((record) => (record.kind === "release" ? { ...record, dead: all } : record)),
        };
      },
    },
    scenario: THREE_REVISIONS[0]!,
    voting: LIAR,
  },
  {
    name: "an own payment in the chain is taken for a foreign one",
    weak: {
      ...REAL_RULES,
      release: (state, evidence) =>
        decideRelease(
          state,
          evidence.reason === "foreign-spend" ? { ...evidence, spender: "ff".repeat(32) } : evidence,
        ),
    },
    scenario: withChain(TWO_APART),
    voting: LIAR,
  },
  {
    name: "a coin is voted to two intents at once",
    weak: without(["coin-locked"], ["coin-locked"]),
    scenario: ONE_COIN,
    voting: FOUR_OF_FIVE,
  },
  {
    name: "an own abandon frees the coin for other intents",
    weak: FREED_BY_OWN_ABANDON,
    scenario: ONE_COIN,
    voting: LAX,
    trace: SPLIT_BY_TURNCOATS,
    stoppedBy: "coin-locked",
  },
];

void suite("every weaker form loses money", () => {
  for (const { name, weak, scenario, voting, trace, stoppedBy } of weaknesses) {
    test(name, (context) => {
      const { states, counterexample } = explore(buildNode(scenario, weak), voting);
      assert.ok(counterexample !== null, "the search finds a run");
      context.diagnostic(`${show(voting)}: found after ${states} states: ${counterexample.map(tell).join("; ")}`);
      for (const run of trace === undefined ? [counterexample] : [counterexample, trace]) {
        assert.equal(play(scenario, voting, weak, run).unsafe, true, "the weak rules lose money in this run");
        const sound = { ...voting, deadly: abandonsNeeded(voting) };
        assert.equal(play(scenario, sound, REAL_RULES, run).unsafe, false, "the real rules survive it");
      }
      if (trace !== undefined) assert.equal(play(scenario, voting, REAL_RULES, trace).refusals[0], stoppedBy);
    });
  }

  test("the inequality is needed: one yes vote less and the real rules do not suffice", () => {
    const node = buildNode(TWO_APART, REAL_RULES);
    for (const { n, t, q, f } of [...tolerant, ...trusting].filter(({ n, t, q, f }) => q > t && q + t === n + f + 1)) {
      assert.ok(explore(node, { n, t, q: q - 1, f }).counterexample !== null, show({ n, t, q: q - 1, f }));
    }
  });
});

void test("leaving states out changes no answer", () => {
  const agree = (rules: NodeRules, scenario: Scenario, voting: Voting): void => {
    const node = buildNode(scenario, rules);
    const [small, whole] = [explore(node, voting), explore(node, voting, { reduced: false })];
    assert.equal(small.counterexample === null, whole.counterexample === null, `${scenario.name}, ${show(voting)}`);
    assert.ok(small.states <= whole.states);
  };
  for (const rules of [REAL_RULES, ...weaknesses.map(({ weak }) => weak)])
    for (const scenario of [TWO_APART, ONE_COIN])
      for (const q of [1, 2]) agree(rules, scenario, { n: 3, t: 2, q: q + 1, f: 1 });
  agree(REAL_RULES, TWO_APART, { n: 4, t: 3, q: 3, f: 1 });
  agree(REAL_RULES, TWO_APART, { n: 4, t: 2, q: 3, f: 1 });
});
