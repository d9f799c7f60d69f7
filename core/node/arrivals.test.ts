/** What a coordination hands over, and what it hears of it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { CustodyEvent } from "@conclave/custody";
import { Arrivals } from "./arrivals.ts";
import type { Context } from "./context.ts";
import { Mailbox } from "./mailbox.ts";

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
