import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { AssertionError } from "@conclave/bytes";
import { seededRng } from "@conclave/crypto/testing";
import fc from "fast-check";
import { branchAndBound } from "./branch-and-bound.ts";
import {
  buildPayment,
  CHANGE_DUST,
  checkFee,
  defaultFeePolicy,
  FeeTooHigh,
  FeeTooLow,
  feeFor,
  feeRate,
  InsufficientFunds,
  INPUT_WEIGHT,
  MAX_INPUTS,
  MAX_PREVIOUS_BYTES,
  MAX_SATS,
  maxPayable,
  networks,
  OutputBelowDust,
  outpointKey,
  parseAddress,
  readPayment,
  sats,
  selectCoins,
  TooManyInputs,
  transactionWeight,
  virtualSize,
} from "./index.ts";
import type { Coin, ScriptType, SelectionRequest } from "./index.ts";
import { fundedCoin } from "./testing/funding.ts";
import { SCRIPT_TYPES, singleKeyWallet, txidOfNumber } from "./testing/single-key-wallet.ts";

const recipient = parseAddress("bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080", networks.regtest).scriptPubKey;

const coin = (number: number, value: bigint, more: Partial<Coin> = {}): Coin => ({
  outpoint: { txid: txidOfNumber(number), vout: 0 },
  value: sats(value),
  branch: 0,
  index: number,
  height: 100,
  coinbase: false,
  ...more,
});
const coinsOf = (...values: number[]): Coin[] => values.map((value, i) => coin(i + 1, BigInt(value)));

const policy = { ...defaultFeePolicy.regtest, maxShareOfAmount: 1_000_000 };
const request = (coins: readonly Coin[], amount: bigint, more: Partial<SelectionRequest> = {}): SelectionRequest => ({
  scriptType: "p2tr",
  coins,
  locked: new Set(),
  required: [],
  tipHeight: 200,
  spendUnconfirmed: false,
  amount: sats(amount),
  recipient,
  metadata: null,
  feeRate: feeRate(2_000n),
  policy,
  signingCost: sats(100n),
  maxInputs: MAX_INPUTS,
  ...more,
});
const values = (coins: readonly Coin[]): bigint[] => coins.map(({ value }) => value);
const throws = <E extends Error>(run: () => unknown, kind: new (...parts: never[]) => E): E => {
  try {
    run();
  } catch (error) {
    if (error instanceof kind) return error;
    throw error;
  }
  return assert.fail(`expected ${kind.name}`);
};

