/** Nodes that were away, or could keep nothing, while more happened than anybody remembers by heart. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { calm, wish, type Scenario } from "./testing/scenario.ts";
import { live, type LifeOptions } from "./testing/simulation.ts";

/** `count` payments, so many milliseconds apart, all of them asked of one node. */
const many = (count: number, apartMs: number): Pick<Scenario, "wishes" | "coins"> => {
  const wishes = Array.from({ length: count }, (_, i) => wish(i, { atMs: 800 + apartMs * i, node: 1, amount: 5_000n }));
  return { wishes, coins: wishes.map(() => 50_000n) };
};

async function allKnow(scenario: Scenario, options: LifeOptions): Promise<void> {
  const lived = await live(scenario, {
    ...options,
    inspect: async ({ machines }) => {
      for (const { store } of machines) {
        const { rows } = await store.transactions.list({ limit: 100 });
        const states = new Set(rows.map(({ state }) => state));
        assert.deepEqual([rows.length, states], [scenario.wishes.length, new Set(["confirmed"])]);
      }
    },
  });
  assert.deepEqual(lived.violations, []);
  assert.ok(!lived.notices.some(({ notice }) => notice.kind === "wallet"), "every spend is explained");
}

test("killed while its history was away: what it had answered before and not kept is told it again", async () => {
  // More than the latest ones that every peer is told when it comes back.
  const life = many(24, 2_000);
  const trouble = { kind: "store away", node: 0, atMs: 620, forMs: 150_000 } as const;
  await allKnow(calm("away and killed", { ...life, troubles: [trouble], healMs: 151_000 }), {
    prepare: ({ machines, clock }) => {
      clock.schedule(120_000, () => machines[0]!.crash("killed"));
      clock.schedule(121_000, () => machines[0]!.boot());
    },
  });
});

test("away while so much was paid and buried that its peers' custodies forgot it: they read it from their histories", async () => {
  const life = many(44, 7_000);
  await allKnow(calm("forgotten", { ...life, healMs: 940_000 }), {
    prepare: ({ machines, clock }) => {
      clock.schedule(100, () => machines[4]!.crash("away"));
      clock.schedule(930_000, () => machines[4]!.boot());
    },
  });
});
