/** A journal that went back is noticed by peers, and its node falls silent for good. */
import { rawCbor, utf8 } from "@conclave/bytes";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ackCodec } from "./attempts.ts";
import { witnessesNeeded } from "./settings.ts";
import { Cluster, type Frame } from "./testing/cluster.ts";
import { approve, open, payment, propose, sign, vote, type Payment } from "./testing/payments.ts";

const sealedOf = (cluster: Cluster, party: number): string | null => cluster.node(party).custody.status().sealed;
const isReady = (cluster: Cluster, party: number): boolean => cluster.node(party).custody.status().ready;

/** A node whose journal went back neither votes nor joins an attempt, and says why. */
function isSilent(cluster: Cluster, party: number, paid: Payment): void {
  assert.match(sealedOf(cluster, party)!, /the safety journal was rolled back/);
  assert.match(sealedOf(cluster, party)!, /Put the latest journal back, or remove this node from the roster/);
  assert.equal(isReady(cluster, party), false);
  const before = cluster.sent.length;
  for (const value of [true, false]) vote(cluster, party, paid, { value, round: 7 });
  cluster.do(party, (custody, nowMs) => custody.abandon(nowMs, paid.id, paid.number));
  const setup = cluster.sent.map(({ wire }) => wire).find((wire) => cluster.reader.open(wire).header.kind === "setup");
  if (setup !== undefined) cluster.deliver(party, setup);
  assert.equal(cluster.sent.length, before, "a sealed node says nothing");
  assert.match(cluster.dropped(party).at(-1)!, /rolled back/);
}

