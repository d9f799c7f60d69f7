/** Each statement is handed over until the node is done with it, and not more often. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { systemClock } from "./clock.ts";
import { layoutOf } from "./layout.ts";
import { MAX_OFFERS, OFFER_AGAIN_MS } from "./limits.ts";
import { Reading } from "./reading.ts";
import { startFakeEtcd } from "./testing/fake-etcd.ts";
import { NODES, QUICK, startNode, statement } from "./testing/nodes.ts";
import { eventually } from "./testing/patience.ts";

const layout = layoutOf("test");

/** A reading whose node answers this to each offer in turn, and the last of it from then on. */
function reading(answers: readonly (boolean | Error)[]) {
  const failures: number[] = [];
  let offers = 0;
  const taking = new Reading({
    layout,
    clock: systemClock,
    isOwn: () => false,
    read: () => {
      const answer = answers[Math.min(offers++, answers.length - 1)]!;
      return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
    },
    failed: (_, againMs) => failures.push(againMs),
    signal: new AbortController().signal,
  });
  const offer = async (n: number): Promise<void> => taking.take(layout.statement(statement(n)), statement(n).wire);
  return { offer, failures, offers: () => offers };
}

describe("a statement", () => {
  test("that the node has used is not handed over again", async () => {
    const { offer, offers } = reading([true]);
    for (let times = 0; times < 3; times++) await offer(1);
    assert.equal(offers(), 1);
    await offer(2);
    assert.equal(offers(), 2);
  });

  test("that failed in the node is handed over again, ever more rarely, until it is read", async () => {
    const broken = new Error("the disk is away");
    const { offer, offers, failures } = reading([broken, broken, broken, true]);
    for (let times = 0; times < 6; times++) await offer(1);
    assert.equal(offers(), 4);
    assert.deepEqual(failures, [OFFER_AGAIN_MS, 2 * OFFER_AGAIN_MS, 4 * OFFER_AGAIN_MS]);
  });

  test("that the node had no use for is offered a few times, in case it came too early", async () => {
    const late = reading([false, true]);
    for (let times = 0; times < 4; times++) await late.offer(1);
    assert.equal(late.offers(), 2);
    const never = reading([false]);
    for (let times = 0; times < 2 * MAX_OFFERS; times++) await never.offer(1);
    assert.equal(never.offers(), MAX_OFFERS);
    assert.deepEqual(never.failures, []);
  });

  test("that is none, or not what its name says, is never handed over", async () => {
    const layoutKey = layout.statement(statement(1));
    const { offers } = reading([true]);
    const taking = new Reading({
      layout,
      clock: systemClock,
      isOwn: () => false,
      read: () => assert.fail("it was handed over"),
      failed: () => assert.fail("it was read"),
      signal: new AbortController().signal,
    });
    await taking.take(layoutKey, statement(2).wire);
    await taking.take(layoutKey, new Uint8Array(0));
    await taking.take(layout.leader, statement(1).wire);
    assert.equal(offers(), 0);
  });
});

test("a node whose reading throws goes on, and reads the statement once it can", async () => {
  const etcd = await startFakeEtcd();
  let isBroken = true;
  const options = { endpoints: [etcd.url], intervals: { ...QUICK, relistMs: 300 } };
  const read = (): boolean => {
    if (isBroken) throw new Error("the disk is away");
    return true;
  };
  const [first, second] = [await startNode(NODES[0]!, options), await startNode(NODES[1]!, { ...options, read })];
  const told = () => [second.coordination.status(), second.reports];
  try {
    first.coordination.publish(statement(1));
    await eventually("it is offered", () => second.has(statement(1).wire), told);
    isBroken = false;
    const offers = second.heard.length;
    await eventually("it is offered again", () => second.heard.length > offers, told);
    first.coordination.publish(statement(2));
    await eventually("so is the next", () => second.has(statement(2).wire), told);
  } finally {
    for (const { coordination } of [first, second]) await coordination.close();
    await etcd.close();
  }
});
