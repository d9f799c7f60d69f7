import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { NodeId } from "@conclave/consensus";
import type { CustodyStatus } from "@conclave/custody";
import { CustodyNews, STATUS_PATIENCE_MS } from "./custody-news.ts";

const status = (generation: number): CustodyStatus => ({
  id: "a".repeat(64) as NodeId,
  generation,
  ready: true,
  sealed: null,
  keys: [],
  pendingKeys: [],
  bans: [],
  recipients: null,
  deadEdges: [],
  presignatures: [],
});

/** A custody that answers when it is told to, and a clock that stands still until it is moved. */
function scene() {
  const questions: { answer: (status: CustodyStatus) => void; fail: (error: Error) => void }[] = [];
  const timers = new Set<() => void>();
  const custody = {
    status: () => new Promise<CustodyStatus>((answer, fail) => void questions.push({ answer, fail })),
  };
  const clock = {
    nowMs: () => 0,
    schedule: (delayMs: number, fire: () => void) => {
      assert.equal(delayMs, STATUS_PATIENCE_MS);
      timers.add(fire);
      return { cancel: () => void timers.delete(fire) };
    },
  };
  const pass = (): void => {
    for (const fire of timers) fire();
  };
  return { news: new CustodyNews({ custody, clock }), questions, timers, pass };
}

describe("what custody says of itself", () => {
  test("is waited for as long as nobody knows anything", async () => {
    const { news, questions, timers } = scene();
    const looks = [news.look(), news.look()];
    assert.deepEqual([questions.length, timers.size], [1, 0]);
    questions[0]!.answer(status(1));
    assert.deepEqual(
      (await Promise.all(looks)).map(({ generation }) => generation),
      [1, 1],
    );
  });

  test("is new while custody answers, and what it said last while it does not; it is asked once at a time", async () => {
    const { news, questions, timers, pass } = scene();
    const first = news.ask();
    questions[0]!.answer(status(1));
    await first;
    const quick = news.look();
    questions[1]!.answer(status(2));
    assert.equal((await quick).generation, 2);
    assert.equal(timers.size, 0, "nothing is left behind");
    const busy = [news.look(), news.look()];
    pass();
    for (const seen of await Promise.all(busy)) assert.equal(seen.generation, 2);
    assert.equal(questions.length, 3);
    questions[2]!.answer(status(3));
    await new Promise((resolve) => void setImmediate(resolve));
    const after = news.look();
    pass();
    assert.equal((await after).generation, 3, "the late answer was not lost");
  });

  test("is not there when custody fails, and asked for again", async () => {
    const { news, questions } = scene();
    const first = news.ask();
    questions[0]!.answer(status(1));
    await first;
    const failed = news.look();
    questions[1]!.fail(new Error("the thread is gone"));
    await assert.rejects(failed, /the thread is gone/);
    news.refresh();
    questions[2]!.fail(new Error("nobody waits for this one"));
    const again = news.look();
    await assert.rejects(again, /nobody waits/);
  });
});
