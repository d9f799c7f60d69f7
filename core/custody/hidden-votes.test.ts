/** Nobody hides a double vote behind other votes, or fills this node with votes on what nobody can have proposed. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { EnvelopeReader, type Envelope } from "./envelope.ts";
import { MAX_REVISION_GAP } from "./locks/index.ts";
import { SafetyLog } from "./safety-log.ts";
import { memoryJournal } from "./testing/memory-journal.ts";
import { nodeEngine } from "@conclave/engine-node";
import { Cluster } from "./testing/cluster.ts";
import { payment, propose, vote } from "./testing/payments.ts";
import { bannedAt, LIAR, proposed, voteBy } from "./testing/suspects.ts";
import { Tribunal } from "./tribunal.ts";

const doubleVote = (cluster: Cluster, paid: ReturnType<typeof proposed>["paid"], to: number): void => {
  for (const value of [true, false]) cluster.deliver(to, voteBy(cluster, LIAR, paid, { value }));
};

for (const [name, rounds] of [
  ["below", Array.from({ length: 20 }, (_, i) => i + 2)],
  ["above", Array.from({ length: 20 }, (_, i) => 100 - i)],
] as const)
  test(`votes in twenty other rounds, the ${name} ones first, hide no double vote`, () => {
    const { cluster, paid } = proposed();
    for (const round of rounds) cluster.deliver(2, voteBy(cluster, LIAR, paid, { round }));
    assert.ok(cluster.events(2, "voted").length > 8, "the other rounds were heard");
    doubleVote(cluster, paid, 2);
    cluster.pump();
    assert.deepEqual(bannedAt(cluster, 2), [LIAR]);
  });

test("the same vote at many journal positions hides no double vote, and is kept once", () => {
  const { cluster, paid } = proposed();
  const before = cluster.events(2, "voted").length;
  for (let generation = 1; generation <= 40; generation++)
    cluster.deliver(2, voteBy(cluster, LIAR, paid, { generation, value: true }));
  assert.equal(cluster.events(2, "voted").length, before + 1);
  doubleVote(cluster, paid, 2);
  cluster.pump();
  assert.deepEqual(bannedAt(cluster, 2), [LIAR]);
});

test("of many rounds the lowest eight are kept, whatever order they come in", () => {
  const { cluster, paid } = proposed();
  const heard = (): readonly number[] =>
    cluster.events(2, "voted").flatMap(({ voter, round }) => (voter === cluster.idOf(LIAR) ? [round] : []));
  for (let round = 20; round >= 1; round--) cluster.deliver(2, voteBy(cluster, LIAR, paid, { round }));
  assert.equal(heard().length, 20, "each was among the lowest when it came");
  for (let round = 9; round <= 20; round++) cluster.deliver(2, voteBy(cluster, LIAR, paid, { round, generation: 9 }));
  assert.equal(heard().length, 20, "none of these is");
});

test("a vote on a revision too far beyond what is known is not kept", () => {
  const { cluster, paid } = proposed();
  const before = cluster.events(2, "voted").length;
  const [near, far] = [1 + MAX_REVISION_GAP, 2 + MAX_REVISION_GAP];
  cluster.deliver(2, voteBy(cluster, LIAR, paid, { revision: far }));
  assert.equal(cluster.events(2, "voted").length, before);
  cluster.deliver(2, voteBy(cluster, LIAR, paid, { revision: near }));
  assert.equal(cluster.events(2, "voted").length, before + 1);
});

test("votes on requests that never come do not keep out one on a request that comes", () => {
  const cluster = new Cluster().start();
  const paid = payment(cluster);
  const twin = new Cluster().start();
  propose(twin, payment(twin));
  vote(twin, 1, payment(twin));
  twin.pump();
  for (let fill = 1; fill <= 100; fill++)
    cluster.deliver(2, voteBy(twin, LIAR, paid, { request: new Uint8Array(32).fill(fill) }));
  cluster.deliver(2, voteBy(twin, LIAR, paid));
  propose(cluster, paid);
  const voters = cluster.events(2, "voted").map(({ voter }) => voter);
  assert.ok(voters.includes(cluster.idOf(LIAR)), "the vote that came after a hundred useless ones counts");
});

test("a liar that fills slots makes forget its own, and nobody else's", () => {
  const cluster = new Cluster().start();
  const tribunal = new Tribunal({
    engine: nodeEngine,
    roster: cluster.roster,
    log: new SafetyLog(memoryJournal()),
    reader: new EnvelopeReader(nodeEngine, cluster.roster, cluster.rosterHash),
    protocols: [],
  });
  const request = new Uint8Array(32).fill(7);
  const filled = (party: number, attempt: number, content: number): Envelope =>
    cluster.reader.open(
      cluster.forge(party, { kind: "begin", request, round: "1.1", attempt }, Uint8Array.of(content)),
    );
  const attempts = 1_100;
  tribunal.watch(filled(1, 0, 1));
  for (let attempt = 0; attempt < attempts; attempt++) tribunal.watch(filled(LIAR, attempt, 1));
  assert.equal(tribunal.watch(filled(1, 0, 2))?.kind, "Equivocation");
  assert.equal(tribunal.watch(filled(LIAR, attempts - 1, 2))?.kind, "Equivocation");
  assert.equal(tribunal.watch(filled(LIAR, 3, 2)), null, "too long ago");
});