describe("coins for a payment", () => {
  // One Taproot input and one P2WPKH output: 57.5 + 31 + 10.5 = 99 vB, 198 sat at 2 sat/vB; 142 vB with change.
  test("match exactly, if any can", () => {
    const selection = selectCoins(request(coinsOf(90_000, 50_198, 30_000), 50_000n));
    assert.deepEqual(values(selection.inputs), [50_198n]);
    assert.equal(selection.change, null);
    assert.deepEqual([selection.fee, selection.vsize], [198n, 99]);
  });
  test("give up a remainder that change would cost more than", () => {
    const selection = selectCoins(request(coinsOf(90_000, 50_500), 50_000n));
    assert.deepEqual([selection.change, selection.fee], [null, 500n]);
  });
  test("are otherwise the fewest that suffice, and the smallest such", () => {
    const selection = selectCoins(request(coinsOf(900_000, 20_000, 400_000, 15_000, 60_000), 50_000n));
    assert.deepEqual(values(selection.inputs), [60_000n]);
    assert.deepEqual([selection.change, selection.fee, selection.vsize], [60_000n - 50_000n - 284n, 284n, 142]);
  });
  test("are the smallest one even if that is the only other", () => {
    assert.deepEqual(values(selectCoins(request(coinsOf(900_000, 60_000), 50_000n)).inputs), [60_000n]);
  });
  test("take an exact match of many coins only if that saves more than the ceremonies cost", () => {
    const coins = coinsOf(200_000, 20_072, 20_072, 20_072);
    const amount = 60_000n;
    assert.equal(
      selectCoins(request(coins, amount, { signingCost: sats(0n), feeRate: feeRate(1_000n) })).inputs.length,
      3,
    );
    assert.equal(
      selectCoins(request(coins, amount, { signingCost: sats(10_000n), feeRate: feeRate(1_000n) })).inputs.length,
      1,
    );
  });
  test("leave out locked, unconfirmed and immature ones, and those worth less than their own input", () => {
    const good = coin(9, 60_000n);
    const coins = [
      coin(1, 60_100n),
      coin(2, 60_200n, { height: null }),
      coin(3, 60_300n, { coinbase: true, height: 150 }),
      coin(4, 114n),
      good,
    ];
    const selection = selectCoins(request(coins, 50_000n, { locked: new Set([outpointKey(coins[0]!.outpoint)]) }));
    assert.deepEqual(selection.inputs, [good]);
  });
  test("may be unconfirmed if the payer says so, and block rewards after 100 blocks", () => {
    const waiting = coin(1, 60_000n, { height: null });
    assert.deepEqual(selectCoins(request([waiting], 50_000n, { spendUnconfirmed: true })).inputs, [waiting]);
    const reward = coin(2, 60_000n, { coinbase: true, height: 101 });
    assert.deepEqual(selectCoins(request([reward], 50_000n)).inputs, [reward]);
    assert.throws(() => selectCoins(request([reward], 50_000n, { tipHeight: 199 })), InsufficientFunds);
  });
  test("include the required ones, even locked, whatever else is there", () => {
    const coins = coinsOf(10_000, 90_000);
    const anchor = coins[0]!;
    const alone = selectCoins(
      request(coins, 5_000n, { required: [anchor], locked: new Set([outpointKey(anchor.outpoint)]) }),
    );
    assert.deepEqual(alone.inputs, [anchor]);
    const helped = selectCoins(request(coins, 50_000n, { required: [anchor] }));
    assert.deepEqual(
      helped.inputs.toSorted((a, b) => a.index - b.index),
      coins,
    );
  });
  test("cover metadata too", () => {
    const { vsize } = selectCoins(request(coinsOf(60_000), 50_000n, { metadata: new Uint8Array(80) }));
    assert.equal(vsize, 142 + 8 + 1 + 83);
  });
});

