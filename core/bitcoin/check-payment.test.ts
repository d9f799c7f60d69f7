import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { codec, CodecError, utf8 } from "@conclave/bytes";
import { seededRng } from "@conclave/crypto/testing";
import {
  buildPayment,
  checkPayment,
  defaultFeePolicy,
  feeRate,
  networks,
  outpointKey,
  parseAddress,
  paymentRequestSchema,
  readPayment,
  sats,
} from "./index.ts";
import type { CheckContext, KnownCoin, ObjectionCode, PaymentParts, PaymentPolicy, PaymentRequest } from "./index.ts";
import { fundedCoin } from "./testing/funding.ts";
import { singleKeyWallet, txidOfNumber } from "./testing/single-key-wallet.ts";

const wallet = singleKeyWallet(networks.regtest, seededRng("check"));
const ADDRESS = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";
const script = parseAddress(ADDRESS, networks.regtest).scriptPubKey;

const coins: readonly KnownCoin[] = [
  {
    outpoint: { txid: txidOfNumber(1), vout: 0 },
    value: sats(50_000n),
    branch: 0,
    index: 3,
    height: 90,
    coinbase: false,
    spentBy: null,
  },
  {
    outpoint: { txid: txidOfNumber(2), vout: 1 },
    value: sats(60_000n),
    branch: 1,
    index: 0,
    height: 95,
    coinbase: false,
    spentBy: null,
  },
];
const request: PaymentRequest = {
  recipient: ADDRESS,
  amount: sats(80_000n),
  feeRate: feeRate(5_000n),
  metadata: utf8("invoice 7"),
};
// 2 inputs, recipient, metadata and change: 220 vB, 1100 sat at 5 sat/vB.
const parts: PaymentParts = {
  inputs: coins,
  recipient: { script, value: request.amount },
  metadata: request.metadata,
  change: { index: 5, value: sats(28_900n) },
  locktime: 100,
};
const policy: PaymentPolicy = {
  fees: defaultFeePolicy.regtest,
  maxInputs: 20,
  minConfirmations: 1,
  changeIndex: { from: 3, to: 25 },
  maxLocktimeAhead: 2,
};
const context = (more: Partial<CheckContext> = {}, known: readonly KnownCoin[] = coins): CheckContext => ({
  request,
  policy,
  findCoin: (outpoint) => known.find((coin) => outpointKey(coin.outpoint) === outpointKey(outpoint)),
  tipHeight: 100,
  replaces: new Set(),
  ...more,
});

const objections = (change: Partial<PaymentParts> = {}, within: CheckContext = context()): ObjectionCode[] =>
  checkPayment(readPayment(buildPayment(wallet, { ...parts, ...change }), wallet), within).map(({ code }) => code);

const withCoin = (change: Partial<KnownCoin>): CheckContext => context({}, [{ ...coins[0]!, ...change }, coins[1]!]);

describe("a payment that does what was asked", () => {
  test("meets no objection", () => assert.deepEqual(objections(), []));
  test("may be dearer by what change below dust would have been", () => {
    assert.deepEqual(
      objections(
        { change: null, recipient: { script, value: sats(108_600n) } },
        context({ request: { ...request, amount: sats(108_600n) } }),
      ),
      [],
    );
  });
});

