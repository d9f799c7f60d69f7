/**
 * Split views: a liar says two things in one slot, the network shows every honest node another part of what was said. Every pair
 * of views that can arise among five nodes is compared: what they approve, whom they accuse, and what both conclude in the end.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { bansOf, convict } from "./bans.ts";
import { advance, NEW_TRANSACTION } from "./machine.ts";
import { tally, type Ballot, type Tally } from "./tally.ts";
import { filled, testCluster } from "./testing/cluster.ts";
import { doubleVoteEvidence } from "./violations.ts";
import type { SignedVote } from "./vote.ts";

const NODES = 5;
const cluster = testCluster(NODES);
const { engine, roster, electorate, ballot } = cluster;
const other: Ballot = { ...ballot, digest: filled(99) };
const verifiers = { equivocation: () => undefined, protocolFault: () => undefined, wrongVote: () => false };

const yes = cluster.ids.map((_, i) => cluster.signed(i));
const no = cluster.ids.map((_, i) => cluster.signed(i, { value: false }));
const otherYes = cluster.ids.map((_, i) => cluster.signed(i, { digest: filled(99) }));

/** What two views can hold of one honest node: its one vote, seen by both, by one or by none. */
const HONEST = ["both yes", "first yes", "second yes", "both no", "first no", "second no", "neither"] as const;
/** What one view can hold of the liar: none, one or both of the things that it says. */
const LIAR = [[], [0], [1], [0, 1]] as const;

const LIES: Readonly<Record<string, readonly [readonly SignedVote[], readonly SignedVote[]]>> = {
  "yes and no": [yes, no],
  "yes to this and yes to other content": [yes, otherYes],
};

/** Votes as a view: kept by who is heard, because equal views have equal tallies. */
class Views {
  readonly #tallies = new Map<string, Tally>();
  readonly #ballot: Ballot;
  constructor(ballotOf: Ballot) {
    this.#ballot = ballotOf;
  }

  tallyOf(name: string, votes: readonly SignedVote[]): Tally {
    const known = this.#tallies.get(name) ?? tally(engine, electorate, this.#ballot, votes);
    this.#tallies.set(name, known);
    return known;
  }

  get size(): number {
    return this.#tallies.size;
  }
}

interface View {
  readonly name: string;
  readonly votes: readonly SignedVote[];
}

function* assignments(count: number): Generator<readonly (typeof HONEST)[number][]> {
  if (count === 0) yield [];
  else for (const rest of assignments(count - 1)) for (const choice of HONEST) yield [...rest, choice];
}

/** Puts a view together in the order of nodes; that order changes nothing is shown in `exhaustive.test.ts`. */
function viewOf(parts: readonly (readonly [name: string, vote: SignedVote])[]): View {
  return { name: parts.map(([name]) => name).join(), votes: parts.map(([, vote]) => vote) };
}

for (const [lie, [first, second]] of Object.entries(LIES)) {
  test(`${lie}: no two views of it, whoever lies, lead honest nodes apart`, (t) => {
    let [pairs, approvals, apart] = [0, 0, 0];
    const [views, otherViews] = [new Views(ballot), new Views(other)];
    const choices = [...assignments(NODES - 1)];
    for (let liar = 0; liar < NODES; liar++) {
      const says = [first[liar]!, second[liar]!];
      const honest = [0, 1, 2, 3, 4].filter((node) => node !== liar);
      for (const choice of choices) {
        const heardBy = (which: "first" | "second") =>
          honest.flatMap((node, i) => {
            const [who, value] = choice[i]!.split(" ") as [string, "yes" | "no" | undefined];
            if (value === undefined || (who !== "both" && who !== which)) return [];
            return [[`${node}${value}`, (value === "yes" ? yes : no)[node]!] as const];
          });
        const [heardA, heardB] = [heardBy("first"), heardBy("second")];
        for (const liesA of LIAR) {
          for (const liesB of LIAR) {
            const lies = (told: readonly number[]) => told.map((i) => [`${liar}lie${lie}${i}`, says[i]!] as const);
            const a = viewOf([...heardA, ...lies(liesA)]);
            const b = viewOf([...heardB, ...lies(liesB)]);
            const all = viewOf([...new Map([...heardA, ...heardB, ...lies([...liesA, ...liesB])])]);
            const [ofA, ofB, ofAll] = [a, b, all].map(({ name, votes }) => views.tallyOf(name, votes)) as [
              Tally,
              Tally,
              Tally,
            ];
            pairs += 1;
            for (const [of, told] of [
              [ofA, liesA],
              [ofB, liesB],
              [ofAll, [...new Set([...liesA, ...liesB])]],
            ] as const)
              assert.deepEqual(
                of.equivocators,
                told.length === 2 ? [cluster.ids[liar]] : [],
                "exactly the liar, once both are seen",
              );
            if (ofA.verdict === "approved") {
              approvals += 1;
              assert.notEqual(otherViews.tallyOf(b.name, b.votes).verdict, "approved", "both contents approved");
              // One that approved and one that rejected differ by the liar alone: without it neither has decided otherwise.
              if (ofB.verdict === "rejected") {
                apart += 1;
                assert.ok(liesA.length > 0 || liesB.length > 0, "honest votes alone led two nodes apart");
              }
            }
            // Once both have seen everything, both have the same in hand, whatever they thought before.
            const [endA, endB] = [ofA, ofB].map((before) => concluded(before, ofAll)) as [string, string];
            if (ofA.verdict !== "approved" && ofB.verdict !== "approved" && ofA.verdict === ofB.verdict)
              assert.equal(endA, endB);
          }
        }
      }
    }
    t.diagnostic(
      `${pairs} pairs of views, ${views.size + otherViews.size} distinct tallies, ${approvals} with an approval, ${apart} in which the liar made one reject what the other approved`,
    );
    assert.equal(pairs, NODES * 7 ** 4 * 16);
  });
}

/** Where the machine stands after a view, and then all of it. */
function concluded(before: Tally, after: Tally): string {
  const voting = advance(NEW_TRANSACTION, { kind: "votingOpened" }).status;
  const once = advance(voting, { kind: "votesCounted", ...before }).status;
  return advance(once, { kind: "votesCounted", ...after }).status.state;
}

test("each of two views that saw both messages bans the liar for the same incident, whatever else it saw", (t) => {
  let views = 0;
  for (const [first, second] of Object.values(LIES)) {
    for (let liar = 0; liar < NODES; liar++) {
      const incidents = new Set<string>();
      for (let subset = 0; subset < 2 ** (NODES - 1); subset++) {
        const honest = [0, 1, 2, 3, 4].filter((node) => node !== liar).filter((_, i) => (subset & (1 << i)) !== 0);
        for (const said of [
          [first[liar]!, second[liar]!],
          [second[liar]!, first[liar]!],
        ]) {
          const votes = [said[0]!, ...honest.map((node) => yes[node]!), said[1]!];
          const { contradictions } = tally(engine, electorate, ballot, votes);
          const context = { engine, roster, verifiers };
          const bans = bansOf(contradictions.map((pair) => convict(context, doubleVoteEvidence(pair), views)!));
          assert.deepEqual(
            bans.map(({ node, strike }) => [node, strike]),
            [[cluster.ids[liar], 1]],
          );
          incidents.add(bans[0]!.incidents.join());
          views += 1;
        }
      }
      assert.equal(incidents.size, 1, "one act is one incident on every node");
    }
  }
  t.diagnostic(`${views} views`);
});
