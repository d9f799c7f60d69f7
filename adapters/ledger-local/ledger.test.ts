import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ledgerContract } from "@conclave/node/testing";
import { localLedger, MAX_GENESIS_AHEAD_MS } from "./ledger.ts";

const GENESIS_MS = 1_800_000_000_000;

/** A clock that stands until it is moved. */
const movableClock = (startMs: number) => ({
  atMs: startMs,
  nowMs(): number {
    return this.atMs;
  },
});

for (const slotMs of [1_000, 6_000])
  ledgerContract(`slots of ${slotMs} ms`, async () => {
    const clock = movableClock(GENESIS_MS + 10 * slotMs + 1);
    return {
      open: async () => localLedger({ genesisMs: GENESIS_MS, slotMs, clock }),
      advance: async (heights) => {
        clock.atMs += heights * slotMs;
      },
      setBack: async (heights) => {
        clock.atMs -= heights * slotMs;
      },
      dispose: async () => {},
    };
  });

describe("a local ledger", () => {
  const heightAfter = (ms: number): number => {
    const clock = movableClock(GENESIS_MS + ms);
    return localLedger({ genesisMs: GENESIS_MS, clock }).height();
  };

  it("counts whole seconds since the genesis", () => {
    assert.deepEqual([0, 999, 1_000, 1_999, 2_000, 86_400_000].map(heightAfter), [0, 0, 1, 1, 2, 86_400]);
  });

  it("is at 0 while the genesis is a little ahead, and begins with it", () => {
    const clock = movableClock(GENESIS_MS - MAX_GENESIS_AHEAD_MS);
    const ledger = localLedger({ genesisMs: GENESIS_MS, clock });
    assert.equal(ledger.height(), 0);
    clock.atMs = GENESIS_MS - 1;
    assert.equal(ledger.height(), 0);
    clock.atMs = GENESIS_MS + 1_000;
    assert.equal(ledger.height(), 1);
  });

  it("refuses a genesis that is further ahead, and says what to do", () => {
    assert.throws(() => heightAfter(-MAX_GENESIS_AHEAD_MS - 1), /RangeError: .*61 s from now.*correct the clock or/);
  });

  it("stays where it was if the clock is set to before the genesis", () => {
    const clock = movableClock(GENESIS_MS + 5_000);
    const ledger = localLedger({ genesisMs: GENESIS_MS, clock });
    assert.equal(ledger.height(), 5);
    clock.atMs = 0;
    assert.equal(ledger.height(), 5);
  });

  for (const genesisMs of [-1, 0.5, Number.NaN, Infinity])
    it(`refuses a genesis of ${genesisMs}`, () => {
      const clock = movableClock(GENESIS_MS);
      assert.throws(() => localLedger({ genesisMs, clock }), /RangeError: the cluster's genesis is a time in whole/);
    });

  for (const slotMs of [0, -1_000, 0.5, Number.NaN, Infinity])
    it(`refuses heights of ${slotMs} ms`, () => {
      const clock = movableClock(GENESIS_MS);
      assert.throws(() => localLedger({ genesisMs: 0, slotMs, clock }), /RangeError: a height lasts a whole number/);
    });
});
