/** Every order of every vote of five nodes, with and without a liar among them, through tally and state machine. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { bansOf, convict } from "./bans.ts";
import { advance, NEW_TRANSACTION, type TransactionStatus } from "./machine.ts";
import { toleratedFaults } from "./roster.ts";
import { tally, type Tally } from "./tally.ts";
import { filled, places, testCluster } from "./testing/cluster.ts";
import { doubleVoteEvidence } from "./violations.ts";
import type { SignedVote, Vote } from "./vote.ts";

const NODES = 5;
const QUORUM = 4;
const cluster = testCluster(NODES);
const { engine, roster, electorate, ballot } = cluster;

/** One message that can arrive: whose, what it says about the ballot, and the signed vote. */
interface Arrival {
  readonly from: number;
  readonly says: "yes" | "no" | "other";
  readonly signed: SignedVote;
  /** Its place in the set of arrivals, for comparing sets. */
  readonly bit: number;
}

const arrival = (from: number, says: Arrival["says"], bit: number, changes: Partial<Vote>): Arrival => ({
  from,
  says,
  signed: cluster.signed(from, changes),
  bit: 1 << bit,
});

const honest = Array.from({ length: NODES }, (_, i) => [
  arrival(i, "yes", 2 * i, {}),
  arrival(i, "no", 2 * i + 1, { value: false }),
]);

/** What a liar can say in one slot, two things each. */
const LIES: Readonly<Record<string, (liar: number) => readonly [Arrival, Arrival]>> = {
  "yes and no": (liar) => [honest[liar]![0]!, honest[liar]![1]!],
  "yes to this and yes to other content": (liar) => [
    honest[liar]![0]!,
    arrival(liar, "other", 2 * liar + 1, { digest: filled(99) }),
  ],
};

const factorial = (n: number): number => (n <= 1 ? 1 : n * factorial(n - 1));

interface Walk {
  readonly liar?: number;
  readonly lies: readonly Arrival[];
  /** What was counted for a set of arrivals, whichever order led to it. */
  readonly bySet: Map<number, string>;
  schedules: number;
  tallies: number;
  approvals: number;
}

/** The count by hand, from what was said. */
function expected(said: readonly Arrival[], liar: number | undefined): Pick<Tally, "verdict"> & { yes: number[] } {
  const caught = liar !== undefined && said.filter(({ from }) => from === liar).length === 2;
  const counted = said.filter(({ from }) => !(caught && from === liar));
  const yes = counted.filter(({ says }) => says === "yes").map(({ from }) => from);
  const against = counted.filter(({ says }) => says === "no").length + (caught ? 1 : 0);
  const verdict = yes.length >= QUORUM ? "approved" : against > NODES - QUORUM ? "rejected" : "open";
  return { verdict, yes: yes.sort((a, b) => a - b) };
}

/** Counts after the latest arrival, compares with the count by hand, and steps the machine. */
function arrive(walk: Walk, said: readonly Arrival[], before: TransactionStatus): TransactionStatus {
  const result = tally(
    engine,
    electorate,
    ballot,
    said.map(({ signed }) => signed),
  );
  walk.tallies += 1;
  const byHand = expected(said, walk.liar);
  assert.equal(result.verdict, byHand.verdict);
  assert.deepEqual(places(cluster, result.yes), byHand.yes);
  assert.ok(
    result.equivocators.every((id) => cluster.ids.indexOf(id) === walk.liar),
    "an honest node was accused",
  );
  const set = said.reduce((bits, { bit }) => bits | bit, 0);
  const summary = JSON.stringify([result.verdict, result.exhausted, result.yes, result.no, result.equivocators]);
  assert.equal(summary, walk.bySet.get(set) ?? summary, "the order of votes changed the count");
  walk.bySet.set(set, summary);

  const { status } = advance(before, { kind: "votesCounted", ...result });
  if (status.state === "approved" && before.state !== "approved") {
    walk.approvals += 1;
    const willing = said.filter(({ from, says }) => from !== walk.liar && says === "yes").length;
    assert.ok(willing >= QUORUM - toleratedFaults(NODES), "approved without enough honest nodes");
    assert.equal(result.yes.length >= QUORUM, true);
  }
  assert.notEqual(status.state, "aborted_byzantine", "one liar stopped the cluster");
  return status;
}

/** Every way to go on. A node that never speaks is silent, so every point of the walk is a schedule in itself. */
function explore(walk: Walk, said: readonly Arrival[], status: TransactionStatus): void {
  const spoken = new Set(said.map(({ from }) => from));
  const lies = walk.lies.filter((lie) => !said.includes(lie));
  const speakers = NODES - (walk.liar === undefined ? 0 : 1);
  if (lies.length === 0) {
    const slots = speakers + walk.lies.length;
    walk.schedules += factorial(slots) / factorial(said.length);
  }
  const next = [...honest.flatMap((own, i) => (spoken.has(i) || i === walk.liar ? [] : own)), ...lies];
  for (const arriving of next) {
    const now = [...said, arriving];
    explore(walk, now, arrive(walk, now, status));
  }
}

