/** Payments that are asked for at one time: one node gives each coins of its own, and nodes that chose alike part ways. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { calm, wish } from "./testing/scenario.ts";
import { live } from "./testing/simulation.ts";

/** Revisions that each request went through, as the first node knows them. */
async function revisionsOf(wishes: readonly ReturnType<typeof wish>[], coins = 3): Promise<readonly number[]> {
  let revisions: readonly number[] = [];
  const lived = await live(calm("choosing", { wishes, coins: Array.from({ length: coins }, () => 200_000n) }), {
    inspect: async ({ machines: [machine] }) => {
      const { rows } = await machine!.store.transactions.list({ limit: 10 });
      revisions = await Promise.all(
        rows.map(async ({ txid }) => (await machine!.store.requests.revisions(txid)).length),
      );
      assert.deepEqual(new Set(rows.map(({ state }) => state)), new Set(["confirmed"]));
    },
  });
  assert.deepEqual(lived.violations, []);
  return revisions;
}

test("asked of one node at once, each has coins of its own from the first", async () => {
  const wishes = [0, 1, 2].map((n) => wish(n, { atMs: 1_000, node: 0 }));
  assert.deepEqual(await revisionsOf(wishes), [1, 1, 1]);
});

test("asked of several nodes while a payment is under way, each chooses coins of its own", async () => {
  const wishes = [0, 1, 2, 3].map((n) => wish(n, { atMs: n === 0 ? 1_000 : 1_600, node: n }));
  assert.deepEqual(await revisionsOf(wishes, 24), [1, 1, 1, 1]);
});

test("asked of several nodes at once, whoever loses a coin does not lose the next to the same", async () => {
  const wishes = [0, 1, 2].map((n) => wish(n, { atMs: 1_000, node: n }));
  const revisions = await revisionsOf(wishes, 12);
  assert.equal(revisions.length, 3);
  assert.ok(Math.max(...revisions) <= 2, `revisions: ${revisions.join(", ")}`);
});
