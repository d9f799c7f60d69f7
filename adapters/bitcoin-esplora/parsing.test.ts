import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { fromHex, toHex } from "@conclave/bytes";
import { parseBroadcastRefusal } from "./broadcast.ts";
import { merkleRootOf, parseHeader } from "./block-header.ts";

/** Bitcoin's first block: header and hashes, known to everybody. */
const GENESIS_TXID = "4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b";
const GENESIS_HEADER =
  "0100000000000000000000000000000000000000000000000000000000000000000000003ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4a29ab5f49ffff001d1dac2b7c";
const GENESIS_HASH = "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f";

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
