/** What a node sees of the chain, whatever its server says, or does not say, of one transaction. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { NO_SPENDING_LIMITS, RECEIVE, sats } from "@conclave/bitcoin";
import { LIES_ABOUT_ONE } from "./testing/chain-lies.ts";
import { calm, wish } from "./testing/scenario.ts";
import { live, type World } from "./testing/simulation.ts";

const LIED_TO = 1;
const LYING_FROM_MS = 3_000;
const THEFT_MS = 25_000;
const LYING_UNTIL_MS = 60_000;

describe("a server that has something against one payment", () => {
  for (const lie of LIES_ABOUT_ONE) {
    test(`${lie}: the others are followed to their end, and the wallet's coins are watched`, async () => {
      const lived = await live(
        calm(lie, {
          // The first is rejected, and sought on the chain for ever after: somebody may have completed it all the same.
          wishes: [wish(0, { amount: 90_000n }), wish(1, { atMs: 8_000 })],
          troubles: [
            { kind: "chain lies", node: LIED_TO, lie, atMs: LYING_FROM_MS, forMs: LYING_UNTIL_MS - LYING_FROM_MS },
          ],
          healMs: LYING_UNTIL_MS + 1_000,
        }),
        {
          settings: (node) => (node < 2 ? {} : { spending: { ...NO_SPENDING_LIMITS, maxPayment: sats(50_000n) } }),
          prepare: (world) => {
            world.clock.schedule(THEFT_MS, () => void steal(world));
          },
        },
      );
      assert.ok((lived.faults.get(lie) ?? 0) > 3, `it was told ${lived.faults.get(lie)} times`);
      const seen = lived.notices.filter(({ node, atMs }) => node === LIED_TO && atMs < LYING_UNTIL_MS);
      const states = seen.flatMap(({ notice }) => (notice.kind === "state" ? [notice.state] : []));
      assert.ok(states.includes("rejected"));
      assert.ok(states.includes("confirmed"), states.join());
      assert.ok(seen.some(({ notice }) => notice.kind === "wallet" && notice.frozen));
    });
  }
});

/** One of the wallet's coins that are left, taken by whoever holds the key. */
async function steal({ machines, chain }: World): Promise<void> {
  const server = chain.server({ unreachable: false, blocksBehind: 0, forgetful: false });
  const scripts = [0, 1, 2].map((index) => machines[0]!.node!.accounts[0]!.script(RECEIVE, index).scriptPubKey);
  const coins = (await Promise.all(scripts.map((script) => server.utxos(script)))).flat();
  chain.spendElsewhere(coins[0]!.outpoint);
}
