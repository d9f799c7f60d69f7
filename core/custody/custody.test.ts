import { toHex } from "@conclave/bytes";
import { seededDice } from "@conclave/protocol/testing";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { viewKey } from "./index.ts";
import { requestId } from "./request.ts";
import { Cluster } from "./testing/cluster.ts";
import { beginKeygen, keygenRequest, openKeygen, proposeKeygen, runKeygen } from "./testing/keygens.ts";
import {
  approve,
  attemptName,
  circumstances,
  coin,
  coordinatorOf,
  paidAt,
  payment,
  propose,
  sign,
} from "./testing/payments.ts";

describe("a payment", () => {
  test("is proposed, approved and signed, and every node ends with the same transaction", () => {
    const cluster = new Cluster().start();
    for (const { custody } of cluster.nodes) assert.ok(custody.status().ready);
    const paid = payment(cluster, { coins: [coin(1), coin(2)], amount: 150_000n });
    propose(cluster, paid);
    approve(cluster, paid);
    for (const party of cluster.all) {
      assert.deepEqual(
        cluster.events(party, "verdict").map(({ verdict }) => verdict),
        ["approved"],
      );
    }
    sign(cluster, paid);
    assert.deepEqual(paidAt(cluster, paid), cluster.all);
    const raw = cluster.all.map((party) => toHex(cluster.events(party, "signed")[0]!.rawTx));
    assert.equal(new Set(raw).size, 1);
  });

  test("is signed whatever order its messages arrive in", () => {
    for (const seed of ["a", "b", "c", "d", "e", "f"]) {
      const dice = seededDice(seed);
      const cluster = new Cluster({ n: 4, t: 3, seed }).start();
      const paid = payment(cluster);
      const shuffled = (): void => cluster.pump((waiting) => dice.below(waiting));
      // All at once: votes and a setup may overtake the request that they are about.
      cluster.do(1, (custody, nowMs) => custody.propose(nowMs, paid.proposal));
      shuffled();
      for (const party of cluster.all) {
        cluster.do(party, (custody, nowMs) => custody.vote(nowMs, paid.id, 1, true, circumstances(paid)));
      }
      shuffled();
      cluster.do(coordinatorOf(cluster, paid), (custody, nowMs) => custody.open(nowMs, paid.id, 1, 1, 0));
      shuffled();
      cluster.do(coordinatorOf(cluster, paid), (custody, nowMs) => custody.begin(nowMs, attemptName(paid), []));
      shuffled();
      assert.deepEqual(paidAt(cluster, paid), cluster.all, `seed ${seed}`);
    }
  });

  test("whose votes overtake its content is counted when the content comes", () => {
    const cluster = new Cluster({ n: 4, t: 3 }).start();
    const paid = payment(cluster);
    const held: { from: number; to: number; wire: Uint8Array }[] = [];
    cluster.route = (frame, { header }) => {
      if (header.kind !== "proposal" || frame.to !== 4) return [frame];
      held.push(frame);
      return [];
    };
    propose(cluster, paid);
    approve(cluster, paid, { by: [1, 2, 3] });
    assert.deepEqual(cluster.events(4, "verdict"), []);
    cluster.inject(...held);
    cluster.pump();
    assert.equal(cluster.events(4, "verdict")[0]?.verdict, "approved");
  });
});

describe("a second revision", () => {
  test("whose votes overtake it is counted when it comes", () => {
    const cluster = new Cluster({ n: 4, t: 3 }).start();
    const first = payment(cluster);
    propose(cluster, first);
    const second = payment(cluster, { number: 2, coins: [coin(2)] });
    const held: { from: number; to: number; wire: Uint8Array }[] = [];
    cluster.route = (frame, { header }) => {
      if (header.kind !== "proposal" || frame.to !== 4) return [frame];
      held.push(frame);
      return [];
    };
    propose(cluster, second);
    approve(cluster, second, { by: [1, 2, 3] });
    assert.deepEqual(cluster.events(4, "verdict"), []);
    cluster.inject(...held);
    cluster.pump();
    const [verdict] = cluster.events(4, "verdict");
    assert.deepEqual([verdict?.revision, verdict?.verdict], [2, "approved"]);
  });
});

describe("a key", () => {
  test("is made by everybody, certified by everybody, and only then used", () => {
    const cluster = new Cluster({ n: 3, t: 2, withKey: false }).start();
    const key = runKeygen(cluster);
    assert.ok(key !== null);
    const records = cluster.nodes.map(({ custody }) => toHex(custody.status().keys[0]!.record));
    assert.equal(new Set(records).size, 1);
    const view = viewKey(cluster.node(1).custody.status().keys[0]!.record);
    assert.deepEqual([view.threshold, view.quorum, view.purpose], [2, 2, "wallet/regtest"]);
    assert.deepEqual(
      view.members.map(({ node }) => node),
      cluster.nodes.map(({ identity }) => identity.id),
    );
  });

  test("is refused with other numbers, another network or a scheme that this node does not run", () => {
    const cluster = new Cluster({ n: 3, t: 2, withKey: false }).start();
    const asks = [
      [{ threshold: 3, quorum: 3 }, /threshold 2 and quorum 2/],
      [{ quorum: 3 }, /threshold 2 and quorum 2/],
      [{ purpose: "wallet/mainnet" }, /makes keys for regtest only/],
      [{ purpose: "wallet/regtest/2" }, /makes keys for regtest only/],
      [{ scheme: "frost-ed25519" as const, purpose: "messages" }, /scheme frost-ed25519 is not available/],
    ] as const;
    for (const [change, reason] of asks) {
      const request = { ...keygenRequest(cluster), ...change, idempotencyKey: JSON.stringify(change) };
      proposeKeygen(cluster, request);
      cluster.do(1, (custody, nowMs) => custody.open(nowMs, requestId(request), 0, 0, 0));
      assert.match(cluster.dropped(1).at(-1)!, reason);
    }
  });

  test("is not made without everybody", () => {
    const cluster = new Cluster({ n: 3, t: 2, withKey: false }).start();
    cluster.kill(3);
    const request = keygenRequest(cluster);
    proposeKeygen(cluster, request);
    openKeygen(cluster, request);
    beginKeygen(cluster, request);
    assert.deepEqual(cluster.events(1, "begun"), []);
  });
});
