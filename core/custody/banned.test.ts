/** What a banned node may still say, and what is heard of it. */
import { compareBytes } from "@conclave/bytes";
import { evidenceCodec, signedVoteCodec } from "@conclave/consensus";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Cluster } from "./testing/cluster.ts";
import { approve, coin, paidAt, payment, propose, revisionOf, sign, vote } from "./testing/payments.ts";
import { bannedAt, LIAR, proposed, voteBy } from "./testing/suspects.ts";

const HONEST = [1, 2, 3, 4];
const HOUR_MS = 3_600_000;

describe("a banned node", () => {
  test("is not heard: neither its votes, nor its setups, nor its results", () => {
    const { cluster, paid } = proposed();
    const fields = { kind: "setup" as const, request: paid.id, attempt: 9, round: "1.1" };
    for (const fill of [7, 8]) cluster.deliver(2, cluster.forge(LIAR, fields, new Uint8Array(4).fill(fill)));
    cluster.pump();
    const heard = cluster.node(1).events.length;
    vote(cluster, LIAR, paid);
    cluster.do(LIAR, (custody, nowMs) =>
      custody.propose(nowMs, payment(cluster, { idempotencyKey: "theirs" }).proposal),
    );
    cluster.pump();
    assert.equal(cluster.node(1).events.length, heard);
    // When the ban is over it is.
    cluster.nowMs += 25 * HOUR_MS;
    vote(cluster, LIAR, paid, { round: 2 });
    cluster.pump();
    assert.ok(cluster.events(1, "voted").some(({ voter }) => voter === cluster.idOf(LIAR)));
  });

  test("is believed in what others may have approved before: its further revision is known, and never approved", () => {
    const cluster = new Cluster().start();
    const first = payment(cluster, { origin: LIAR });
    propose(cluster, first, { by: LIAR });
    const fields = { kind: "setup" as const, request: first.id, attempt: 9, round: "1.1" };
    for (const fill of [7, 8]) cluster.deliver(2, cluster.forge(LIAR, fields, new Uint8Array(4).fill(fill)));
    assert.deepEqual(bannedAt(cluster, 2), [LIAR]);

    const second = revisionOf(cluster, first.request, { number: 2, coins: [coin(2)] });
    const told = { kind: "proposal" as const, request: first.id, round: "2" };
    cluster.deliver(2, cluster.forge(LIAR, told, second.proposal));
    assert.equal(cluster.events(2, "proposed").at(-1)?.revision, 2);
    const [objected] = vote(cluster, 2, second);
    assert.equal(objected?.kind === "objected" && objected.objections[0]?.code, "origin-banned");
    // A new request is not heard, whatever its header says it is about.
    const other = payment(cluster, { origin: LIAR, idempotencyKey: "theirs" });
    cluster.deliver(2, cluster.forge(LIAR, { ...told, round: "1" }, other.proposal));
    assert.equal(cluster.events(2, "proposed").at(-1)?.revision, 2);
    // What was known before the ban is judged as ever.
    assert.ok(vote(cluster, 2, first).some(({ kind }) => kind === "voted"));
  });

  test("that learns of its own ban, by a clone of it that lied, takes part in nothing and does not fail", () => {
    const { cluster, paid } = proposed();
    approve(cluster, paid, { by: [2, 3, 4, LIAR] });
    const wires = [false, true].map((value) => voteBy(cluster, LIAR, paid, { value, round: 9 }));
    const [first, second] = wires
      .map((wire) => signedVoteCodec.decode(cluster.reader.open(wire).body))
      .toSorted((a, b) => compareBytes(signedVoteCodec.encode(a), signedVoteCodec.encode(b)));
    const evidence = evidenceCodec.encode({ kind: "DoubleVote", first: first!, second: second! });
    cluster.deliver(LIAR, cluster.forge(1, { kind: "evidence" }, evidence));
    assert.deepEqual(bannedAt(cluster, LIAR), [LIAR]);
    sign(cluster, paid);
    assert.deepEqual(cluster.events(LIAR, "joined"), []);
    assert.match(cluster.dropped(LIAR).at(-1)!, /this node itself is banned/);
    for (const party of HONEST) assert.ok(paidAt(cluster, paid).includes(party));
  });
});
