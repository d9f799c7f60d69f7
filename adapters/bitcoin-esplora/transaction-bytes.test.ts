import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { fromHex, toHex } from "@conclave/bytes";
import fc from "fast-check";
import { parseBroadcastRefusal } from "./broadcast.ts";
import { merkleRootOf, parseHeader } from "./block-header.ts";
import { NotATransaction, parseTransaction, txidOf } from "./transaction-bytes.ts";

/** BIP143, example "Native P2WPKH": the signed transaction. */
const BIP143_SIGNED =
  "01000000000102fff7f7881a8099afa6940d42d1e7f6362bec38171ea3edf433541db4e4ad969f00000000494830450221008b9d1dc26ba6a9cb62127b02742fa9d754cd3bebf337f7a55d114c8e5cdd30be022040529b194ba3f9281a99f2b1c0a19c0489bc22ede944ccf4ecbab4cc618ef3ed01eeffffffef51e1b804cc89d182d279655c3aa89e815b1b309fe287d9b2b55d57b90ec68a0100000000ffffffff02202cb206000000001976a9148280b37df378db99f66f85c95a783a76ac7a6d5988ac9093510d000000001976a9143bde42dbee7e4dbe6a21b2d50ce2f0167faa815988ac000247304402203609e17b84f6a7d30c80bfa610b5b4542f32a8a0d5447a12fb1366d7f01cc44a0220573a954c4518331561406f90300e8f3358f51928d43c212a8caed02de67eebee0121025476c2e83188368da1ff3e292e7acafcdb3566bb0ad253f62fc70f07aeee635711000000";
/** The same without signatures, as the BIP gives it. */
const BIP143_UNSIGNED =
  "0100000002fff7f7881a8099afa6940d42d1e7f6362bec38171ea3edf433541db4e4ad969f0000000000eeffffffef51e1b804cc89d182d279655c3aa89e815b1b309fe287d9b2b55d57b90ec68a0100000000ffffffff02202cb206000000001976a9148280b37df378db99f66f85c95a783a76ac7a6d5988ac9093510d000000001976a9143bde42dbee7e4dbe6a21b2d50ce2f0167faa815988ac11000000";
/** Bitcoin's first block: header, coinbase and their hashes, known to everybody. */
const GENESIS_COINBASE =
  "01000000010000000000000000000000000000000000000000000000000000000000000000ffffffff4d04ffff001d0104455468652054696d65732030332f4a616e2f32303039204368616e63656c6c6f72206f6e206272696e6b206f66207365636f6e64206261696c6f757420666f722062616e6b73ffffffff0100f2052a01000000434104678afdb0fe5548271967f1a67130b7105cd6a828e03909a67962e0ea1f61deb649f6bc3f4cef38c4f35504e51ec112de5c384df7ba0b8d578a4c702b6bf11d5fac00000000";
const GENESIS_TXID = "4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b";
const GENESIS_HEADER =
  "0100000000000000000000000000000000000000000000000000000000000000000000003ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4a29ab5f49ffff001d1dac2b7c";
const GENESIS_HASH = "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f";

