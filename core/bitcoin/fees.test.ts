import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { codec } from "@conclave/bytes";
import fc from "fast-check";
import {
  checkFee,
  defaultFeePolicy,
  estimateRate,
  FeeEstimateError,
  feeFor,
  feeRate,
  FeeRateError,
  feeRateSchema,
  parseFeeRate,
  printFeeRate,
  rateOf,
  sats,
} from "./index.ts";
import type { FeePolicy, FeeProblemCode } from "./index.ts";

describe("a fee rate", () => {
  test("is read in sat/vB and kept in thousandths", () => {
    for (const [text, rate] of [
      ["1", 1_000n],
      ["0.1", 100n],
      ["2.5", 2_500n],
      [" 12.345 ", 12_345n],
      [3, 3_000n],
      [0.25, 250n],
    ] as const) {
      assert.equal(parseFeeRate(text), rate);
    }
  });
  test("is printed as it is read", () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: 1n, max: 10n ** 11n }),
        (rate) => parseFeeRate(printFeeRate(feeRate(rate))) === rate,
      ),
    );
  });
  test("of 0 is refused", () => assert.throws(() => parseFeeRate("0.000"), /never be mined/));
  test("in another unit is refused", () => {
    assert.throws(() => parseFeeRate("100000001"), /another unit/);
    for (const text of ["-1", "1e3", "0.0001", "", "fast", "1,5", "1 sat/vB", Number.NaN, 1e-7])
      assert.throws(() => parseFeeRate(text), FeeRateError);
  });
  test("gives a fee in whole satoshis, rounded up, and back, rounded down", () => {
    assert.equal(feeFor(feeRate(1_000n), 141), 141n);
    assert.equal(feeFor(feeRate(1_001n), 141), 142n);
    assert.equal(feeFor(feeRate(100n), 111), 12n);
    assert.equal(rateOf(sats(12n), 111), 108n);
  });
  test("comes back from the wire", () => {
    const wire = codec(feeRateSchema);
    assert.equal(wire.decode(wire.encode(feeRate(12_345n))), 12_345n);
  });
});

const policy: FeePolicy = {
  minRate: feeRate(1_000n),
  maxRate: feeRate(100_000n),
  maxAbsolute: sats(50_000n),
  maxShareOfAmount: 25,
  shareAppliesAbove: sats(5_000n),
};

describe("a fee policy", () => {
  const verdict = (fee: bigint, vsize: number, amount: bigint | null): FeeProblemCode[] =>
    checkFee(policy, { fee: sats(fee), vsize, amount: amount === null ? null : sats(amount) }).map(({ code }) => code);

  test("accepts what lies on its limits", () => {
    assert.deepEqual(verdict(200n, 200, 100_000n), []);
    assert.deepEqual(verdict(20_000n, 200, 80_000n), []);
    assert.deepEqual(verdict(50_000n, 1_000, 10n ** 9n), []);
    assert.deepEqual(verdict(5_000n, 1_000, 1_000n), [], "small fees are exempt from the share");
  });
  test("refuses one step beyond each limit, and only for that", () => {
    assert.deepEqual(verdict(199n, 200, 100_000n), ["fee-rate-too-low"]);
    assert.deepEqual(verdict(20_001n, 200, 10n ** 9n), ["fee-rate-too-high"]);
    assert.deepEqual(verdict(50_001n, 1_000, 10n ** 9n), ["fee-too-high"]);
    assert.deepEqual(verdict(20_000n, 200, 79_999n), ["fee-share-too-high"]);
  });
  test("names every limit that is broken", () => {
    assert.deepEqual(verdict(60_000n, 100, 1_000n), ["fee-rate-too-high", "fee-too-high", "fee-share-too-high"]);
  });
  test("knows no share where nobody is paid", () => assert.deepEqual(verdict(20_000n, 200, null), []));
  test("says figures and limits", () => {
    const [problem] = checkFee(policy, { fee: sats(25_000n), vsize: 200, amount: null });
    assert.match(problem!.message, /125 sat\/vB .* 100/);
  });
  test("of every network admits a usual payment and refuses a slip of units", () => {
    for (const defaults of Object.values(defaultFeePolicy)) {
      assert.deepEqual(checkFee(defaults, { fee: sats(1_540n), vsize: 154, amount: sats(50_000n) }), []);
      // THORChain once read BTC/kvB as sat/vB.
      assert.ok(checkFee(defaults, { fee: sats(154_000_000n), vsize: 154, amount: sats(10n ** 9n) }).length >= 2);
    }
  });
});

describe("an estimate", () => {
  const estimates = { "1": 30.1, "2": 20, "3": 15.0001, "6": 10, "25": 5, "144": 1.2, "1008": 0.5 };
  const at = (targetBlocks: number, answer: unknown = estimates) => estimateRate(answer, { targetBlocks, policy });

  test("is the server's for the nearest earlier target, rounded up", () => {
    assert.deepEqual(at(1), { rate: 30_100n, source: "server" });
    assert.deepEqual(at(3), { rate: 15_001n, source: "server" });
    assert.deepEqual(at(5), { rate: 15_001n, source: "server" });
    assert.deepEqual(at(144), { rate: 1_200n, source: "server" });
  });
  test("is the floor if the server knows nothing or goes below it", () => {
    assert.deepEqual(at(1, {}), { rate: 1_000n, source: "floor" });
    assert.deepEqual(at(1008), { rate: 1_000n, source: "floor" });
  });
  test("is the first known one for a target before all", () =>
    assert.deepEqual(at(1, { "144": 7 }), { rate: 7_000n, source: "server" }));
  test("never goes above the policy", () => assert.deepEqual(at(1, { "1": 5_000 }), { rate: 100_000n, source: "cap" }));
  test("is not made of nonsense", () => {
    for (const answer of [
      null,
      undefined,
      [],
      "12",
      3,
      { "1": "12" },
      { "1": -1 },
      { "1": Number.NaN },
      { "1": Infinity },
      { soon: 3 },
      { "1": 1e7 },
      { "1": null },
    ]) {
      assert.throws(() => estimateRate(answer, { targetBlocks: 1, policy }), FeeEstimateError);
    }
  });
});
