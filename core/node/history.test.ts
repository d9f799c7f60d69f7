import assert from "node:assert/strict";
import { test } from "node:test";
import type { Notice } from "./context.ts";
import { History } from "./history.ts";
import type { RequestId } from "./store/ids.ts";
import { StoreUnavailable } from "./store/outcome.ts";
import type { Store } from "./store/port.ts";
import { settled, VirtualClock } from "./testing/clock.ts";
import { memoryStore } from "./testing/memory-store.ts";

const ID = "ab".repeat(32) as RequestId;
const AWAY = new StoreUnavailable("unavailable", "the disk is full");

/** A history over a store whose calls can be made to fail. */
function opened() {
  const clock = new VirtualClock(0);
  const notices: Notice[] = [];
  const calls: string[] = [];
  const faulty = { error: null as Error | null };
  const memory = memoryStore();
  const failing = <T extends object>(port: T): T =>
    Object.fromEntries(
      Object.entries(port).map(([name, value]: [string, unknown]) => {
        if (typeof value !== "function") return [name, failing(value as object)];
        const method = value as (...args: unknown[]) => Promise<unknown>;
        const call = (...args: unknown[]): Promise<unknown> => {
          calls.push(name);
          return faulty.error === null ? method(...args) : Promise.reject(faulty.error);
        };
        return [name, call];
      }),
    ) as T;
  const store: Store = failing(memory);
  const history = new History({ store, clock, notify: (notice) => void notices.push(notice) });
  const until = async (atMs: number): Promise<void> => {
    clock.schedule(atMs - clock.nowMs(), () => {});
    while (await clock.step(atMs));
  };
  return { history, clock, notices, calls, faulty, memory, until };
}

const entry = (action: string) => ({ atMs: 0, actor: "me", action, subject: ID, detail: {} });

test("work waits for a store that is away, each piece in its turn, and is done once it is back", async () => {
  const { history, notices, calls, faulty, memory, until } = opened();
  faulty.error = AWAY;
  const done: string[] = [];
  const work = (async () => {
    for (const action of ["first", "second"]) {
      await history.store.transaction(({ audit }) => audit.append(entry(action)));
      done.push(action);
    }
  })();
  await until(0);
  await until(60_000);
  assert.deepEqual(done, []);
  assert.deepEqual(history.absence(), { sinceMs: 0, message: "the disk is full" });
  assert.match(history.troubles().join(), /^history does not answer since 1970-01-01T00:00:00.000Z.*the disk is full$/);
  assert.ok(calls.length > 10 && calls.length < 25, `asked ${calls.length} times within a minute`);
  assert.ok(notices.length >= 2 && notices.length <= 6, `told ${notices.length} times within a minute`);
  faulty.error = null;
  await until(66_000);
  await work;
  const kept = await memory.audit.list({ from: 1, limit: 9 });
  assert.deepEqual(
    kept.map(({ action }) => action),
    ["first", "second"],
  );
  assert.deepEqual([history.absence(), history.troubles()], [null, []]);
});

test("meanwhile it does not keep up, nor while one call takes long", async () => {
  const { history, faulty, until } = opened();
  assert.ok(history.keepsUp());
  faulty.error = AWAY;
  const waiting = history.store.transactions.get(ID);
  await until(1);
  assert.ok(!history.keepsUp());
  faulty.error = null;
  await until(10_000);
  await waiting;
  assert.ok(history.keepsUp());

  let answer: () => void = () => {};
  const slow = history.store.transaction(() => new Promise<void>((resolve) => (answer = resolve)));
  await until(10_900);
  assert.ok(history.keepsUp(), "a disk under load is no trouble");
  await until(11_100);
  assert.ok(!history.keepsUp());
  assert.equal(history.absence(), null);
  answer();
  await slow;
  assert.ok(history.keepsUp());
});

test("whoever waits outside is told at once, and the work goes on", async () => {
  const { history, faulty, memory, until } = opened();
  faulty.error = AWAY;
  const begun = history.orAway(() => history.store.audit.append(entry("asked for")));
  await assert.rejects(begun, {
    name: "StoreUnavailable",
    code: "unavailable",
    message: /whether the request is carried/,
  });
  let isBegun = false;
  const refused = history.orAway(async () => {
    isBegun = true;
  });
  await assert.rejects(refused, { name: "StoreUnavailable", message: /the disk is full\): nothing was done$/ });
  assert.ok(!isBegun);
  faulty.error = null;
  await until(10_000);
  assert.equal((await memory.audit.list({ from: 1, limit: 9 })).length, 1);
  assert.equal(await history.orAway(() => Promise.resolve("well")), "well");
});

test("what no store takes is passed on at once, is not tried again, and stands in the status", async () => {
  for (const error of [new StoreUnavailable("damaged", "a row is torn"), new Error("constraint failed")]) {
    const { history, calls, faulty } = opened();
    faulty.error = error;
    await assert.rejects(history.store.audit.append(entry("x")), error);
    assert.deepEqual(calls, ["append"]);
    faulty.error = null;
    await history.store.audit.append(entry("y"));
    assert.equal(history.absence(), null);
    assert.match(history.troubles().join(), /^history refused what this node wanted to keep.*restart the node/);
    assert.ok(history.troubles().join().includes(error.message));
  }
});

test("nothing waits once it is stopped", async () => {
  const { history, faulty, calls } = opened();
  faulty.error = AWAY;
  const waiting = history.store.durable();
  await settled();
  history.stop();
  await assert.rejects(waiting, AWAY);
  await assert.rejects(history.store.durable(), AWAY);
  assert.equal(calls.length, 3);
});
