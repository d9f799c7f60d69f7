/** Three members of a real etcd: what fails there costs time and no statement. */
import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { layCable } from "./testing/cable.ts";
import { etcdMissing, startEtcd, type EtcdCluster } from "./testing/index.ts";
import { NODES, QUICK, startNode, statement, type TestNode } from "./testing/nodes.ts";
import { eventually } from "./testing/patience.ts";

describe("an etcd of three members that fails", { skip: etcdMissing() }, () => {
  let etcd: EtcdCluster;
  let cluster = 0;
  const open: TestNode[] = [];

  const join = async (index: number, endpoints = etcd.endpoints): Promise<TestNode> => {
    const node = await startNode(NODES[index]!, { endpoints, cluster: `failures-${cluster}` });
    open.push(node);
    return node;
  };
  const told = () => open.map(({ coordination, reports }) => ({ ...coordination.status(), reports }));

  before(async () => {
    etcd = await startEtcd({ members: 3 });
  });
  after(() => etcd.close());
  beforeEach(() => {
    cluster += 1;
  });
  afterEach(async () => {
    for (const { coordination } of open.splice(0)) await coordination.close();
  });

  test("its leader is killed in mid-traffic, and comes back: no statement is lost", async () => {
    const nodes = [await join(0), await join(1), await join(2)];
    const statements = nodes.map((_, i) => Array.from({ length: 60 }, (_, j) => statement(100 * i + j)));
    const leader = await etcd.leader();
    for (let j = 0; j < 60; j++) {
      for (const [i, { coordination }] of nodes.entries()) coordination.publish(statements[i]![j]!);
      if (j === 20) await leader.kill();
      if (j === 40) leader.start();
      await wait(5);
    }
    const others = (i: number) => statements.filter((_, from) => from !== i).flat();
    await eventually(
      "every node has heard the two others",
      () => nodes.every((node, i) => node.has(...others(i).map(({ wire }) => wire))),
      told,
    );
    await etcd.leader();
  });

  test("all members are killed and restarted: what waited meanwhile arrives, and what stood there stands there", async () => {
    const [first, second] = [await join(0), await join(1)];
    first.coordination.publish(statement(1));
    await eventually("the first arrives", () => second.has(statement(1).wire), told);
    await Promise.all(etcd.members.map((member) => member.kill()));
    first.coordination.publish(statement(2));
    await eventually("it is noticed", () => first.coordination.status().state === "away", told);
    assert.ok(first.coordination.status().waiting > 0);
    assert.match(first.coordination.status().problem!, /no etcd endpoint answered .*check that etcd runs/);
    for (const member of etcd.members) member.start();
    await eventually("the second arrives", () => second.has(statement(2).wire), told);
    const late = await join(2);
    await eventually("both are told later", () => late.has(statement(1).wire, statement(2).wire), told);
    await eventually("it is noticed", () => first.coordination.status().state === "connected", told);
  });

  test("history is compacted while a watch is cut off: it goes on from what stands there", async () => {
    const cable = await layCable(etcd.endpoints[0]!);
    try {
      const [first, second] = [await join(0), await join(1, [cable.url])];
      first.coordination.publish(statement(1));
      await eventually("the first arrives", () => second.has(statement(1).wire), told);
      cable.pull();
      for (let n = 2; n < 40; n++) first.coordination.publish(statement(n, `topic ${n % 3}`));
      await eventually("they are written", () => first.coordination.status().waiting === 0, told);
      first.coordination.withdraw("topic 0");
      await eventually("a third is gone", () => first.coordination.status().waiting === 0, told);
      await etcd.compact();
      cable.plug();
      const left = Array.from({ length: 38 }, (_, i) => i + 2).filter((n) => n % 3 !== 0);
      await eventually("the rest arrives", () => second.has(...left.map((n) => statement(n).wire)), told);
      first.coordination.publish(statement(99));
      await eventually("and what comes now", () => second.has(statement(99).wire), told);
      assert.equal(second.heard.length, new Set(second.heard).size, "nothing was told twice");
    } finally {
      await cable.close();
    }
  });

  test("a member stands still with a watch on it: the watch moves to another", async () => {
    const [first, second] = [await join(0, etcd.endpoints.slice(1)), await join(1)];
    first.coordination.publish(statement(1));
    await eventually("the first arrives", () => second.has(statement(1).wire), told);
    // The one that is asked first by the second node and not at all by the first.
    const frozen = etcd.members[0]!;
    frozen.freeze();
    try {
      first.coordination.publish(statement(2));
      await eventually("it arrives by another member", () => second.has(statement(2).wire), told);
    } finally {
      frozen.thaw();
    }
  });

  test("a node that is killed is seen to be gone when its lease is over, and what it said stays", async () => {
    const cable = await layCable(etcd.endpoints[1]!);
    try {
      const [first, second] = [await join(0), await join(1, [cable.url])];
      second.coordination.publish(statement(1));
      const present = () => first.coordination.status().present;
      await eventually("both are seen", () => present().length === 2 && first.has(statement(1).wire), told);
      cable.pull();
      await eventually("one is seen", () => present().length === 1, told);
      assert.deepEqual(present(), [NODES[0]]);
      const late = await join(2);
      await eventually("its statement is told", () => late.has(statement(1).wire), told);
      await eventually(
        "somebody says that it leads",
        () => present().includes(first.coordination.status().leaderHint!),
        told,
      );
    } finally {
      await cable.close();
    }
  });

  test("a node that leaves is seen to be gone before its lease would be over", async () => {
    const first = await join(0);
    const intervals = { ...QUICK, presenceMs: 600_000 };
    const second = await startNode(NODES[1]!, { endpoints: etcd.endpoints, cluster: `failures-${cluster}`, intervals });
    open.push(second);
    await eventually("both are seen", () => first.coordination.status().present.length === 2, told);
    await second.coordination.close();
    await eventually("one is seen", () => first.coordination.status().present.length === 1, told);
  });
});
