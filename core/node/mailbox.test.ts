import assert from "node:assert/strict";
import { test } from "node:test";
import { Mailbox } from "./mailbox.ts";

const noError = (error: unknown): never => assert.fail(String(error));

/** A promise that a test settles. */
function gate(): { readonly passed: Promise<void>; readonly open: () => void } {
  let open = (): void => {};
  const passed = new Promise<void>((resolve) => (open = resolve));
  return { passed, open };
}

void test("work runs one piece after the other, in the order in which it came", async () => {
  const mailbox = new Mailbox(noError);
  const { passed, open } = gate();
  const log: string[] = [];
  mailbox.post(async () => {
    await passed;
    log.push("first");
  });
  const second = mailbox.run(() => Promise.resolve(log.push("second")));
  mailbox.post(() => Promise.resolve(void log.push("third")));
  open();
  assert.equal(await second, 2);
  await mailbox.run(() => Promise.resolve());
  assert.deepEqual(log, ["first", "second", "third"]);
});

void test("a piece that throws is reported and costs nothing but itself", async () => {
  const reported: unknown[] = [];
  const mailbox = new Mailbox((error) => reported.push(error));
  const failure = new Error("a broken piece");
  mailbox.post(() => Promise.reject(failure));
  const outcome = await mailbox.run(() => Promise.resolve("still here"));
  assert.equal(outcome, "still here");
  assert.deepEqual(reported, [failure]);
});

void test("whoever waits for an outcome gets its error, and nobody else hears of it", async () => {
  const mailbox = new Mailbox(noError);
  await assert.rejects(
    mailbox.run(() => Promise.reject(new RangeError("no"))),
    RangeError,
  );
  assert.equal(await mailbox.run(() => Promise.resolve(1)), 1);
});

void test("closing lets what is under way end and takes nothing more in", async () => {
  const mailbox = new Mailbox(noError);
  const { passed, open } = gate();
  const log: string[] = [];
  mailbox.post(async () => {
    await passed;
    log.push("under way");
  });
  // The first piece has begun when the next turn comes; the second has not.
  await Promise.resolve();
  mailbox.post(() => Promise.resolve(void log.push("waiting")));
  const closed = mailbox.close();
  mailbox.post(() => Promise.resolve(void log.push("too late")));
  open();
  await closed;
  assert.deepEqual(log, ["under way"]);
});
