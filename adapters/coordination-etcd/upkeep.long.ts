/** One member of a real etcd: what this node keeps there, and what others do to it. */
import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { systemClock } from "./clock.ts";
import { EtcdGateway } from "./gateway.ts";
import { Health } from "./health.ts";
import { Endpoint } from "./http.ts";
import { layoutOf } from "./layout.ts";
import { StatementLeases } from "./leases.ts";
import { Outbox } from "./outbox.ts";
import { etcdMissing, startEtcd, type EtcdCluster } from "./testing/index.ts";
import { NODES, startNode, statement, type TestNode } from "./testing/nodes.ts";
import { eventually } from "./testing/patience.ts";

describe("what a node keeps in etcd", { skip: etcdMissing() }, () => {
  let etcd: EtcdCluster;
  let number = 0;
  const cluster = () => `upkeep-${number}`;
  const open: TestNode[] = [];

  const join = async (index: number): Promise<TestNode> => {
    const node = await startNode(NODES[index]!, { endpoints: etcd.endpoints, cluster: cluster() });
    open.push(node);
    return node;
  };
  const told = () => open.map(({ coordination, reports }) => ({ ...coordination.status(), reports }));
  const written = (node: TestNode) =>
    eventually("everything is written", () => node.coordination.status().waiting === 0, told);
  const statements = async () => (await etcd.keys()).filter((key) => key.startsWith(`/conclave/${cluster()}/other/`));
  const reported = (node: TestNode, kind: string) => node.reports.filter((report) => report.kind === kind);

  before(async () => {
    etcd = await startEtcd();
  });
  after(() => etcd.close());
  beforeEach(() => {
    number += 1;
  });
  afterEach(async () => {
    for (const { coordination } of open.splice(0)) await coordination.close();
  });

  test("the cluster's numbers are written once; a difference is reported and not obeyed", async () => {
    await etcd.put(`/conclave/${cluster()}/config/threshold`, "1");
    const [first, second] = [await join(0), await join(1)];
    await eventually(
      "both report it",
      () => [first, second].every((node) => reported(node, "differs").length === 1),
      told,
    );
    const [{ message } = { message: "" }] = reported(first, "differs");
    assert.match(message, /etcd says threshold is "1" and this node's charter says "2", by which it goes on/);
    const written = async () => (await etcd.keys()).filter((key) => key.includes(`/${cluster()}/config/`));
    await eventuallyAsync("all are written", async () => (await written()).length === 3);
    assert.deepEqual(
      (await written()).map((key) => key.split("/").at(-1)),
      ["bitcoin_network", "threshold", "total_nodes"],
    );
  });

  test("what is withdrawn before it was written is never written", async () => {
    const node = await join(0);
    await eventually("it is connected", () => node.coordination.status().state === "connected", told);
    const [member] = etcd.members;
    await member!.kill();
    for (let n = 0; n < 20; n++) node.coordination.publish(statement(n, n % 2 === 0 ? "old" : "new"));
    await eventually("it is noticed", () => node.coordination.status().state === "away", told);
    node.coordination.withdraw("old");
    member!.start();
    await written(node);
    assert.equal((await statements()).length, 10);
    assert.equal(node.coordination.status().held, 10);
  });

  test("a statement that somebody deletes is put back, as often as it takes", async () => {
    const node = await join(0);
    node.coordination.publish(statement(1));
    await written(node);
    const [key] = (await statements()) as [string];
    for (let times = 1; times <= 4; times++) {
      await etcd.delete(key);
      await eventuallyAsync("it is back", async () => (await statements()).includes(key));
    }
    assert.equal(node.coordination.status().dropped, 0);
  });

  test("other bytes in a statement's place are replaced by the statement", async () => {
    const [first, second] = [await join(0), await join(1)];
    const key = layoutOf(cluster()).statement(statement(1));
    await etcd.put(key, "these bytes are not what the name says");
    await wait(100);
    first.coordination.publish(statement(1));
    await eventually("it arrives", () => second.has(statement(1).wire), told);
    assert.equal(second.heard.length, 1, "the other bytes were not handed over");
  });

  test("statements are bounded: the oldest leave etcd", async () => {
    const health = new Health(systemClock, () => {});
    const endpoints = [new Endpoint(new URL(etcd.endpoints[0]!), {}, systemClock)];
    const gateway = new EtcdGateway({ endpoints, deadlineMs: 2_000, answered: () => {}, lied: () => {} });
    const leases = new StatementLeases(gateway, systemClock);
    const layout = layoutOf(cluster());
    const parts = {
      gateway,
      layout,
      leases,
      health,
      clock: systemClock,
      longestRetryMs: 100,
      restoreMs: 100,
      maxHeld: 5,
    };
    const outbox = new Outbox(parts);
    for (let n = 0; n < 5; n++) outbox.publish(statement(n));
    await eventually("five are written", () => outbox.waiting === 0);
    for (let n = 5; n < 12; n++) outbox.publish(statement(n));
    await eventually("the rest is written", () => outbox.waiting === 0);
    const expected = [7, 8, 9, 10, 11].map((n) => layout.statement(statement(n)));
    assert.deepEqual((await statements()).toSorted(), expected.toSorted());
    assert.equal(outbox.held, 5);
    outbox.close();
    gateway.close();
  });

  test("two processes with one node's identity are reported", async () => {
    const [first, twin] = [await join(0), await join(0)];
    await eventually("one says so", () => [first, twin].some((node) => reported(node, "twin").length > 0), told);
    assert.match(
      [first, twin].flatMap((node) => reported(node, "twin"))[0]!.message,
      /if a second process runs with its identity, stop it/,
    );
  });

  test("an etcd that was replaced by an empty one gets everything that is still open", async () => {
    const [first, second] = [await join(0), await join(1)];
    first.coordination.publish(statement(1));
    await eventually("it arrives", () => second.has(statement(1).wire), told);
    const [member] = etcd.members;
    await member!.kill();
    rmSync(member!.dataFolder, { recursive: true });
    member!.start();
    await eventuallyAsync("it is there again", async () => (await statements()).length === 1);
    const late = await join(2);
    first.coordination.publish(statement(2));
    await eventually("old and new are told", () => late.has(statement(1).wire, statement(2).wire), told);
  });
});

async function eventuallyAsync(what: string, condition: () => Promise<boolean>): Promise<void> {
  let holds = false;
  const look = async (): Promise<void> => {
    while (!holds) {
      holds = await condition();
      await wait(20);
    }
  };
  void look();
  await eventually(what, () => holds);
}