describe("a start", () => {
  test("needs n − t + 1 + f peers, or all there are", () => {
    const needed = (n: number, t: number): number => witnessesNeeded(new Cluster({ n, t, withKey: false }).settings);
    // f = ⌊(n − 1) / 3⌋.
    assert.equal(needed(5, 4), 3);
    assert.equal(needed(7, 5), 5);
    assert.equal(needed(4, 3), 3);
    assert.equal(needed(3, 2), 2);
    assert.equal(needed(2, 2), 1);
  });

  test("leaves a node silent until so many have answered, each counted once", () => {
    const cluster = new Cluster().start();
    const paid = payment(cluster);
    propose(cluster, paid);
    const answers: Frame[] = [];
    cluster.route = (frame, { header }) => {
      if (header.kind !== "witness") return [frame];
      answers.push(frame);
      return [];
    };
    cluster.restart(5);
    cluster.pump();
    assert.ok(answers.length >= 4);
    cluster.route = null;
    for (const { wire } of [...answers.slice(0, 2), ...answers.slice(0, 2)]) cluster.deliver(5, wire);
    assert.equal(isReady(cluster, 5), false);
    vote(cluster, 5, paid);
    assert.match(cluster.dropped(5).at(-1)!, /waiting for peers to confirm this node's journal/);
    assert.deepEqual(cluster.events(5, "voted"), []);
    cluster.deliver(5, answers[2]!.wire);
    assert.equal(isReady(cluster, 5), true);
    vote(cluster, 5, paid);
    assert.equal(cluster.events(5, "voted").length, 1);
  });

  test("does not count answers to an earlier start, nor answers without a question", () => {
    const cluster = new Cluster({ n: 3, t: 2 }).start();
    const old = cluster.sent.filter(({ to, wire }) => to === 3 && cluster.reader.open(wire).header.kind === "witness");
    assert.ok(old.length >= 2);
    cluster.route = (frame, { header }) => (header.kind === "witness" ? [] : [frame]);
    cluster.restart(3);
    cluster.pump();
    for (const { wire } of old) cluster.deliver(3, wire);
    assert.equal(isReady(cluster, 3), false);
    const made = rawCbor.encode([new Uint8Array(16), null]);
    for (const party of [1, 2])
      cluster.deliver(3, cluster.forge(party, { kind: "witness", receiver: cluster.idOf(3) }, made));
    assert.equal(isReady(cluster, 3), false);
  });

  test("survives statements and kept messages that are damaged: each costs itself", () => {
    const cluster = new Cluster({ n: 3, t: 2 }).start();
    const paid = payment(cluster);
    propose(cluster, paid);
    approve(cluster, paid);
    const kept = cluster.events(1, "witnessed").map(({ wire }) => wire);
    const junk = [new Uint8Array(0), utf8("nothing"), kept[0]!.slice(1)];
    cluster.restart(1, { recall: false });
    cluster.node(1).events.length = 0;
    cluster.restart(1, { recall: false, statements: [...junk, ...kept] });
    cluster.pump();
    assert.equal(isReady(cluster, 1), true);
    assert.equal(cluster.events(1, "witnessed").length, 2);
    const votes = cluster.events(2, "voted").map((event) => event.vote);
    cluster.do(1, (custody, nowMs) =>
      custody.recall(nowMs, {
        proposals: [utf8("no"), paid.proposal],
        votes: [utf8("no"), ...votes],
        abandons: [utf8("no")],
      }),
    );
    assert.equal(cluster.events(1, "verdict").at(-1)?.verdict, "approved");
  });
});

describe("mistake 3, a snapshot restored: a journal that was rolled back", () => {
  const approved = () => {
    const cluster = new Cluster({ n: 3, t: 2 }).start();
    const paid = payment(cluster);
    propose(cluster, paid);
    const before = cluster.node(3).journalDisk.records;
    approve(cluster, paid);
    return { cluster, paid, before };
  };

  test("by a single vote is noticed, though the start itself writes a record", () => {
    const { cluster, paid, before } = approved();
    // The vote, and what it counts against the limit per day.
    assert.equal(cluster.node(3).journalDisk.records.length, before.length + 2);
    cluster.kill(3);
    cluster.node(3).journalDisk.records = before;
    cluster.restart(3);
    cluster.pump();
    isSilent(cluster, 3, paid);
    assert.equal(cluster.events(3, "sealed").length, 1);
  });

  test("is noticed after any number of starts that nobody answered, however long it has grown", () => {
    const { cluster, paid, before } = approved();
    cluster.kill(3);
    cluster.node(3).journalDisk.records = before;
    cluster.route = () => [];
    for (let i = 0; i < 5; i++) cluster.restart(3);
    cluster.route = null;
    cluster.restart(3);
    cluster.pump();
    isSilent(cluster, 3, paid);
  });

  test("to any point before its last statement is noticed: every snapshot of a payment", () => {
    const { cluster, paid } = approved();
    sign(cluster, paid);
    sign(cluster, paid, { attempt: 1 });
    const { records } = cluster.node(3).journalDisk;
    const statement = cluster.node(1).custody;
    assert.ok(statement.status().ready);
    const acked = cluster.events(1, "witnessed").filter(({ node }) => node === cluster.idOf(3));
    const last = acked.at(-1)!.generation;
    assert.ok(last > 3);
    for (let length = 1; length < last; length++) {
      cluster.kill(3);
      cluster.node(3).journalDisk.records = records.slice(0, length);
      cluster.restart(3, { recall: false });
      cluster.pump();
      assert.match(
        sealedOf(cluster, 3) ?? "nothing noticed",
        /rolled back/,
        `snapshot of ${length} records, statement at ${last}`,
      );
    }
    cluster.kill(3);
    cluster.node(3).journalDisk.records = records;
    cluster.restart(3);
    cluster.pump();
    assert.deepEqual([sealedOf(cluster, 3), isReady(cluster, 3)], [null, true]);
  });

  test("to before an ack is noticed by whoever saw the acks in the begin, not by the coordinator alone", () => {
    const { cluster, paid } = approved();
    const before = cluster.node(3).journalDisk.records;
    sign(cluster, paid);
    // The coordinator, the only one who was sent the ack, is gone with all it knew.
    cluster.kill(1);
    cluster.kill(3);
    cluster.node(3).journalDisk.records = before;
    cluster.restart(3);
    cluster.pump();
    assert.match(sealedOf(cluster, 3) ?? "nothing noticed", /rolled back/);
  });

  test("to nothing is noticed: a wiped disk does not start over", () => {
    const { cluster, paid } = approved();
    cluster.kill(3);
    cluster.node(3).journalDisk.records = [];
    cluster.restart(3);
    cluster.pump();
    assert.match(sealedOf(cluster, 3)!, /rolled back/);
    assert.equal(isReady(cluster, 3), false);
    assert.ok(paid.number === 1);
  });

  test("is noticed late as well: a node that was let in falls silent when the statement turns up", () => {
    const { cluster, paid, before } = approved();
    cluster.kill(3);
    cluster.node(3).journalDisk.records = before;
    const held: Frame[] = [];
    cluster.route = (frame, { header }) => {
      if (header.kind !== "witness") return [frame];
      if (frame.from === 1) {
        held.push(frame);
        return [];
      }
      // Party 2 lies for its friend: it has seen nothing.
      const nonce = (rawCbor.decode(cluster.reader.open(frame.wire).body) as [Uint8Array])[0];
      const body = rawCbor.encode([nonce, null]);
      return [{ ...frame, wire: cluster.forge(2, { kind: "witness", receiver: cluster.idOf(3) }, body) }];
    };
    cluster.restart(3);
    cluster.pump();
    assert.deepEqual([sealedOf(cluster, 3), isReady(cluster, 3)], [null, false]);
    cluster.deliver(3, held[0]!.wire);
    isSilent(cluster, 3, paid);
  });

  test("that lost a promise nobody ever heard of goes unnoticed, and harms nobody: it never left", () => {
    const cluster = new Cluster({ n: 3, t: 2 }).start();
    const paid = payment(cluster);
    propose(cluster, paid);
    const before = cluster.node(3).journalDisk.records;
    cluster.route = (frame, { header }) => (header.kind === "vote" ? [] : [frame]);
    vote(cluster, 3, paid);
    cluster.kill(3);
    cluster.node(3).journalDisk.records = before;
    cluster.route = null;
    cluster.restart(3);
    cluster.pump();
    assert.deepEqual([sealedOf(cluster, 3), isReady(cluster, 3)], [null, true]);
  });
});

describe("testimony", () => {
  test("cannot seal an honest node: not by another's statement, a forged one, or none", () => {
    const cluster = new Cluster({ n: 4, t: 3 }).start();
    const paid = payment(cluster);
    propose(cluster, paid);
    approve(cluster, paid);
    open(cluster, paid);
    const own = cluster.sent.find(
      ({ from, wire }) => from === 4 && ["ack", "vote"].includes(cluster.reader.open(wire).header.kind),
    )!;
    const { header, body } = cluster.reader.open(
      cluster.sent.find(({ from, wire }) => from === 2 && cluster.reader.open(wire).header.kind === "ack")!.wire,
    );
    const { sender: _, length: __, version: ___, roster: ____, ...fields } = header;
    const future = cluster.forge(2, fields, ackCodec.encode({ ...ackCodec.decode(body), generation: 1_000_000 }));
    const altered = own.wire.map((byte, i) => (i === own.wire.length - 1 ? byte ^ 1 : byte));
    cluster.route = (frame, envelope) => {
      if (envelope.header.kind !== "witness") return [frame];
      const [nonce] = rawCbor.decode(envelope.body) as [Uint8Array];
      return [future, altered, own.wire, null, new Uint8Array(5)].map((statement) => ({
        ...frame,
        wire: cluster.forge(
          frame.from,
          { kind: "witness", receiver: cluster.idOf(4) },
          rawCbor.encode([nonce, statement]),
        ),
      }));
    };
    cluster.restart(4);
    cluster.pump();
    assert.deepEqual([sealedOf(cluster, 4), isReady(cluster, 4)], [null, true]);
  });

  test("is the highest statement, whatever order it was heard in", () => {
    const cluster = new Cluster({ n: 3, t: 2 }).start();
    const paid = payment(cluster);
    propose(cluster, paid);
    vote(cluster, 3, paid);
    vote(cluster, 3, paid, { round: 2 });
    cluster.pump((waiting) => waiting - 1);
    const heard = cluster.events(1, "witnessed").filter(({ node }) => node === cluster.idOf(3));
    assert.equal(heard.length, 1, "the later one came first; the earlier one tells nothing new");
    assert.equal(heard[0]!.generation, cluster.node(3).journalDisk.records.length);
  });
});
