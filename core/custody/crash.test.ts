/** Mistake 3, the spent mark after the send: die at every write there is, start again, and ask again. */
import { toHex } from "@conclave/bytes";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Cluster } from "./testing/cluster.ts";
import { keygenRequest, runKeygen } from "./testing/keygens.ts";
import { approve, paidAt, payment, propose, sign, type Payment } from "./testing/payments.ts";
import { brokenPromises, transactionsOf } from "./testing/promises.ts";

/** Every write of a run, each before and after it reached the disk, until a run has no such write any more. */
function everyWrite(run: (crash: { at: number; stored: boolean }) => boolean): number {
  for (let at = 1; at < 100; at++) {
    const died = [false, true].map((stored) => run({ at, stored }));
    if (died.every((one) => !one)) return at - 1;
    assert.ok(
      died.every((one) => one),
      `write ${at} happens whether it lasts or not`,
    );
  }
  throw new Error("a run has fewer than 100 writes");
}

/** Two nodes, both of which sign, so that nothing goes on without the one that dies. */
const pair = (seed: string): Cluster => new Cluster({ n: 2, t: 2, seed });

/** Ask again, as a host does: everything the node knew, new votes, new attempts. */
function askAgain(cluster: Cluster, paid: Payment): void {
  for (const attempt of [1, 2]) {
    propose(cluster, paid);
    for (const [from, to] of [
      [1, 2],
      [2, 1],
    ] as const) {
      cluster.do(from, (custody, nowMs) => custody.republish(nowMs, paid.id, cluster.idOf(to), null));
    }
    cluster.pump();
    approve(cluster, paid);
    sign(cluster, paid, { attempt });
  }
}

const nothingIsBroken = (cluster: Cluster, what: string): void => {
  for (const party of cluster.all) assert.deepEqual(brokenPromises(cluster, party), [], `party ${party}, ${what}`);
};

describe("mistake 3: a spent mark after the send", () => {
  for (const victim of [1, 2]) {
    test(`party ${victim} dies at each write of a payment: no promise left before it was on disk, and the payment is made once`, () => {
      const writes = everyWrite((crash) => {
        const what = `write ${crash.at}, ${crash.stored ? "stored" : "lost"}`;
        const cluster = pair("crash").start();
        const paid = payment(cluster);
        cluster.crashAt(victim, crash);
        propose(cluster, paid);
        approve(cluster, paid);
        sign(cluster, paid);
        const died = !cluster.node(victim).alive;
        nothingIsBroken(cluster, what);
        if (!died) return false;

        cluster.restart(victim);
        cluster.pump();
        assert.equal(cluster.node(victim).custody.status().sealed, null, what);
        assert.ok(cluster.node(victim).custody.status().ready, what);
        askAgain(cluster, paid);
        assert.deepEqual(paidAt(cluster, paid), cluster.all, what);
        assert.equal(transactionsOf(cluster).size, 1, what);
        nothingIsBroken(cluster, what);
        for (const { custody } of cluster.nodes) assert.deepEqual(custody.status().bans, [], what);
        return true;
      });
      console.log(`a payment has ${writes} writes at party ${victim}: all ${2 * writes} crashes tried`);
      // The vote, the attempt, the signature with its nonce.
      assert.equal(writes, 3);
    });
  }

  for (const victim of [1, 2]) {
    test(`party ${victim} dies at each write of a key generation: no key is half made, and afterwards there is one`, () => {
      const writes = everyWrite((crash) => {
        const what = `write ${crash.at}, ${crash.stored ? "stored" : "lost"}`;
        const cluster = new Cluster({ n: 2, t: 2, seed: "crash/keygen", withKey: false }).start();
        cluster.crashAt(victim, crash);
        runKeygen(cluster);
        const died = !cluster.node(victim).alive;
        nothingIsBroken(cluster, what);
        isHeldByAllWhoMatter(cluster, what);
        if (!died) return false;

        cluster.restart(victim);
        // The host of the other node resends what was not answered: its certificate.
        cluster.restart(3 - victim);
        cluster.pump();
        isHeldByAllWhoMatter(cluster, what);
        for (const attempt of [1, 2])
          if (active(cluster).some((keys) => keys.length === 0)) runKeygen(cluster, { attempt });
        const [mine, theirs] = active(cluster);
        assert.deepEqual(mine, theirs, what);
        assert.ok(mine!.length >= 1, what);
        nothingIsBroken(cluster, what);

        cluster.adoptKey(mine![0]);
        const paid = payment(cluster);
        propose(cluster, paid);
        approve(cluster, paid);
        sign(cluster, paid);
        assert.deepEqual(paidAt(cluster, paid), cluster.all, what);
        return true;
      });
      console.log(`a key generation has ${writes} writes at party ${victim}: all ${2 * writes} crashes tried`);
      // The attempt, the share, the promise of the certificate, the activation.
      assert.equal(writes, 4);
    });
  }

  const active = (cluster: Cluster): readonly string[][] =>
    cluster.nodes.map(({ custody }) =>
      custody
        .status()
        .keys.map(({ key }) => toHex(key))
        .toSorted(),
    );

  /** Whoever uses a key does so because everybody has its share on disk. */
  const isHeldByAllWhoMatter = (cluster: Cluster, what: string): void => {
    for (const key of active(cluster).flat()) {
      for (const { vaultDisk } of cluster.nodes) {
        assert.ok(
          [...vaultDisk.records.keys()].some((name) => name.startsWith(`share/${key.slice(0, 32)}/`)),
          what,
        );
      }
    }
  };

  test("a journal that fails takes every word back and seals the node, which says what to do", () => {
    const cluster = pair("fails").start();
    const paid = payment(cluster);
    propose(cluster, paid);
    const before = cluster.sent.length;
    // Another process opens the disk: what this one appends is refused from now on.
    cluster.stealDisk(1);
    const events = cluster.do(1, (custody, nowMs) =>
      custody.vote(nowMs, paid.id, 1, true, {
        round: 1,
        coins: paid.coins,
        tipHeight: 10,
        changeIndex: { from: 0, to: 9 },
        replaces: [],
      }),
    );
    assert.deepEqual(
      events.map(({ kind }) => kind),
      ["sealed"],
    );
    assert.equal(cluster.sent.length, before);
    const { sealed, ready } = cluster.node(1).custody.status();
    assert.match(sealed!, /the safety journal failed .* mend the disk and start this node again/);
    assert.equal(ready, false);
    assert.deepEqual(cluster.deliver(1, cluster.sent[0]!.wire), []);
  });

  test("a vault that fails seals the node as well, and the share that it did not hold is certified by nobody", () => {
    const cluster = new Cluster({ n: 2, t: 2, withKey: false }).start();
    cluster.failVault(1);
    runKeygen(cluster);
    assert.match(cluster.node(1).custody.status().sealed!, /the vault failed .* mend the disk/);
    for (const { custody } of cluster.nodes) assert.deepEqual(custody.status().keys, []);
    const request = keygenRequest(cluster);
    cluster.restart(1);
    cluster.pump();
    assert.ok(runKeygen(cluster, { request, attempt: 1 }) !== null);
  });
});
