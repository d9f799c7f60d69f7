/** What a node said once it says again, to whoever may have missed it, and it says the same; nobody speaks for another. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { signedVoteCodec, signVote } from "@conclave/consensus";
import { toHex } from "@conclave/bytes";
import { setupCodec } from "./attempts.ts";
import { Cluster } from "./testing/cluster.ts";
import { approve, payment, propose, revisionOf, sign, vote, type Payment } from "./testing/payments.ts";

const sentBy = (cluster: Cluster, party: number, kind: string): readonly Uint8Array[] =>
  cluster.sent.flatMap(({ from, wire }) =>
    from === party && cluster.reader.open(wire).header.kind === kind ? [wire] : [],
  );

describe("a proposal", () => {
  test("comes from the node that took the request in, and from nobody else", () => {
    const cluster = new Cluster().start();
    const paid = payment(cluster, { origin: 1 });
    const stranger = cluster.forge(4, { kind: "proposal", request: paid.id, round: "1" }, paid.proposal);
    cluster.deliver(2, stranger);
    assert.equal(cluster.events(2, "proposed").length, 0);
    assert.match(cluster.dropped(2).at(-1)!, /only the node that took a request in may propose/);
    propose(cluster, paid);
    const rival = revisionOf(cluster, paid.request, { number: 2, changeIndex: 3 });
    cluster.deliver(2, cluster.forge(4, { kind: "proposal", request: paid.id, round: "2" }, rival.proposal));
    assert.equal(cluster.events(2, "proposed").length, 1, "a liar does not use the numbers up");
  });

  test("is passed on in its origin's own envelope", () => {
    const cluster = new Cluster();
    for (const party of [1, 2, 3, 4]) cluster.do(party, (custody, nowMs) => custody.start(nowMs, []));
    cluster.pump();
    const paid = payment(cluster);
    cluster.route = (frame) => (frame.to === 5 ? [] : [frame]);
    propose(cluster, paid);
    cluster.route = null;
    cluster.do(5, (custody, nowMs) => custody.start(nowMs, []));
    cluster.do(2, (custody, nowMs) => custody.republish(nowMs, paid.id, cluster.idOf(5), null));
    cluster.pump();
    const [proposed] = cluster.events(5, "proposed");
    assert.equal(proposed?.from, cluster.idOf(1));
    assert.deepEqual(sentBy(cluster, 2, "proposal")[0], sentBy(cluster, 1, "proposal")[0]);
  });

  test("is not passed on by a node that has only its content any more, but by its origin it is", () => {
    const cluster = new Cluster().start();
    const paid = payment(cluster);
    propose(cluster, paid);
    for (const party of [1, 2]) {
      cluster.kill(party);
      cluster.restart(party);
      cluster.pump();
      const before = sentBy(cluster, party, "proposal").length;
      cluster.do(party, (custody, nowMs) => custody.republish(nowMs, paid.id, cluster.idOf(5), null));
      assert.equal(sentBy(cluster, party, "proposal").length - before, party === 1 ? 1 : 0);
    }
  });
});

describe("a vote", () => {
  /** The vote is on disk, and the process dies before anybody hears it. */
  const lost = (value: boolean): { readonly cluster: Cluster; readonly paid: Payment } => {
    const cluster = new Cluster().start();
    const paid = payment(cluster);
    propose(cluster, paid);
    cluster.crashAt(3, { at: 1, stored: true });
    vote(cluster, 3, paid, { value });
    return { cluster, paid };
  };

  for (const value of [true, false]) {
    test(`of ${value ? "yes" : "no"} that was lost in a crash is cast again as it was, whatever is asked`, () => {
      const { cluster, paid } = lost(value);
      assert.equal(sentBy(cluster, 3, "vote").length, 0, "nobody heard it");
      cluster.restart(3);
      cluster.pump();
      for (const asked of [true, false]) {
        // Neither what is asked nor what the chain shows by now makes a difference.
        vote(cluster, 3, paid, { value: asked, coins: [] });
        const cast = cluster.reader.open(sentBy(cluster, 3, "vote").at(-1)!);
        assert.equal(signedVoteCodec.decode(cast.body).vote.value, value);
      }
    });
  }

  test("is the same bytes however often it is asked for", () => {
    const cluster = new Cluster().start();
    const paid = payment(cluster);
    propose(cluster, paid);
    for (const value of [false, true, true, false]) vote(cluster, 2, paid, { value });
    const wires = sentBy(cluster, 2, "vote").map(toHex);
    assert.equal(wires.length, 4 * 4);
    assert.equal(new Set(wires).size, 1);
  });
});

