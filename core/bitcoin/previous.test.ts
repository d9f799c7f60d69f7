/** What a P2WPKH payment proves about its coins. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { concatBytes, equalBytes, fromHex } from "@conclave/bytes";
import { seededRng } from "@conclave/crypto/testing";
import { RawPSBTV0 } from "@scure/btc-signer/psbt.js";
import { RawTx } from "@scure/btc-signer/script.js";
import {
  buildPayment,
  finalizePayment,
  inputDigests,
  MAX_PREVIOUS_BYTES,
  MAX_PSBT_BYTES,
  networks,
  parseAddress,
  parseTransaction,
  PaymentRefused,
  readPayment,
  sats,
  serializeTransaction,
  SignatureRefused,
  stripWitnesses,
  TransactionError,
  txidOf,
} from "./index.ts";
import type { PaymentParts, PaymentRefusal, SpentCoin } from "./index.ts";
import { fundedCoin, fundingTransaction } from "./testing/funding.ts";
import { signDigest, singleKeyWallet, txidOfNumber } from "./testing/single-key-wallet.ts";

const wallet = singleKeyWallet(networks.regtest, seededRng("previous"), "p2wpkh");
const recipient = parseAddress("bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080", networks.regtest).scriptPubKey;

const partsOf = (...inputs: SpentCoin[]): PaymentParts => ({
  inputs,
  recipient: { script: recipient, value: sats(30_000n) },
  metadata: null,
  change: null,
  locktime: 100,
});
const coin = fundedCoin(wallet, { number: 1, value: 40_000n, vout: 1, witness: [new Uint8Array(64)] });
const psbt = buildPayment(wallet, partsOf(coin));

type Decoded = ReturnType<typeof RawPSBTV0.decode>;
const changed = (change: (decoded: Decoded) => void): Uint8Array => {
  const decoded = RawPSBTV0.decode(psbt);
  change(decoded);
  return RawPSBTV0.encode(decoded);
};
const is =
  (code: PaymentRefusal) =>
  (error: unknown): boolean =>
    error instanceof PaymentRefused && (assert.equal(error.code, code, error.message), true);

/** A transaction as the library that writes PSBTs keeps it. */
function utxoOf(raw: Uint8Array): NonNullable<Decoded["inputs"][number]["nonWitnessUtxo"]> {
  const { segwitFlag, witnesses, ...rest } = RawTx.decode(raw);
  return { ...rest, segwitFlag, witnesses: witnesses?.map((items) => items.map((item) => Uint8Array.from(item))) };
}

const refusesToRead = (bytes: Uint8Array, code: PaymentRefusal): void =>
  assert.throws(() => readPayment(bytes, wallet), is(code));
const refusesToBuild = (spent: SpentCoin, code: PaymentRefusal): void =>
  assert.throws(() => buildPayment(wallet, partsOf(spent)), is(code));

/** A coin whose transaction, without witnesses, has about `bytes` bytes. */
const coinOfSize = (number: number, bytes: number): SpentCoin =>
  fundedCoin(wallet, { number, value: 40_000n, more: [{ value: 0n, script: new Uint8Array(bytes) }] });

