/** What leaves etcd: the least needed when room is short, and everything of a topic that is withdrawn, whatever went wrong meanwhile. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import { grantLease, swap } from "./calls.ts";
import { systemClock } from "./clock.ts";
import { EtcdGateway } from "./gateway.ts";
import { Health } from "./health.ts";
import { Endpoint } from "./http.ts";
import { digestOf, layoutOf } from "./layout.ts";
import { StatementLeases } from "./leases.ts";
import { leastNeeded } from "./need.ts";
import { Outbox } from "./outbox.ts";
import type { EtcdReport } from "./options.ts";
import { startFakeEtcd, type FakeEtcd } from "./testing/fake-etcd.ts";
import { statement } from "./testing/nodes.ts";
import { eventually } from "./testing/patience.ts";

const MAX_HELD = 4;
const layout = layoutOf("test");
const keyOf = (n: number): string => layout.statement(statement(n));

describe("an outbox", () => {
  let etcd: FakeEtcd;
  let gateway: EtcdGateway;
  let outbox: Outbox;
  const reports: EtcdReport[] = [];

  beforeEach(async () => {
    etcd = await startFakeEtcd();
    reports.length = 0;
    const endpoints = [new Endpoint(new URL(etcd.url), {}, systemClock)];
    gateway = new EtcdGateway({ endpoints, deadlineMs: 300, answered: () => {}, lied: () => {} });
    const health = new Health(systemClock, (report) => reports.push(report));
    const leases = new StatementLeases(gateway, systemClock);
    const times = { longestRetryMs: 50, restoreMs: 50 };
    outbox = new Outbox({ gateway, layout, leases, health, clock: systemClock, ...times, maxHeld: MAX_HELD });
  });
  afterEach(async () => {
    outbox.close();
    gateway.close();
    await etcd.close();
  });

  const written = () =>
    eventually(
      "everything is written",
      () => outbox.waiting === 0,
      () => [etcd.keys, reports],
    );
  const numbers = () =>
    [...Array(20).keys()].filter((n) => etcd.keys.some((key) => key.endsWith(digestOf(statement(n).wire))));
  /** Writes are done and nobody hears of it. */
  const swallowAnswers = (): void => {
    const { mouth } = etcd;
    etcd.mouth = {
      ...mouth,
      answer: (path, question, answer, response) =>
        path === "/v3/kv/txn" ? void response.destroy() : mouth.answer(path, question, answer, response),
    };
  };

  test("without room parts with results, then with the oldest of requests, and never with evidence", async () => {
    const topics = ["evidence", "request:a", "result:a", "request:b"];
    for (const [n, topic] of topics.entries()) outbox.publish(statement(n, topic));
    await written();
    outbox.publish(statement(4, "certificate"));
    await written();
    assert.deepEqual(numbers(), [0, 1, 3, 4]);
    outbox.publish(statement(5, "request:c"));
    outbox.publish(statement(6, "edge:e"));
    await written();
    assert.deepEqual(numbers(), [0, 4, 5, 6]);
    assert.equal(outbox.dropped, 3);
    assert.match(reports.at(-1)!.message, /left to the mesh: too many are open at once/);
  });

  test("full of what has to stay leaves the newcomer to the mesh", async () => {
    for (let n = 0; n < MAX_HELD; n++) outbox.publish(statement(n, "evidence"));
    outbox.publish(statement(4, "request:a"));
    outbox.publish(statement(5, "evidence"));
    await written();
    assert.deepEqual(numbers(), [0, 1, 2, 3]);
    assert.equal(outbox.held, MAX_HELD);
  });

  test("deletes what is withdrawn although it never heard that it was written", async () => {
    const { mouth } = etcd;
    swallowAnswers();
    outbox.publish(statement(1));
    await eventually("it is written", () => numbers().length === 1);
    outbox.withdraw("t");
    etcd.mouth = mouth;
    await eventually(
      "it is gone",
      () => numbers().length === 0,
      () => [etcd.keys, reports],
    );
    await written();
  });

  test("deletes what somebody else wrote again under its name", async () => {
    outbox.publish(statement(1));
    await written();
    const lease = await grantLease(gateway, 60);
    const { found } = await swap(gateway, { key: keyOf(1), value: statement(1).wire, lease, expected: 0n });
    await swap(gateway, { key: keyOf(1), value: statement(1).wire, lease, expected: found!.modRevision });
    outbox.withdraw("t");
    await written();
    assert.deepEqual(numbers(), []);
  });

  test("deletes a write that is done only after it was withdrawn, and deleted", async () => {
    const { mouth } = etcd;
    swallowAnswers();
    outbox.publish(statement(1));
    await eventually("it is written", () => numbers().length === 1);
    outbox.withdraw("t");
    etcd.mouth = mouth;
    await eventually("it is gone", () => numbers().length === 0);
    await written();
    const lease = await grantLease(gateway, 60);
    await swap(gateway, { key: keyOf(1), value: statement(1).wire, lease, expected: 0n });
    outbox.shown(keyOf(1), statement(1).wire);
    await written();
    assert.deepEqual(numbers(), []);
  });

  test("leaves alone what is published again after it was withdrawn", async () => {
    outbox.publish(statement(1));
    await written();
    outbox.withdraw("t");
    outbox.publish(statement(1));
    await written();
    assert.deepEqual(numbers(), [1]);
  });

  test("deletes what was withdrawn while etcd was away, once it is back", async () => {
    for (let n = 0; n < MAX_HELD; n++) outbox.publish(statement(n, n < 2 ? "old" : "new"));
    await written();
    const { mouth } = etcd;
    etcd.mouth = { ...mouth, answer: (_, __, ___, response) => void response.destroy(), events: () => {} };
    const { asked } = etcd;
    outbox.withdraw("old");
    await eventually("it is tried", () => etcd.asked > asked + 1);
    etcd.mouth = mouth;
    await written();
    assert.deepEqual(numbers(), [2, 3]);
  });
});

test("of all that may leave, the oldest of the least needed is named", () => {
  const named = (...topics: readonly string[]) => leastNeeded(topics.map((topic) => ({ topic, key: topic })));
  assert.equal(named("request:1", "result:1", "result:2"), "result:1");
  assert.equal(named("edge:1", "request:2", "request:1"), "request:2");
  assert.equal(named("evidence", "edge:1", "certificate", "checkpoint"), "");
  assert.equal(named("evidences of something"), "evidences of something");
});
