import assert from "node:assert/strict";
import { test } from "node:test";
import type { NetworkName } from "@conclave/bitcoin";
import { Accounts } from "./accounts.ts";
import type { Context } from "./context.ts";
import { Mailbox } from "./mailbox.ts";
import { PaymentViews } from "./payment-views.ts";
import { PaymentRecords } from "./records.ts";
import { Settlement } from "./settlement.ts";
import { SimulatedChain } from "./testing/chain.ts";
import { VirtualClock } from "./testing/clock.ts";
import { memoryStore } from "./testing/memory-store.ts";
import { DEFAULT_TIMINGS } from "./timings.ts";

const HOUR_MS = 3_600_000;

/** What a node says of its server after it has run for so long, and no block came. */
async function saidAfter(hours: number, network: NetworkName): Promise<readonly string[]> {
  const clock = new VirtualClock(1_750_000_000_000);
  const chain = new SimulatedChain(() => {});
  chain.mine(clock.nowMs() / 1_000);
  const rethrow = (error: unknown): never => {
    throw error;
  };
  const server = chain.server({ unreachable: false, blocksBehind: 0, forgetful: false });
  const [store, mailbox, slowLane] = [memoryStore(), new Mailbox(rethrow), new Mailbox(rethrow)];
  // Nothing is followed, so that it needs no more of a node.
  const context = { network, clock, chain: server, store, mailbox, slowLane, timings: DEFAULT_TIMINGS };
  const node = context as unknown as Context;
  const views = new PaymentViews(new Accounts(), store);
  const settlement = new Settlement(node, new PaymentRecords(node), views);
  await settlement.resume();
  const untilMs = clock.nowMs() + hours * HOUR_MS;
  while (await clock.step(untilMs));
  settlement.stop();
  return settlement.troubles();
}

test("a server that shows no new block for hours is told of, but where blocks come when somebody makes them", async () => {
  assert.deepEqual(await saidAfter(2, "mainnet"), []);
  const [said, ...more] = await saidAfter(4, "mainnet");
  assert.match(said!, /^the chain's server shows no block of the last [34] hours/);
  assert.deepEqual(more, []);
  assert.deepEqual(await saidAfter(4, "regtest"), []);
});