describe("a payment that cannot be made", () => {
  test("for want of money says how much is missing and where the rest is", () => {
    const coins = [
      coin(1, 10_000n),
      coin(2, 20_000n),
      coin(3, 40_000n, { height: null }),
      coin(4, 80_000n, { coinbase: true, height: 150 }),
    ];
    const error = throws(
      () => selectCoins(request(coins, 11_000n, { locked: new Set([outpointKey(coins[1]!.outpoint)]) })),
      InsufficientFunds,
    );
    assert.deepEqual(
      {
        needed: error.needed,
        available: error.available,
        locked: error.locked,
        unconfirmed: error.unconfirmed,
        immature: error.immature,
      },
      { needed: 11_198n, available: 10_000n, locked: 20_000n, unconfirmed: 40_000n, immature: 80_000n },
    );
    assert.match(error.message, /11198 sat with the fee are needed, 10000 sat can be spent/);
  });
  test("for the fee alone says so too", () => {
    assert.equal(throws(() => selectCoins(request(coinsOf(50_000), 50_000n)), InsufficientFunds).needed, 50_198n);
    assert.equal(throws(() => selectCoins(request(coinsOf(50_197), 50_000n)), InsufficientFunds).available, 50_197n);
  });
  test("from an empty wallet, or of all bitcoin", () => {
    assert.equal(throws(() => selectCoins(request([], 1_000n)), InsufficientFunds).available, 0n);
    assert.equal(throws(() => selectCoins(request(coinsOf(5_000), MAX_SATS)), InsufficientFunds).needed, MAX_SATS);
  });
  test("in one transaction, says how much can be paid", () => {
    const coins = Array.from({ length: 30 }, (_, i) => coin(i, 10_000n));
    const error = throws(() => selectCoins(request(coins, 250_000n)), TooManyInputs);
    assert.deepEqual([error.needed, error.limit], [26, 20]);
    assert.equal(selectCoins(request(coins, error.payable)).inputs.length, 20);
    assert.throws(() => selectCoins(request(coins, error.payable + 1n)), TooManyInputs);
  });
  test("in one transaction, even if every coin would be needed", () => {
    const coins = Array.from({ length: 21 }, (_, i) => coin(i, 10_000n));
    assert.equal(throws(() => selectCoins(request(coins, 207_000n)), TooManyInputs).needed, 21);
  });
  test("with limits that make no sense is our own mistake", () => {
    for (const maxInputs of [0, 21]) {
      assert.throws(() => selectCoins(request(coinsOf(50_000), 1_000n, { maxInputs })), AssertionError);
    }
    const coins = coinsOf(50_000, 60_000);
    assert.throws(() => selectCoins(request(coins, 1_000n, { required: coins, maxInputs: 1 })), AssertionError);
    assert.equal(selectCoins(request(coins, 1_000n, { required: coins, maxInputs: 2 })).inputs.length, 2);
  });
  test("because the amount is dust", () => {
    const error = throws(() => selectCoins(request(coinsOf(50_000), 293n)), OutputBelowDust);
    assert.deepEqual([error.amount, error.dust], [293n, 294n]);
    assert.equal(selectCoins(request(coinsOf(50_000), 294n)).inputs.length, 1);
    const taproot = Uint8Array.from([0x51, 32, ...new Uint8Array(32)]);
    assert.throws(() => selectCoins(request(coinsOf(50_000), 329n, { recipient: taproot })), OutputBelowDust);
  });
  test("because the rate is below the floor, or the fee above a cap", () => {
    assert.throws(() => selectCoins(request(coinsOf(50_000), 10_000n, { feeRate: feeRate(999n) })), FeeTooLow);
    const { problems } = throws(
      () => selectCoins(request(coinsOf(900_000), 10_000n, { feeRate: feeRate(1_000_001n) })),
      FeeTooHigh,
    );
    assert.deepEqual(
      problems.map(({ code }) => code),
      ["fee-rate-too-high"],
    );
    const strict = { ...policy, maxShareOfAmount: 10, shareAppliesAbove: sats(0n) };
    assert.throws(
      () => selectCoins(request(coinsOf(50_000), 1_000n, { policy: strict })),
      /more than 10 % of the amount/,
    );
  });
});

describe("the whole balance", () => {
  test("can be sent, to the last satoshi", () => {
    const coins = coinsOf(70_000, 30_000, 20_000);
    const amount = maxPayable(request(coins, 0n));
    const selection = selectCoins(request(coins, amount));
    assert.equal(amount + selection.fee, 120_000n);
    assert.deepEqual([selection.inputs.length, selection.change], [3, null]);
    assert.throws(() => selectCoins(request(coins, amount + 1n)), InsufficientFunds);
  });
  test("is 0 where coins do not pay their own fee", () => {
    assert.equal(maxPayable(request([], 0n)), 0n);
    assert.equal(maxPayable(request(coinsOf(100, 110), 0n)), 0n);
    assert.equal(maxPayable(request(coinsOf(150), 0n)), 0n);
  });
});

const anyWallet = fc.array(fc.bigInt({ min: 200n, max: 200_000n }), { minLength: 1, maxLength: 40 });
const anyRate = fc.bigInt({ min: 1_000n, max: 60_000n }).map(feeRate);

for (const scriptType of SCRIPT_TYPES)
  describe(`for any ${scriptType} wallet and amount`, () => anyPayment(scriptType));

