import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { utf8 } from "@conclave/bytes";
import { seededRng } from "@conclave/crypto/testing";
import {
  AddressError,
  checkPayment,
  checkReplacement,
  defaultFeePolicy,
  draftCancellation,
  draftPayment,
  feeRate,
  FeeTooHigh,
  InsufficientFunds,
  isCancellation,
  networks,
  outpointKey,
  sats,
} from "./index.ts";
import type { CheckContext, KnownCoin, PaymentDraft, PaymentRequest, ScriptType } from "./index.ts";
import { fundedCoin } from "./testing/funding.ts";
import { SCRIPT_TYPES, singleKeyWallet } from "./testing/single-key-wallet.ts";

const request: PaymentRequest = {
  recipient: "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080",
  amount: sats(100_000n),
  feeRate: feeRate(3_500n),
  metadata: utf8("order 12"),
};
for (const scriptType of SCRIPT_TYPES) describe(`from a ${scriptType} wallet,`, () => drafts(scriptType));

function drafts(scriptType: ScriptType): void {
  const wallet = singleKeyWallet(networks.regtest, seededRng("draft"), scriptType);
  const coins: readonly KnownCoin[] = [30_000n, 45_000n, 120_000n].map((value, i) => ({
    ...fundedCoin(wallet, { number: i, vout: i, value, index: i }),
    height: 100,
    coinbase: false,
    spentBy: null,
  }));
  const draft: PaymentDraft = {
    request,
    coins,
    locked: new Set(),
    required: [],
    tipHeight: 110,
    spendUnconfirmed: false,
    policy: defaultFeePolicy.regtest,
    signingCost: sats(100n),
    maxInputs: 20,
    changeIndex: 4,
  };
  const context: CheckContext = {
    request,
    policy: {
      fees: defaultFeePolicy.regtest,
      maxInputs: 20,
      minConfirmations: 1,
      changeIndex: { from: 4, to: 24 },
      maxLocktimeAhead: 2,
    },
    findCoin: (outpoint) => coins.find((coin) => outpointKey(coin.outpoint) === outpointKey(outpoint)),
    tipHeight: 110,
    replaces: new Set(),
  };

  describe("a draft", () => {
    test("is what every other node with the same view votes for", () => {
      for (const amount of [1_000n, 30_000n, 74_000n, 100_000n, 194_000n]) {
        const asked = { ...request, amount: sats(amount) };
        const policy = { ...draft.policy, maxShareOfAmount: 100 };
        const view = draftPayment(wallet, { ...draft, request: asked, policy });
        assert.deepEqual(checkPayment(view, { ...context, request: asked }), []);
        assert.equal(view.locktime, 110);
      }
    });
    test("is not made for an address of another network", () => {
      const foreign = { ...request, recipient: "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4" };
      assert.throws(() => draftPayment(wallet, { ...draft, request: foreign }), AddressError);
    });
    test("of a higher rate that spends the same coin is a replacement", () => {
      const first = draftPayment(wallet, draft);
      const required = coins.filter((coin) =>
        first.inputs.some(({ outpoint }) => outpointKey(outpoint) === outpointKey(coin.outpoint)),
      );
      const raised = { ...request, feeRate: feeRate(6_000n) };
      const second = draftPayment(wallet, { ...draft, request: raised, required });
      const replacement = {
        anchor: first.inputs[0]!.outpoint,
        earlier: [first],
        evictedFees: first.fee,
        incrementalRate: feeRate(1_000n),
      };
      assert.deepEqual(checkReplacement(second, { ...replacement, findCoin: context.findCoin }), []);
      assert.deepEqual(checkPayment(second, { ...context, request: raised }), []);
    });
  });

  describe("the draft of a cancellation", () => {
    const first = draftPayment(wallet, draft);
    const inputs = coins.filter((coin) =>
      first.inputs.some(({ outpoint }) => outpointKey(outpoint) === outpointKey(coin.outpoint)),
    );
    const cancellation = {
      inputs,
      changeIndex: 5,
      tipHeight: 111,
      feeRate: feeRate(3_500n),
      evictedFees: first.fee,
      incrementalRate: feeRate(1_000n),
      policy: defaultFeePolicy.regtest,
    };

    test("pays what it takes to be relayed, and is what the others vote for", () => {
      const view = draftCancellation(wallet, cancellation);
      assert.ok(isCancellation(view));
      assert.equal(view.fee, first.fee + BigInt(view.vsize));
      assert.deepEqual(checkPayment(view, { ...context, request: null }), []);
      const replacement = {
        anchor: first.inputs[0]!.outpoint,
        earlier: [first],
        evictedFees: first.fee,
        incrementalRate: feeRate(1_000n),
      };
      assert.deepEqual(checkReplacement(view, { ...replacement, findCoin: context.findCoin }), []);
    });
    test("pays the rate asked for where that is more", () => {
      const view = draftCancellation(wallet, { ...cancellation, feeRate: feeRate(50_000n) });
      assert.equal(view.fee, 50n * BigInt(view.vsize));
    });
    test("is not made above the caps, or of coins that its fee would eat", () => {
      assert.throws(
        () => draftCancellation(wallet, { ...cancellation, policy: { ...draft.policy, maxAbsolute: sats(100n) } }),
        FeeTooHigh,
      );
      assert.throws(
        () => draftCancellation(wallet, { ...cancellation, evictedFees: sats(120_000n) }),
        InsufficientFunds,
      );
    });
  });
}
