/** What a coordination hands over, and what it hears of it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { NodeId } from "@conclave/consensus";
import type { CustodyEvent } from "@conclave/custody";
import { Arrivals } from "./arrivals.ts";
import type { Context } from "./context.ts";
import { Mailbox } from "./mailbox.ts";
import { memoryStore } from "./testing/memory-store.ts";
import { sampleRequest } from "./testing/store-contract/samples.ts";

/** A node whose custody answers so, or fails. */
function arrivals(answer: () => readonly CustodyEvent[]) {
  const reported: unknown[] = [];
  const context = {
    mailbox: new Mailbox((error) => assert.fail(String(error))),
    clock: { nowMs: () => 1, schedule: () => ({ cancel: () => {} }) },
    custody: { receive: () => Promise.resolve().then(answer) },
    act: () => Promise.resolve(),
  } as unknown as Context;
  const transport = { peers: [], send: () => {} } as never;
  const made = new Arrivals({
    context,
    transport,
    retell: () => Promise.resolve(),
    retryWaiting: () => Promise.resolve(),
    report: (error) => reported.push(error),
  });
  return { made, reported };
}

const WIRE = Uint8Array.of(1);
const PEER = "bb".repeat(32) as NodeId;
const LATEST = Array.from({ length: 30 }, (_, i) => i + 1);

void test("a statement that custody has no use for is told apart from one that it used", async () => {
  assert.equal(await arrivals(() => []).made.statement(WIRE), true);
  const dropped: CustodyEvent = { kind: "dropped", from: null, reason: "garbage" };
  assert.equal(await arrivals(() => [dropped]).made.statement(WIRE), false);
});

void test("a statement at which the node failed is neither: the failure is reported, and told to whoever handed it over", async () => {
  const away = new Error("the disk is away");
  const { made, reported } = arrivals(() => {
    throw away;
  });
  await assert.rejects(made.statement(WIRE), away);
  assert.deepEqual(reported, [away]);
});

void test("a peer that comes and goes while this node is busy is told once, of everything since it went the first time", async () => {
  let nowMs = 100_000;
  let wakeUp: () => void = () => {};
  const mailbox = new Mailbox((error) => assert.fail(String(error)));
  mailbox.post(() => new Promise<void>((resolve) => (wakeUp = resolve)));
  const store = memoryStore();
  for (const n of LATEST) await store.requests.insert(sampleRequest(n, { createdAtMs: 150_000 + n }));
  const told: string[] = [];
  let retried = 0;
  const made = new Arrivals({
    context: {
      mailbox,
      store,
      clock: { nowMs: () => nowMs, schedule: () => ({ cancel: () => {} }) },
      notify: () => {},
    } as unknown as Context,
    transport: { send: () => {} } as never,
    retell: async (request) => void told.push(request),
    retryWaiting: async () => void retried++,
    report: () => {},
  });
  made.link(PEER, true);
  for (const atMs of [120_000, 400_000, 500_000]) {
    nowMs = atMs;
    made.link(PEER, false);
    made.link(PEER, true);
  }
  wakeUp();
  await mailbox.run(() => Promise.resolve());
  assert.equal(told.length, LATEST.length, "more than the latest that everybody is told");
  assert.equal(retried, 1);
  assert.equal(made.lastSeen.get(PEER), 500_000);
});