function anyPayment(scriptType: ScriptType): void {
  const wallet = singleKeyWallet(networks.regtest, seededRng("selection"), scriptType);
  const of = (coins: readonly Coin[], amount: bigint, more: Partial<SelectionRequest> = {}): SelectionRequest =>
    request(coins, amount, { scriptType, ...more });

  test("value is conserved, limits hold, and the built transaction has the size that was paid for", () => {
    let made = 0;
    const property = fc.property(
      anyWallet,
      fc.bigInt({ min: 294n, max: 600_000n }),
      anyRate,
      fc.integer({ min: 1, max: 20 }),
      (amounts, amount, rate, maxInputs) => {
        const coins = amounts.map((value, i) => coin(i, value));
        const wanted = of(coins, amount, { feeRate: rate, maxInputs });
        try {
          const { inputs, change, fee, vsize } = selectCoins(wanted);
          made += 1;
          assert.equal(
            values(inputs).reduce((a, b) => a + b),
            amount + fee + (change ?? 0n),
          );
          assert.ok(inputs.length <= maxInputs && new Set(inputs).size === inputs.length);
          assert.ok(fee >= feeFor(rate, vsize));
          assert.deepEqual(checkFee(policy, { fee, vsize, amount: sats(amount) }), []);
          const dust = CHANGE_DUST[scriptType];
          const spending = feeFor(feeRate(10_000n), virtualSize(INPUT_WEIGHT[scriptType]));
          const spareChange = feeFor(rate, scriptType === "p2tr" ? 43 : 31) + (spending > dust ? spending : dust);
          assert.ok(
            fee <= feeFor(rate, vsize) + (change === null ? spareChange : 0n),
            "no fee beyond what change would cost",
          );
          assert.ok(change === null || change >= dust);
          if (made <= 10) {
            const parts = {
              inputs: inputs.map(({ value, index }) => fundedCoin(wallet, { number: index, value, index })),
              recipient: { script: recipient, value: sats(amount) },
              metadata: null,
              change: change === null ? null : { index: 0, value: change },
              locktime: 200,
            };
            assert.equal(readPayment(buildPayment(wallet, parts), wallet).vsize, vsize);
          }
        } catch (error) {
          assert.ok(error instanceof InsufficientFunds || error instanceof TooManyInputs, String(error));
          assert.ok(maxPayable(wanted) < amount, "refused although it can be paid");
        }
      },
    );
    fc.assert(property, { numRuns: 300 });
    assert.ok(made > 50, "most draws pay");
  });

  test("the fewest ceremonies are chosen where they are dear, that of spending the change counted", () => {
    fc.assert(
      fc.property(anyWallet, anyRate, (amounts, rate) => {
        const coins = amounts.map((value, i) => coin(i, value));
        const amount = values(coins).reduce((a, b) => a + b) / 4n + 294n;
        const largestFirst = amounts.toSorted((a, b) => Number(b - a));
        const paysWith = (count: number): boolean => {
          const weight = transactionWeight({
            scriptType,
            inputCount: count,
            outputScripts: [recipient.length],
          });
          const sum = largestFirst.slice(0, count).reduce((a, b) => a + b, 0n);
          return count <= amounts.length && sum >= amount + feeFor(rate, virtualSize(weight));
        };
        const fewest = Array.from({ length: MAX_INPUTS }, (_, i) => i + 1).find(paysWith);
        if (fewest === undefined) return;
        const dear = of(coins, amount, { feeRate: rate, signingCost: sats(10_000_000n) });
        const { inputs, change } = selectCoins(dear);
        assert.ok(inputs.length + (change === null ? 0 : 1) <= fewest + 1);
      }),
      { numRuns: 100 },
    );
  });

  test("the order of coins changes nothing", () => {
    fc.assert(
      fc.property(anyWallet, anyRate, (amounts, rate) => {
        const coins = amounts.map((value, i) => coin(i, value));
        const amount = values(coins).reduce((a, b) => a + b) / 3n + 294n;
        const outcome = (order: readonly Coin[]): unknown => {
          try {
            return selectCoins(of(order, amount, { feeRate: rate }));
          } catch (error) {
            return String(error);
          }
        };
        assert.deepEqual(outcome(coins.toReversed()), outcome(coins));
      }),
      { numRuns: 100 },
    );
  });

  test("2,000 dust coins are bounded in time and refused with advice", () => {
    const coins = Array.from({ length: 2_000 }, (_, i) => coin(i, 1_000n + BigInt(i % 7)));
    const error = throws(() => selectCoins(of(coins, 1_000_000n)), TooManyInputs);
    assert.match(error.message, /pay in parts, or first send coins to yourself/);
    assert.ok(error.payable > 15_000n);
  });
}

