import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { describe, test } from "node:test";
import { fromHex, toHex } from "@conclave/bytes";
import { Transaction } from "bitcoinjs-lib";
import { parseTransaction, serializeTransaction, TransactionError, txidOf, verifySchnorr } from "./index.ts";
import { weightOf } from "./transaction.ts";

const load = createRequire(import.meta.url);

/** The reward of mainnet's block 100,000. */
const REWARD =
  "01000000010000000000000000000000000000000000000000000000000000000000000000ffffffff08044c86041b020602ffffffff0100f2052a010000004341041b0e8c2567c12536aa13357b79a073dc4444acb83c4ec7a0e2f99dd7457516c5817242da796924ca4e99947d087fedf9ce467cb9f7c6287078f801df276fdf84ac00000000";

describe("raw transactions", () => {
  test("of the chain have their known ids", () => {
    assert.equal(
      txidOf(parseTransaction(fromHex(REWARD))),
      "8c14f0db3df150123e6f3dbbf30f8b955a8249b62ac1d1ff16284aefa3d06d87",
    );
  });

  // Bitcoin Core's tx_valid.json: [[prevouts], serialized transaction, flags].
  const rows = (load("bitcore-lib/test/data/bitcoind/tx_valid.json") as unknown[][]).filter((row) => row.length === 3);
  test(`of Core's ${rows.length} valid ones are read and written as bitcoinjs-lib does`, () => {
    assert.ok(rows.length >= 50);
    for (const [, hex] of rows as [unknown, string, unknown][]) {
      const transaction = parseTransaction(fromHex(hex));
      const theirs = Transaction.fromHex(hex);
      assert.equal(toHex(serializeTransaction(transaction)), hex.toLowerCase());
      assert.equal(txidOf(transaction), theirs.getId());
      assert.equal(weightOf(transaction), theirs.weight());
      assert.deepEqual(
        transaction.inputs.map(({ sequence }) => sequence),
        theirs.ins.map(({ sequence }) => sequence),
      );
    }
  });

  test("are refused if cut, extended, padded or empty", () => {
    const raw = fromHex(REWARD);
    for (let length = 0; length < raw.length; length++)
      assert.throws(() => parseTransaction(raw.slice(0, length)), TransactionError);
    assert.throws(() => parseTransaction(Uint8Array.from([...raw, 0])), TransactionError);
    const longCount = Uint8Array.from([...raw.slice(0, 4), 0xfd, 1, 0, ...raw.slice(5)]);
    assert.throws(() => parseTransaction(longCount), TransactionError);
    assert.throws(() => parseTransaction(fromHex("01000000000000000000")), TransactionError);
    assert.throws(() => parseTransaction(new Uint8Array(4_000_001)), /fits no block/);
  });

  test("are refused with a witness flag but no witness", () => {
    const flagged = fromHex(REWARD.replace(/^01000000/, "010000000001").replace(/00000000$/, "0000000000"));
    assert.throws(() => parseTransaction(flagged), TransactionError);
  });
});

describe("BIP340 verification", () => {
  interface Row {
    readonly index: number;
    readonly public_key: string;
    readonly message: string;
    readonly signature: string;
    readonly verification_result: boolean;
  }
  const rows = load("bitcore-lib/test/data/bip340.js") as readonly Row[];
  for (const row of rows) {
    test(`vector ${row.index}: ${row.verification_result ? "valid" : "invalid"}`, () => {
      assert.equal(
        verifySchnorr(fromHex(row.public_key), fromHex(row.message), fromHex(row.signature)),
        row.verification_result,
      );
    });
  }
  test("never throws on wrong lengths", () => {
    const [row] = rows;
    const [key, message, signature] = [row!.public_key, row!.message, row!.signature].map(fromHex) as [
      Uint8Array,
      Uint8Array,
      Uint8Array,
    ];
    assert.equal(verifySchnorr(key.slice(1), message, signature), false);
    assert.equal(verifySchnorr(key, message, signature.slice(1)), false);
    assert.equal(verifySchnorr(key, message, Uint8Array.from([...signature, 0])), false);
    assert.equal(verifySchnorr(key, message, new Uint8Array()), false);
  });
});