describe("a node that starts", () => {
  test("is asked again by one that still waits for its word", () => {
    const cluster = new Cluster({ n: 4, t: 3 });
    cluster.kill(2);
    for (const party of [1, 3, 4]) cluster.do(party, (custody, nowMs) => custody.start(nowMs, []));
    cluster.pump();
    assert.equal(cluster.node(1).custody.status().ready, false, "all three peers are needed");
    cluster.restart(2);
    cluster.pump();
    for (const party of cluster.all) assert.equal(cluster.node(party).custody.status().ready, true, `party ${party}`);
  });

  test("tells what it convicted others of, and hears what others did", () => {
    const cluster = new Cluster().start();
    const paid = payment(cluster);
    propose(cluster, paid);
    vote(cluster, 5, paid);
    const [wire] = sentBy(cluster, 5, "vote");
    const { vote: cast } = signedVoteCodec.decode(cluster.reader.open(wire!).body);
    const other = signVote(cluster.node(5).identity.vote, { ...cast, value: false });
    cluster.route = (frame, { header }) => (header.kind === "evidence" || frame.to === 4 ? [] : [frame]);
    cluster.pump();
    cluster.deliver(
      1,
      cluster.forge(5, { kind: "vote", request: paid.id, round: "1.1" }, signedVoteCodec.encode(other)),
    );
    cluster.pump();
    const banning = (): readonly number[] =>
      cluster.all.filter((party) => cluster.node(party).custody.status().bans.length > 0);
    assert.deepEqual(banning(), [1], "the word to the others was lost");
    cluster.route = null;
    cluster.kill(1);
    cluster.restart(1);
    cluster.pump();
    assert.deepEqual(banning(), [1, 2, 3, 4]);
  });
});

test("a ban decides what the banned node's silence had left open", () => {
  const cluster = new Cluster({ n: 4, t: 3 }).start();
  const [first, second] = [payment(cluster), payment(cluster, { idempotencyKey: "invoice 8" })];
  propose(cluster, first);
  propose(cluster, second);
  vote(cluster, 4, first);
  for (const party of [1, 2, 3]) vote(cluster, party, second, { value: party !== 3, coins: second.coins });
  cluster.pump();
  const decided = (): readonly string[] =>
    cluster
      .events(1, "verdict")
      .flatMap(({ request, verdict }) => (toHex(request) === toHex(second.id) ? [verdict] : []));
  assert.deepEqual(decided(), [], "two yes, one no, and one that may say yes");
  const { vote: cast } = signedVoteCodec.decode(cluster.reader.open(sentBy(cluster, 4, "vote")[0]!).body);
  const other = signVote(cluster.node(4).identity.vote, { ...cast, value: false });
  cluster.deliver(
    1,
    cluster.forge(4, { kind: "vote", request: first.id, round: "1.1" }, signedVoteCodec.encode(other)),
  );
  assert.equal(cluster.node(1).custody.status().bans.length, 1);
  assert.deepEqual(decided(), ["rejected"]);
});

test("a setup that is not joined tells the host whom to tell what became of the request", () => {
  const cluster = new Cluster().start();
  const paid = payment(cluster);
  propose(cluster, paid);
  approve(cluster, paid);
  sign(cluster, paid);
  const subject = { request: paid.id, revision: paid.number, digest: paid.digest, round: 1, attempt: 1 };
  const fields = { kind: "setup" as const, request: paid.id, attempt: 1, round: "1.1" };
  // The second attempt is party 2's to open.
  const events = cluster.deliver(4, cluster.forge(3, fields, setupCodec.encode({ ...subject, votes: [] })));
  const declined = events.find(({ kind }) => kind === "declined");
  assert.deepEqual(declined, { kind: "declined", request: paid.id, node: cluster.idOf(3) });
});