describe("a P2WPKH payment", () => {
  test("carries each previous transaction without its witnesses, however it was given", () => {
    const stripped = stripWitnesses(coin.previous);
    assert.ok(stripped.length < coin.previous.length);
    assert.ok(equalBytes(buildPayment(wallet, partsOf({ ...coin, previous: stripped })), psbt));
    assert.deepEqual(readPayment(psbt, wallet).inputs[0]!.previous, stripped);
    const { nonWitnessUtxo } = RawPSBTV0.decode(psbt).inputs[0]!;
    assert.deepEqual([nonWitnessUtxo!.segwitFlag, nonWitnessUtxo!.witnesses], [false, undefined]);
  });
  test("may spend two coins of one transaction", () => {
    const { scriptPubKey } = readPayment(psbt, wallet).inputs[0]!.own;
    const first = fundedCoin(wallet, { number: 9, value: 20_000n, more: [{ value: 25_000n, script: scriptPubKey }] });
    const second = { ...first, outpoint: { ...first.outpoint, vout: 1 }, value: sats(25_000n) };
    const view = readPayment(buildPayment(wallet, partsOf(first, second)), wallet);
    assert.equal(view.fee, 15_000n);
    const signatures = inputDigests(view).map((digest) => signDigest(wallet, digest));
    assert.equal(txidOf(parseTransaction(finalizePayment(view, signatures).rawTx)), view.txid);
  });
  test("of 20 coins whose transactions are as large as fits is below the bound of a PSBT", () => {
    const coins = Array.from({ length: 20 }, (_, i) => coinOfSize(i, 18_880));
    const largest = buildPayment(wallet, {
      inputs: coins,
      recipient: { script: Uint8Array.from([0, 32, ...new Uint8Array(32)]), value: sats(600_000n) },
      metadata: new Uint8Array(80),
      change: { index: 1_000_000, value: sats(100_000n) },
      locktime: 499_999_999,
    });
    assert.ok(
      largest.length > MAX_PREVIOUS_BYTES - 500 && largest.length <= MAX_PSBT_BYTES.p2wpkh,
      String(largest.length),
    );
    assert.equal(readPayment(largest, wallet).inputs.length, 20);
  });
});

describe("building refuses a P2WPKH coin", () => {
  test("without the transaction that made it", () => {
    const { previous: _, ...bare } = coin;
    refusesToBuild(bare, "previous-missing");
    assert.throws(() => buildPayment(wallet, partsOf(bare)), /fetch it from the chain/);
  });
  test("with bytes that are no transaction", () => {
    refusesToBuild({ ...coin, previous: Uint8Array.of(1, 2, 3) }, "previous-not-a-transaction");
    refusesToBuild({ ...coin, previous: concatBytes(coin.previous, Uint8Array.of(0)) }, "previous-not-a-transaction");
  });
  test("with another transaction", () => {
    const other = fundedCoin(wallet, { number: 2, value: 40_000n, vout: 1 });
    refusesToBuild({ ...coin, previous: other.previous }, "previous-other-txid");
  });
  test("that is worth more or less, or is another's, by that transaction", () => {
    refusesToBuild({ ...coin, value: sats(40_001n) }, "previous-output-differs");
    refusesToBuild({ ...coin, value: sats(39_999n) }, "previous-output-differs");
    refusesToBuild({ ...coin, index: 1 }, "previous-output-differs");
    refusesToBuild({ ...coin, outpoint: { ...coin.outpoint, vout: 0 } }, "previous-output-differs");
    refusesToBuild({ ...coin, outpoint: { ...coin.outpoint, vout: 2 } }, "previous-output-differs");
  });
  test("whose transaction is too large, alone or with the others", () => {
    refusesToBuild(coinOfSize(1, MAX_PREVIOUS_BYTES), "previous-too-large");
    const [a, b] = [coinOfSize(1, MAX_PREVIOUS_BYTES / 2), coinOfSize(2, MAX_PREVIOUS_BYTES / 2)];
    assert.ok(buildPayment(wallet, partsOf(a)).length > MAX_PREVIOUS_BYTES / 2);
    assert.throws(() => buildPayment(wallet, partsOf(a, b)), is("previous-too-large"));
  });
});

