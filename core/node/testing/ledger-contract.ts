/** What every ledger promises: one clock for the whole cluster. Each adapter's test calls `ledgerContract`. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Ledger } from "../ports.ts";

/** A cluster whose ledger the test can move. It begins at height 1 or above. */
export interface LedgerWorld {
  /** One node's ledger, ready to answer. */
  open(): Promise<Ledger>;
  /** The cluster's clock, or chain, goes on by so many heights, and every open ledger can know. */
  advance(heights: number): Promise<void>;
  /** What the height is read from goes back by so many heights: a clock that is set, a chain that reorganises. */
  setBack(heights: number): Promise<void>;
  dispose(): Promise<void>;
}

/** Every promise as a test, each in a world of its own. */
export function ledgerContract(name: string, makeWorld: () => Promise<LedgerWorld>): void {
  const inWorld = (test: (world: LedgerWorld) => Promise<void>) => async () => {
    const world = await makeWorld();
    try {
      await test(world);
    } finally {
      await world.dispose();
    }
  };

  describe(`ledger contract: ${name}`, () => {
    it(
      "a height is a whole number from 0, from the first answer on",
      inWorld(async (world) => {
        const ledger = await world.open();
        for (let step = 0; step < 20; step++) {
          const height = ledger.height();
          assert(Number.isSafeInteger(height) && height >= 0, `${height} is no height`);
          await world.advance(step % 3);
        }
      }),
    );
    it(
      "grows exactly with the cluster, and only with it",
      inWorld(async (world) => {
        const ledger = await world.open();
        const first = ledger.height();
        assert.equal(ledger.height(), first);
        await world.advance(1);
        assert.equal(ledger.height(), first + 1);
        await world.advance(100_000);
        assert.equal(ledger.height(), first + 100_001);
      }),
    );
    it(
      "is the same at every node of one cluster, whenever it started",
      inWorld(async (world) => {
        const early = await world.open();
        const asked = await world.open();
        asked.height();
        for (const heights of [1, 7, 1_000]) {
          await world.advance(heights);
          const late = await world.open();
          assert.deepEqual([asked.height(), late.height()], [early.height(), early.height()]);
        }
      }),
    );
    it(
      "never goes back while the node runs, and goes on from where it stood",
      inWorld(async (world) => {
        const ledger = await world.open();
        await world.advance(10);
        const highest = ledger.height();
        await world.setBack(5);
        assert.equal(ledger.height(), highest);
        await world.advance(3);
        assert.equal(ledger.height(), highest);
        await world.advance(2);
        assert.equal(ledger.height(), highest);
        await world.advance(1);
        assert.equal(ledger.height(), highest + 1);
      }),
    );
    it(
      "agrees again among all nodes once what went back has caught up",
      inWorld(async (world) => {
        const before = await world.open();
        await world.advance(10);
        before.height();
        await world.setBack(4);
        const after = await world.open();
        assert(after.height() <= before.height());
        await world.advance(4);
        assert.equal(after.height(), before.height());
      }),
    );
  });
}
