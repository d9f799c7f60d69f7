/** An etcd whose database is full says so, and costs the node nothing but etcd: its statements go over the mesh. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { MAX_STATEMENT_BYTES } from "@conclave/node";
import { meshCoordination } from "@conclave/coordination-mesh";
import { bothCoordinations } from "./index.ts";
import { etcdMissing, startEtcd, type EtcdCluster } from "./testing/index.ts";
import { hexOf, NODES, startNode, statement } from "./testing/nodes.ts";
import { eventually } from "./testing/patience.ts";

const QUOTA_BYTES = 4 << 20;

describe("an etcd that is full", { skip: etcdMissing() }, () => {
  let etcd: EtcdCluster;
  before(async () => {
    etcd = await startEtcd({ quotaBytes: QUOTA_BYTES });
  });
  after(() => etcd.close());

  test("it is reported, the mesh goes on, and once there is room what waited is written", async () => {
    const { endpoints } = etcd;
    const [node, other] = [await startNode(NODES[0]!, { endpoints }), await startNode(NODES[1]!, { endpoints })];
    const told = () => ({ ...node.coordination.status(), reports: node.reports });
    const meshed: string[] = [];
    const mesh = meshCoordination({ send: (_, payload) => meshed.push(hexOf(payload)), close: () => {} });
    const both = bothCoordinations(mesh, node.coordination);
    try {
      for (let n = 0; n < 8; n++) both.publish(statement(n, "large", MAX_STATEMENT_BYTES));
      await eventually("etcd refuses", () => node.coordination.status().state === "refused", told);
      assert.match(
        node.coordination.status().problem!,
        /database space exceeded.*raise its quota and disarm the alarm/,
      );
      await eventually("the alarm shows", () => node.coordination.status().alarms.length > 0, told);
      assert.match(node.coordination.status().alarms.join(), /NOSPACE/);
      assert.ok(node.reports.some(({ kind }) => kind === "alarm"));

      both.publish(statement(100));
      assert.ok(meshed.includes(hexOf(statement(100).wire)), "the mesh has it");
      assert.ok(node.coordination.status().waiting > 0);

      both.withdraw("large");
      await eventually("deletions are still taken", () => node.coordination.status().waiting === 1, told);
      await etcd.makeRoom();
      await eventually("what waited arrives", () => other.has(statement(100).wire), told);
      await eventually("it is well again", () => node.coordination.status().state === "connected", told);
    } finally {
      await both.close();
      await other.coordination.close();
    }
  });
});

describe("an etcd that takes only short requests", { skip: etcdMissing() }, () => {
  test("a statement that is too long for it is left to the mesh, and those behind it pass", async () => {
    const etcd = await startEtcd({ maxRequestBytes: 64 << 10 });
    const { endpoints } = etcd;
    const [node, other] = [await startNode(NODES[0]!, { endpoints }), await startNode(NODES[1]!, { endpoints })];
    try {
      node.coordination.publish(statement(1, "t", 200_000));
      node.coordination.publish(statement(2));
      const told = () => ({ ...node.coordination.status(), reports: node.reports });
      await eventually("the short one arrives", () => other.has(statement(2).wire), told);
      await eventually("the long one is given up", () => node.coordination.status().dropped === 1, told);
      assert.ok(node.reports.some(({ kind, message }) => kind === "dropped" && /too large/.test(message)));
    } finally {
      for (const { coordination } of [node, other]) await coordination.close();
      await etcd.close();
    }
  });
});