describe("transactions", () => {
  test("the first coinbase has its txid", () => {
    assert.equal(txidOf(parseTransaction(fromHex(GENESIS_COINBASE))), GENESIS_TXID);
  });
  test("BIP143: parts of the signed example", () => {
    const { version, lockTime, inputs, outputs } = parseTransaction(fromHex(BIP143_SIGNED));
    assert.deepEqual([version, lockTime], [1, 17]);
    assert.deepEqual(
      inputs.map(({ outpoint, sequence }) => [outpoint.vout, sequence]),
      [
        [0, 0xffffffee],
        [1, 0xffffffff],
      ],
    );
    assert.deepEqual(
      outputs.map(({ value }) => value),
      [112_340_000n, 223_450_000n],
    );
  });
  test("witnesses leave the txid alone, script signatures do not", () => {
    const signed = parseTransaction(fromHex(BIP143_SIGNED));
    const unsigned = parseTransaction(fromHex(BIP143_UNSIGNED));
    assert.notEqual(txidOf(signed), txidOf(unsigned));
    const stripped = signed.inputs.map((input) => ({ ...input, scriptSig: new Uint8Array() }));
    assert.equal(txidOf({ ...signed, inputs: stripped }), txidOf(unsigned));
  });
  test("every cut and every surplus byte is refused", () => {
    const raw = fromHex(BIP143_SIGNED);
    for (let length = 0; length < raw.length; length++) {
      assert.throws(() => parseTransaction(raw.slice(0, length)), NotATransaction, `${length} bytes`);
    }
    assert.throws(() => parseTransaction(fromHex(`${BIP143_SIGNED}00`)), /bytes left over/);
  });
  test("lengths must be the shortest, and fit", () => {
    const head = GENESIS_COINBASE.slice(0, 8);
    assert.throws(() => parseTransaction(fromHex(`${head}fd0100${GENESIS_COINBASE.slice(10)}`)), /shortest/);
    assert.throws(
      () => parseTransaction(fromHex(`${head}feffffffff${GENESIS_COINBASE.slice(10)}`)),
      /more items than bytes/,
    );
    assert.throws(() => parseTransaction(fromHex(`${head}ffffffffffffffffff`)), /2\^32 or more/);
  });
  test("arbitrary bytes are a transaction or refused by name", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (raw) => {
        try {
          parseTransaction(raw);
        } catch (error) {
          assert.ok(error instanceof NotATransaction, String(error));
        }
      }),
    );
  });
  test("any single changed byte outside the witness changes the txid or is refused", () => {
    const raw = fromHex(BIP143_UNSIGNED);
    const txid = txidOf(parseTransaction(raw));
    fc.assert(
      fc.property(fc.nat(raw.length - 1), fc.integer({ min: 1, max: 255 }), (at, difference) => {
        const changed = raw.slice();
        changed[at]! ^= difference;
        try {
          assert.notEqual(txidOf(parseTransaction(changed)), txid);
        } catch (error) {
          assert.ok(error instanceof NotATransaction, String(error));
        }
      }),
    );
  });
});

describe("headers and Merkle branches", () => {
  test("Bitcoin's first header", () => {
    const header = parseHeader(fromHex(GENESIS_HEADER), GENESIS_HASH);
    assert.deepEqual(
      { ...header, raw: toHex(header.raw) },
      {
        hash: GENESIS_HASH,
        version: 1,
        previous: "00".repeat(32),
        merkleRoot: GENESIS_TXID,
        time: 1_231_006_505,
        bits: 0x1d00ffff,
        nonce: 2_083_236_893,
        raw: GENESIS_HEADER,
      },
    );
  });
  test("a block of one transaction has its txid as root", () => {
    assert.equal(merkleRootOf(GENESIS_TXID, { position: 0, branch: [] }), GENESIS_TXID);
  });
  test("the sides of a branch follow the position", () => {
    const a = "11".repeat(32);
    const b = "22".repeat(32);
    const left = merkleRootOf(a, { position: 0, branch: [b] });
    assert.equal(merkleRootOf(b, { position: 1, branch: [a] }), left);
    assert.notEqual(merkleRootOf(a, { position: 1, branch: [b] }), left);
  });
});

describe("refused broadcasts", () => {
  for (const [text, code, message] of [
    ['sendrawtransaction RPC error: {"code":-26,"message":"dust"}', -26, "dust"],
    ["sendrawtransaction RPC error -25: bad-txns-inputs-missingorspent\n", -25, "bad-txns-inputs-missingorspent"],
    ["sendrawtransaction RPC error -26: min relay fee not met, 50 < 110", -26, "min relay fee not met, 50 < 110"],
    ["sendrawtransaction RPC error", null, "sendrawtransaction RPC error"],
    ["sendrawtransaction RPC error: {broken}", null, "sendrawtransaction RPC error: {broken}"],
    [
      'sendrawtransaction RPC error: {"code":"x","message":1}',
      null,
      'sendrawtransaction RPC error: {"code":"x","message":1}',
    ],
    ["Invalid hex string", null, "Invalid hex string"],
    ["", null, "no reason given"],
  ] as const) {
    test(JSON.stringify(text), () => {
      const refusal = parseBroadcastRefusal(text)!;
      assert.deepEqual([refusal.code, refusal.message, refusal.raw], [code, message, text.trim()]);
    });
  }
  for (const text of [
    'sendrawtransaction RPC error: {"code":-27,"message":"Transaction already in block chain"}',
    "sendrawtransaction RPC error -27: Transaction outputs already in utxo set",
    "sendrawtransaction RPC error -26: txn-already-in-mempool",
    "sendrawtransaction RPC error -26: txn-already-known",
  ]) {
    test(`${text} is no failure`, () => assert.equal(parseBroadcastRefusal(text), null));
  }
  test("long texts are shortened", () => assert.equal(parseBroadcastRefusal("x".repeat(5_000))!.raw.length, 1_000));
});