describe("coins of a P2WPKH wallet", () => {
  const heavy = (number: number, value: bigint, bytes: number): Coin =>
    coin(number, value, { previous: new Uint8Array(bytes) });
  const of = (coins: readonly Coin[], amount: bigint, more: Partial<SelectionRequest> = {}): SelectionRequest =>
    request(coins, amount, { scriptType: "p2wpkh", ...more });
  const half = MAX_PREVIOUS_BYTES / 2;

  test("pay for the longest signatures, and for change down to its own dust", () => {
    // One P2WPKH input and output: 68 + 31 + 10.5 = 109.5 vB, 220 sat at 2 sat/vB; 141 vB with change.
    const exact = selectCoins(of(coinsOf(50_220), 50_000n));
    assert.deepEqual([exact.change, exact.fee, exact.vsize], [null, 220n, 110]);
    const tight = { signingCost: sats(0n), feeRate: feeRate(1_000n) };
    const dusty = (value: number) => selectCoins(of(coinsOf(value), 50_000n, tight)).change;
    assert.deepEqual([dusty(50_000 + 141 + 293), dusty(50_000 + 141 + 900)], [null, 900n]);
    assert.equal(CHANGE_DUST.p2wpkh, 294n);
  });
  test("are left out if the transaction that made one is too large", () => {
    const coins = [heavy(1, 90_000n, MAX_PREVIOUS_BYTES + 1), heavy(2, 60_000n, MAX_PREVIOUS_BYTES)];
    assert.deepEqual(values(selectCoins(of(coins, 50_000n)).inputs), [60_000n]);
    assert.throws(() => selectCoins(of(coins.slice(0, 1), 50_000n)), InsufficientFunds);
    assert.deepEqual(values(selectCoins(request(coins.slice(0, 1), 50_000n)).inputs), [90_000n], "but not of Taproot");
  });
  test("are chosen so that the transactions that made them fit together", () => {
    const coins = [heavy(1, 40_000n, half), heavy(2, 39_000n, half + 1), heavy(3, 38_000n, half)];
    assert.deepEqual(new Set(values(selectCoins(of(coins, 70_000n)).inputs)), new Set([38_000n, 40_000n]));
    const exactOnlyTogether = [heavy(1, 40_000n, half), heavy(2, 30_356n, half + 1), heavy(3, 90_000n, half)];
    assert.deepEqual(values(selectCoins(of(exactOnlyTogether, 70_000n)).inputs), [90_000n]);
    const cheaper = [heavy(1, 60_000n, half), heavy(2, 60_000n, half), heavy(3, 20_000n, half + 1)];
    assert.deepEqual(values(selectCoins(of(cheaper, 70_000n)).inputs), [60_000n, 60_000n], "no swap that does not fit");
  });
  test("that do not fit together are too many", () => {
    const coins = [1, 2, 3].map((number) => heavy(number, 40_000n, half));
    const error = throws(() => selectCoins(of(coins, 100_000n)), TooManyInputs);
    assert.deepEqual([error.needed, error.limit], [3, 2]);
    assert.equal(error.payable, maxPayable(of(coins, 0n)));
    assert.equal(selectCoins(of(coins, error.payable)).inputs.length, 2);
  });
});

describe("branch and bound", () => {
  test("finds a subset in the window whenever there is one", () => {
    fc.assert(
      fc.property(
        fc.array(fc.bigInt({ min: 1n, max: 50n }), { maxLength: 9 }),
        fc.bigInt({ min: 1n, max: 120n }),
        fc.bigInt({ min: 0n, max: 5n }),
        fc.integer({ min: 1, max: 9 }),
        (unsorted, target, width, maxCount) => {
          const sorted = unsorted.toSorted((a, b) => Number(b - a));
          const found: number[][] = [];
          branchAndBound({
            values: sorted,
            target,
            upper: target + width,
            maxCount,
            found: (indices) => found.push([...indices]),
          });
          const fits = (indices: readonly number[]): boolean => {
            const sum = indices.reduce((total, i) => total + sorted[i]!, 0n);
            return sum >= target && sum <= target + width && indices.length <= maxCount;
          };
          const subsets = Array.from({ length: 2 ** sorted.length }, (_, mask) =>
            [...sorted.keys()].filter((i) => ((mask >> i) & 1) === 1),
          );
          assert.ok(found.every(fits));
          assert.equal(found.length > 0, subsets.some(fits));
        },
      ),
      { numRuns: 300 },
    );
  });
});
