/** A node whose history is away for longer than the store's own patience misses nothing of what its cluster did meanwhile. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { calm, wish } from "./testing/scenario.ts";
import { live } from "./testing/simulation.ts";

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
          if (node === 0 && notice.kind === "signed") settledMs.push(clock.nowMs() - 1_750_000_000_000);
        },
        inspect: async ({ machines }) => {
          refusals = machines[1]!.storeRefusals;
          for (const { store } of machines) {
            const { rows } = await store.transactions.list({ limit: 10 });
            assert.deepEqual(
              rows.map(({ state }) => state),
              ["confirmed", "confirmed"],
            );
          }
        },
      });
      assert.deepEqual(lived.violations, []);
      assert.ok(refusals > 0, "nothing was asked of the store");
      assert.equal(settledMs.length, 2);
      assert.ok(Math.max(...settledMs) < 15_000, "the others went on without it");
    });
  }
});