describe("reading refuses a P2WPKH payment", () => {
  test("without a previous transaction", () =>
    refusesToRead(
      changed(({ inputs }) => delete inputs[0]!.nonWitnessUtxo),
      "previous-missing",
    ));
  test("with another one", () =>
    refusesToRead(
      changed(({ inputs }) => (inputs[0]!.nonWitnessUtxo!.lockTime += 1)),
      "previous-other-txid",
    ));
  test("with one that spends nothing", () =>
    refusesToRead(
      changed(({ inputs }) => (inputs[0]!.nonWitnessUtxo!.inputs = [])),
      "previous-not-a-transaction",
    ));
  test("that calls a coin worth less than it is, so that the rest becomes fee", () =>
    refusesToRead(
      changed(({ inputs }) => (inputs[0]!.witnessUtxo!.amount -= 1n)),
      "previous-output-differs",
    ));
  test("that calls a coin worth more than it is", () =>
    refusesToRead(
      changed(({ inputs }) => (inputs[0]!.witnessUtxo!.amount += 1n)),
      "previous-output-differs",
    ));
  test("that spends an output which is not there, or another's", () => {
    for (const index of [0, 2]) {
      refusesToRead(
        changed(({ global }) => (global.unsignedTx!.inputs[0]!.index = index)),
        "previous-output-differs",
      );
    }
  });
  test("whose previous transaction is too large, though the PSBT is not", () => {
    const raw = fundingTransaction(wallet, {
      number: 1,
      value: 40_000n,
      more: [{ value: 0n, script: new Uint8Array(MAX_PREVIOUS_BYTES) }],
    });
    const large = changed(({ global, inputs }) => {
      inputs[0]!.nonWitnessUtxo = utxoOf(serializeTransaction(raw));
      global.unsignedTx!.inputs[0]!.txid = Uint8Array.from(fromHex(txidOf(raw)));
      global.unsignedTx!.inputs[0]!.index = 0;
    });
    assert.ok(large.length < MAX_PSBT_BYTES.p2wpkh);
    refusesToRead(large, "previous-too-large");
  });
  test("whose previous transaction has its witnesses, which would be a second encoding", () =>
    refusesToRead(
      changed(({ inputs }) => (inputs[0]!.nonWitnessUtxo = utxoOf(coin.previous))),
      "not-canonical",
    ));
  test("with the fields of a Taproot wallet, and the other way round", () => {
    const taproot = { ...wallet, scriptType: "p2tr" as const };
    const other = buildPayment(taproot, partsOf(fundedCoin(taproot, { number: 1, value: 40_000n })));
    refusesToRead(other, "unknown-field");
    assert.throws(() => readPayment(psbt, taproot), is("unknown-field"));
  });
});

describe("a P2WPKH payment is not finalized with", () => {
  const view = readPayment(psbt, wallet);
  const [input] = inputDigests(view);
  const signature = signDigest(wallet, input!);
  const refused = (bytes: Uint8Array): void =>
    assert.throws(
      () => finalizePayment(view, [bytes]),
      (error) => error instanceof SignatureRefused && (assert.deepEqual(error.inputs, [0]), true),
    );

  test("a high s", () => {
    const order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
    const s = BigInt(`0x${Buffer.from(signature.slice(32, 64)).toString("hex")}`);
    const high = fromHex((order - s).toString(16).padStart(64, "0"));
    refused(concatBytes(signature.slice(0, 32), high, Uint8Array.of(signature[64]! ^ 1)));
  });
  test("an r of 0", () => refused(concatBytes(new Uint8Array(32), signature.slice(32))));
  test("the signature of another key", () => refused(signDigest(wallet, { ...input!, index: 1 })));
  test("the signature of another digest", () => refused(signDigest(wallet, { ...input!, digest: new Uint8Array(32) })));
  test("a Schnorr signature", () =>
    refused(signDigest({ ...wallet, scriptType: "p2tr" }, { ...input!, scriptType: "p2tr" })));
  test("no signature at all", () => refused(new Uint8Array()));
});

test("stripping takes transactions only", () => {
  assert.deepEqual(stripWitnesses(stripWitnesses(coin.previous)), stripWitnesses(coin.previous));
  assert.throws(() => stripWitnesses(fromHex(txidOfNumber(1))), TransactionError);
});
