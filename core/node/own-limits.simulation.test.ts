/** What a node's own operator does not allow is refused when it is asked for, by the rule's name, and nothing is kept of it. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { NO_SPENDING_LIMITS, sats, type SpendingPolicy } from "@conclave/bitcoin";
import { SpendingRefused } from "./payments.ts";
import { calm, wish } from "./testing/scenario.ts";
import { live } from "./testing/simulation.ts";

const ASKED = 1;
const AMOUNT = 20_000n;

/** What the client of the limited node is told, if it is refused; and how the payment ended that another node was asked for. */
async function askedOf(policy: Partial<SpendingPolicy>, wishes: readonly number[]) {
  const scenario = calm(`own limits ${Object.keys(policy).join()}`, {
    size: { n: 4, t: 3, q: 3 },
    wishes: [
      ...wishes.map((atMs, i) => wish(i, { atMs, node: ASKED, amount: AMOUNT })),
      wish(9, { atMs: 9_000, amount: AMOUNT }),
    ],
    healMs: 12_000,
  });
  let rows = 0;
  const lived = await live(scenario, {
    settings: (node) => (node === ASKED ? { spending: { ...NO_SPENDING_LIMITS, ...policy } } : {}),
    inspect: async ({ machines }) => {
      const { self, store } = machines[ASKED]!;
      const { rows: known } = await store.requests.list({ limit: 100 });
      rows = known.filter(({ origin }) => origin === self).length;
    },
  });
  assert.deepEqual(lived.violations, []);
  return { endings: Object.fromEntries(lived.endings), rows, refusals: lived.refusals };
}

describe("a payment that the asked node would vote no to", () => {
  for (const [name, policy, words] of [
    [
      "above its limit per payment",
      { maxPayment: sats(15_000n) },
      /20000 sat are above this node's limit of 15000 sat/,
    ],
    ["to somebody else than its address book has", { recipients: [] }, /is not in this node's address book/],
  ] as const) {
    test(`${name}: refused, and paid by another`, async () => {
      const { endings, rows, refusals } = await askedOf(policy, [500]);
      assert.deepEqual(endings, { refused: 1, confirmed: 1 });
      assert.equal(rows, 0, "nothing is kept of it");
      assert.match(
        refusals.join(),
        new RegExp(`^${SpendingRefused.name}: .*${words.source}.*: ask a node whose operator`),
      );
    });
  }

  test("above its limit per day: what it promised before counts", async () => {
    const { endings, refusals } = await askedOf({ maxDaily: sats(25_000n) }, [500, 4_000]);
    assert.deepEqual(endings, { refused: 1, confirmed: 2 });
    assert.match(refusals.join(), /20000 sat and the 20000 sat promised in the last 24 hours are above/);
  });

  test("is none that only waits for its operator", async () => {
    const { endings, refusals } = await askedOf({ approval: "manual" }, [500]);
    assert.deepEqual([endings, refusals], [{ confirmed: 2 }, []]);
  });
});
