import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { utf8 } from "@conclave/bytes";
import { seededRng } from "@conclave/crypto/testing";
import {
  buildPayment,
  checkReplacement,
  feeRate,
  isCancellation,
  networks,
  parseAddress,
  readPayment,
  sats,
} from "./index.ts";
import type { PaymentParts, PaymentView, ReplacementContext, ReplacementObjectionCode } from "./index.ts";
import { fundedCoin } from "./testing/funding.ts";
import { singleKeyWallet, txidOfNumber } from "./testing/single-key-wallet.ts";

const wallet = singleKeyWallet(networks.regtest, seededRng("replacement"));
const script = parseAddress("bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080", networks.regtest).scriptPubKey;
const stranger = parseAddress(
  "bcrt1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3qzf4jry",
  networks.regtest,
).scriptPubKey;

const input = (number: number, value: bigint) => ({
  outpoint: { txid: txidOfNumber(number), vout: 0 },
  value: sats(value),
  branch: 0 as const,
  index: number,
});
const parts: PaymentParts = {
  inputs: [input(1, 100_000n)],
  recipient: { script, value: sats(50_000n) },
  metadata: utf8("x"),
  change: { index: 0, value: sats(49_000n) },
  locktime: 100,
};
const view = (change: Partial<PaymentParts> = {}): PaymentView =>
  readPayment(buildPayment(wallet, { ...parts, ...change }), wallet);
const change = (value: bigint) => ({ change: { index: 0, value: sats(value) } });

// 154 vB and a fee of 1000 sat: 154 sat more at least.
const original = view();
const context: ReplacementContext = {
  anchor: original.inputs[0]!.outpoint,
  earlier: [original],
  evictedFees: original.fee,
  incrementalRate: feeRate(1_000n),
  findCoin: () => undefined,
};
const objections = (candidate: PaymentView, more: Partial<ReplacementContext> = {}): ReplacementObjectionCode[] =>
  checkReplacement(candidate, { ...context, ...more }).map(({ code }) => code);

describe("a replacement", () => {
  test("pays the same for a fee that is higher by its own relay cost", () => {
    assert.equal(original.vsize, 154);
    assert.deepEqual(objections(view(change(48_846n))), []);
    assert.deepEqual(objections(view(change(48_847n))), ["fee-not-raised"]);
  });
  test("does not lower the fee or repeat it", () => {
    assert.deepEqual(objections(view(change(49_500n))), ["fee-not-raised", "rate-not-raised"]);
    assert.deepEqual(objections(original), ["fee-not-raised", "rate-not-raised"]);
  });
  test("pays for everything that it evicts", () => {
    assert.deepEqual(objections(view(change(48_000n)), { evictedFees: sats(1_900n) }), ["fee-not-raised"]);
    assert.deepEqual(objections(view(change(47_900n)), { evictedFees: sats(1_900n) }), []);
  });
  test("outbids every earlier revision, not only the last", () => {
    const dear = view(change(40_000n));
    assert.deepEqual(objections(view(change(48_000n)), { earlier: [dear, original] }), [
      "fee-not-raised",
      "rate-not-raised",
    ]);
  });
  test("has a higher rate, not only a higher fee", () => {
    const wide = view({ inputs: [input(1, 100_000n), input(2, 1_000n), input(3, 1_000n)], ...change(50_800n) });
    assert.equal(wide.fee, 1_200n);
    const confirmed = {
      findCoin: () => ({ ...input(2, 1_000n), height: 5, coinbase: false, spentBy: null }),
      incrementalRate: feeRate(100n),
    };
    assert.deepEqual(objections(wide, confirmed), ["rate-not-raised"]);
  });
  test("spends the anchor, or both could be mined", () => {
    const other = { outpoint: { txid: txidOfNumber(9), vout: 0 }, value: sats(100_000n), branch: 0 as const, index: 9 };
    const known = { findCoin: () => ({ ...other, height: 5, coinbase: false, spentBy: null }) };
    assert.deepEqual(objections(view({ inputs: [other], ...change(40_000n) }), known), ["anchor-not-spent"]);
  });
  test("pays the same recipient, amount and metadata", () => {
    assert.deepEqual(objections(view({ recipient: { script: stranger, value: sats(50_000n) }, ...change(40_000n) })), [
      "payee-altered",
    ]);
    assert.deepEqual(objections(view({ recipient: { script, value: sats(50_001n) }, ...change(40_000n) })), [
      "payee-altered",
    ]);
    assert.deepEqual(objections(view({ metadata: utf8("y"), ...change(40_000n) })), ["payee-altered"]);
    assert.deepEqual(objections(view({ metadata: null, ...change(40_000n) })), ["payee-altered"]);
    assert.deepEqual(
      objections(view({ recipient: null, ...change(40_000n) })),
      ["payee-altered"],
      "metadata makes it no cancellation",
    );
  });
  test("brings in no new coin that waits in the mempool", () => {
    const wide = view({ inputs: [input(1, 100_000n), input(2, 10_000n)], ...change(50_000n) });
    assert.deepEqual(objections(wide), ["new-unconfirmed-input"], "unknown");
    const found = (height: number | null) => ({
      findCoin: () => ({ ...input(2, 10_000n), height, coinbase: false, spentBy: null }),
    });
    assert.deepEqual(objections(wide, found(null)), ["new-unconfirmed-input"]);
    assert.deepEqual(objections(wide, found(7)), []);
  });
  test("replaces something", () =>
    assert.deepEqual(
      objections(view(change(40_000n)), {
        earlier: [],
        findCoin: () => ({ ...input(1, 100_000n), height: 5, coinbase: false, spentBy: null }),
      }),
      ["nothing-to-replace"],
    ));
});

test("a P2WPKH replacement outbids an earlier revision whose signatures came out short", () => {
  const keyHash = singleKeyWallet(networks.regtest, seededRng("replacement"), "p2wpkh");
  const paying = (fee: bigint): PaymentView => {
    const inputs = [fundedCoin(keyHash, { number: 1, value: 100_000n })];
    const rest = { inputs, metadata: null, ...change(50_000n - fee) };
    return readPayment(buildPayment(keyHash, { ...parts, ...rest }), keyHash);
  };
  const first = paying(20_000n);
  assert.equal(first.vsize, 141);
  const within = { anchor: first.inputs[0]!.outpoint, earlier: [first], evictedFees: first.fee };
  assert.deepEqual(objections(paying(20_140n), within), ["fee-not-raised", "rate-not-raised"]);
  assert.deepEqual(objections(paying(20_141n), within), ["rate-not-raised"], "20141 / 141 < 20000 / 140");
  assert.deepEqual(objections(paying(20_143n), within), []);
});

describe("a cancellation", () => {
  const cancel = view({ recipient: null, metadata: null, ...change(98_000n) });
  test("is a replacement that pays only us", () => {
    assert.ok(isCancellation(cancel) && !isCancellation(original));
    assert.deepEqual(objections(cancel), []);
  });
  test("is final: afterwards nobody is paid but by another cancellation", () => {
    assert.deepEqual(objections(view(change(30_000n)), { earlier: [original, cancel] }), ["payee-altered"]);
    assert.deepEqual(
      objections(view({ recipient: null, metadata: null, ...change(90_000n) }), { earlier: [original, cancel] }),
      [],
    );
  });
});
