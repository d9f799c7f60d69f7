/** A node whose history is away for longer than the store's own patience misses nothing of what its cluster did meanwhile. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { calm, wish } from "./testing/scenario.ts";
import { GENESIS_MS, live, type World } from "./testing/simulation.ts";

const away = (node: number, atMs: number, untilMs: number) =>
  ({ kind: "store away", node, atMs, forMs: untilMs - atMs }) as const;

describe("history that is away", () => {
  for (const [from, to] of [
    [450, 15_000],
    [620, 15_000],
    [560, 60_000],
  ] as const) {
    test(`of one node from ${from} to ${to} ms: it knows every payment in the end, and the cluster waits for nothing`, async () => {
      const settledMs: number[] = [];
      const life = calm(`away ${from} ${to}`, {
        wishes: [wish(0), wish(1, { atMs: 8_000, node: 2, amount: 30_000n })],
        troubles: [away(1, from, to)],
        healMs: to + 1_000,
      });
      let refusals = 0;
      const lived = await live(life, {
        react: ({ clock }, node, notice) => {
          if (node === 0 && notice.kind === "signed") settledMs.push(clock.nowMs() - GENESIS_MS);
        },
        inspect: async ({ machines }) => {
          refusals = machines[1]!.storeRefusals;
          await allConfirmed(machines, 2);
        },
      });
      assert.deepEqual(lived.violations, []);
      assert.ok(refusals > 0, "nothing was asked of the store");
      assert.equal(settledMs.length, 2);
      assert.ok(Math.max(...settledMs) < 15_000, "the others went on without it");
    });
  }

  test("for longer than anybody repeats what it did not answer: its peers tell it again, and nothing is frozen", async () => {
    const wishes = [0, 1, 2].map((i) => wish(i, { atMs: 6_000 + 9_000 * i, node: [0, 2, 3][i]!, amount: 5_000n }));
    const minutes = 12 * 60_000;
    const life = calm("away for long", { wishes, troubles: [away(1, 5_000, minutes)], healMs: minutes + 1_000 });
    const lived = await live(life, { inspect: ({ machines }) => allConfirmed(machines, 3) });
    assert.deepEqual(lived.violations, []);
    assert.ok(!lived.notices.some(({ notice }) => notice.kind === "wallet"), "the spends are explained");
  });
});

async function allConfirmed(machines: World["machines"], count: number): Promise<void> {
  for (const { store } of machines) {
    const { rows } = await store.transactions.list({ limit: 100 });
    assert.deepEqual([rows.length, new Set(rows.map(({ state }) => state))], [count, new Set(["confirmed"])]);
  }
}