describe("a node votes no if", () => {
  const stranger = parseAddress(
    "bcrt1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3qzf4jry",
    networks.regtest,
  ).scriptPubKey;

  test("the recipient is another", () =>
    assert.deepEqual(objections({ recipient: { script: stranger, value: request.amount } }), ["recipient-altered"]));
  test("the recipient is missing", () =>
    assert.deepEqual(objections({ recipient: null, change: { index: 5, value: sats(109_100n) } }), [
      "recipient-altered",
    ]));
  test("the address asked for is of another network", () => {
    const within = context({ request: { ...request, recipient: "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4" } });
    assert.deepEqual(objections({}, within), ["recipient-invalid"]);
    assert.match(
      checkPayment(readPayment(buildPayment(wallet, parts), wallet), within)[0]!.message,
      /mainnet address; this wallet is on regtest/,
    );
  });
  test("the amount is another", () =>
    assert.deepEqual(
      objections({ recipient: { script, value: sats(80_001n) }, change: { index: 5, value: sats(28_899n) } }),
      ["amount-altered"],
    ));
  test("the metadata is another, missing, or not asked for", () => {
    assert.deepEqual(objections({ metadata: utf8("invoice 8") }), ["metadata-altered"]);
    assert.deepEqual(objections({ metadata: null, change: { index: 5, value: sats(29_100n) } }), ["metadata-altered"]);
    assert.deepEqual(objections({}, context({ request: { ...request, metadata: null } })), ["metadata-altered"]);
  });
  test("it does not know a coin", () => assert.deepEqual(objections({}, context({}, [coins[0]!])), ["unknown-coin"]));
  test("a coin is spent, unless by what this payment replaces", () => {
    const spent = withCoin({ spentBy: "ff".repeat(32) });
    assert.deepEqual(objections({}, spent), ["spent-coin"]);
    assert.deepEqual(objections({}, { ...spent, replaces: new Set(["ff".repeat(32)]) }), []);
    assert.deepEqual(objections({}, { ...spent, replaces: new Set(["ee".repeat(32)]) }), ["spent-coin"]);
  });
  test("a coin is worth more or less than the payment says", () => {
    assert.deepEqual(objections({}, withCoin({ value: sats(5_000_000n) })), ["wrong-coin-value"]);
    assert.deepEqual(objections({}, withCoin({ value: sats(49_999n) })), ["wrong-coin-value"]);
  });
  test("a coin belongs to another of our keys", () => {
    assert.deepEqual(objections({}, withCoin({ index: 4 })), ["wrong-coin-key"]);
    assert.deepEqual(objections({}, withCoin({ branch: 1 })), ["wrong-coin-key"]);
  });
  test("a coin has too few confirmations", () => {
    assert.deepEqual(objections({}, withCoin({ height: null })), ["unconfirmed-coin"]);
    assert.deepEqual(objections({}, context({ policy: { ...policy, minConfirmations: 7 } })), ["unconfirmed-coin"]);
    assert.deepEqual(objections({}, { ...withCoin({ height: null }), policy: { ...policy, minConfirmations: 0 } }), []);
  });
  test("a block reward is not mature", () => {
    assert.deepEqual(objections({}, withCoin({ coinbase: true })), ["immature-coin"]);
    assert.deepEqual(objections({}, { ...withCoin({ coinbase: true }), tipHeight: 189 }), []);
  });
  test("there are more inputs than it signs", () =>
    assert.deepEqual(objections({}, context({ policy: { ...policy, maxInputs: 1 } })), ["too-many-inputs"]));
  test("the locktime is far above its tip", () => {
    assert.deepEqual(objections({ locktime: 102 }), []);
    assert.deepEqual(objections({ locktime: 103 }), ["locktime-ahead"]);
  });
  test("the fee breaks a cap of its own", () => {
    const fees = { ...policy.fees, maxAbsolute: sats(1_099n) };
    assert.deepEqual(objections({}, context({ policy: { ...policy, fees } })), ["fee-too-high"]);
  });
  test("the fee is above the rate asked for, though below every cap", () =>
    assert.deepEqual(objections({ change: { index: 5, value: sats(28_899n) } }), ["fee-above-request"]));
  test("the fee holds more than dropped change", () => {
    const amount = sats(108_000n);
    const within = context({ request: { ...request, amount } });
    assert.deepEqual(objections({ recipient: { script, value: amount }, change: null }, within), ["fee-above-request"]);
  });
  test("an amount or change is below dust", () => {
    const amount = sats(293n);
    const within = context({ request: { ...request, amount } });
    assert.deepEqual(
      objections({ recipient: { script, value: amount }, change: { index: 5, value: sats(108_607n) } }, within),
      ["amount-below-dust"],
    );
    const dusty = context({ request: { ...request, amount: sats(108_571n) } });
    assert.deepEqual(
      objections({ recipient: { script, value: sats(108_571n) }, change: { index: 5, value: sats(329n) } }, dusty),
      ["change-below-dust"],
    );
  });
  test("change of a P2WPKH wallet is below its own dust limit", () => {
    const keyHash = singleKeyWallet(networks.regtest, seededRng("check"), "p2wpkh");
    const coin = { ...fundedCoin(keyHash, { number: 1, value: 90_000n }), height: 90, coinbase: false, spentBy: null };
    const withChange = (value: bigint): ObjectionCode[] => {
      const amount = sats(90_000n - value - 600n);
      const payment = {
        inputs: [coin],
        recipient: { script, value: amount },
        change: { index: 5, value: sats(value) },
      };
      const view = readPayment(buildPayment(keyHash, { ...parts, ...payment }), keyHash);
      return checkPayment(view, context({ request: { ...request, amount } }, [coin])).map(({ code }) => code);
    };
    assert.deepEqual([withChange(294n), withChange(293n)], [[], ["change-below-dust"]]);
  });
  test("change goes to an index that it would not look at", () => {
    for (const index of [2, 26, 1_000_000])
      assert.deepEqual(objections({ change: { index, value: sats(28_900n) } }), ["change-index"]);
    for (const index of [3, 25]) assert.deepEqual(objections({ change: { index, value: sats(28_900n) } }), []);
  });
  test("several things are wrong, and says them all", () => {
    const within = { ...withCoin({ value: sats(1n) }), tipHeight: 95 };
    assert.deepEqual(objections({ recipient: { script: stranger, value: sats(80_001n) } }, within).toSorted(), [
      "amount-altered",
      "locktime-ahead",
      "recipient-altered",
      "wrong-coin-value",
    ]);
  });
});

describe("a cancellation", () => {
  const cancel: Partial<PaymentParts> = {
    recipient: null,
    metadata: null,
    change: { index: 5, value: sats(109_000n) },
  };
  const within = context({ request: null });

  test("brings everything back to us", () => assert.deepEqual(objections(cancel, within), []));
  test("pays nobody else and says nothing", () => {
    assert.deepEqual(objections({}, within), ["recipient-altered", "metadata-altered"]);
  });
  test("has change", () =>
    assert.deepEqual(
      objections({ recipient: { script, value: sats(109_000n) }, metadata: null, change: null }, within),
      ["recipient-altered", "change-missing"],
    ));
});

describe("a request on the wire", () => {
  const wire = codec(paymentRequestSchema);
  test("comes back as it left", () => assert.deepEqual(wire.decode(wire.encode(request)), request));
  test("holds at most 80 bytes of metadata, and not none of them", () => {
    for (const length of [0, 81])
      assert.throws(() => wire.encode({ ...request, metadata: new Uint8Array(length) }), CodecError);
  });
});