function walkAll(liar?: number, lies: readonly Arrival[] = []): Walk {
  const walk: Walk = {
    ...(liar === undefined ? {} : { liar }),
    lies,
    bySet: new Map(),
    schedules: 0,
    tallies: 0,
    approvals: 0,
  };
  explore(walk, [], advance(NEW_TRANSACTION, { kind: "votingOpened" }).status);
  return walk;
}

const sum = (walks: readonly Walk[], what: "schedules" | "tallies" | "approvals"): number =>
  walks.reduce((total, walk) => total + walk[what], 0);

test("five honest nodes: every order of approve, reject and silence", (t) => {
  const walk = walkAll();
  assert.equal(walk.schedules, 120 * 3 ** 5);
  t.diagnostic(`${walk.schedules} schedules, ${walk.tallies} distinct tallies, ${walk.approvals} approvals`);
});

function walkLiars(liars: readonly number[], lie: (liar: number) => readonly Arrival[]): string {
  const walks = liars.map((liar) => walkAll(liar, lie(liar)));
  assert.equal(sum(walks, "schedules"), liars.length * 720 * 3 ** 4);
  return `${sum(walks, "schedules")} schedules, ${sum(walks, "tallies")} distinct tallies, ${sum(walks, "approvals")} approvals`;
}

test("each node in turn says yes and no, at every pair of positions", (t) => {
  t.diagnostic(walkLiars([0, 1, 2, 3, 4], LIES["yes and no"]!));
});

test("each node in turn says yes to two contents, at every pair of positions", (t) => {
  t.diagnostic(walkLiars([0, 1, 2, 3, 4], LIES["yes to this and yes to other content"]!));
});

test("only the liar is banned, on the same evidence in whichever order its votes came", () => {
  const context = {
    engine,
    roster,
    verifiers: { equivocation: () => undefined, protocolFault: () => undefined, wrongVote: () => false },
  };
  for (const lie of Object.values(LIES)) {
    for (let liar = 0; liar < NODES; liar++) {
      const [a, b] = lie(liar);
      const others = honest.flatMap((own, i) => (i === liar ? [] : [own[i % 2]!.signed]));
      const orders = [
        [a.signed, ...others, b.signed],
        [...others, b.signed, a.signed],
      ];
      const bans = orders.map((votes) => {
        const { contradictions } = tally(engine, electorate, ballot, votes);
        assert.equal(contradictions.length, 1);
        return bansOf(contradictions.map((pair) => convict(context, doubleVoteEvidence(pair), 0)!));
      });
      assert.deepEqual(bans[0], bans[1]);
      assert.deepEqual(
        places(
          cluster,
          bans[0]!.map(({ node }) => node),
        ),
        [liar],
      );
    }
  }
});

/** All ways to give each of `n` things one of `choices`. */
function* assignments<T>(n: number, choices: readonly T[]): Generator<readonly T[]> {
  if (n === 0) yield [];
  else for (const rest of assignments(n - 1, choices)) for (const choice of choices) yield [...rest, choice];
}

test("no two contents of one slot are approved by any two views of the votes", (t) => {
  let cases = 0;
  let approvals = 0;
  for (const n of [4, 5, 6, 7]) {
    const nodes = testCluster(n);
    const f = toleratedFaults(n);
    const other = { ...nodes.ballot, digest: filled(99) };
    const forThis = nodes.ids.map((_, i) => nodes.signed(i));
    const forOther = nodes.ids.map((_, i) => nodes.signed(i, { digest: filled(99) }));
    const approved = (content: typeof other, votes: readonly SignedVote[]): boolean =>
      tally(nodes.engine, nodes.electorate, content, votes).verdict === "approved";
    // Which nodes lie does not matter, so they are the first f; each shows every view the vote that suits it.
    for (const choice of assignments(n - f, ["this", "other", "silent"])) {
      const chose = (what: string) => (_: SignedVote, i: number) => i < f || choice[i - f] === what;
      const first = approved(nodes.ballot, forThis.filter(chose("this")));
      const second = approved(other, forOther.filter(chose("other")));
      assert.ok(!(first && second), `n = ${n}: both approved with ${choice.join(", ")}`);
      approvals += first || second ? 1 : 0;
      cases += 1;
    }
  }
  t.diagnostic(`${cases} assignments, ${approvals} with an approval`);
});
