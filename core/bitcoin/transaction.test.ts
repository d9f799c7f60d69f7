import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { describe, test } from "node:test";
import { fromHex, toHex } from "@conclave/bytes";
import { Transaction } from "bitcoinjs-lib";
import fc from "fast-check";
import { parseTransaction, serializeTransaction, TransactionError, txidOf, verifySchnorr } from "./index.ts";
import { weightOf } from "./transaction.ts";

const load = createRequire(import.meta.url);

/** The reward of mainnet's block 100,000. */
const REWARD =
  "01000000010000000000000000000000000000000000000000000000000000000000000000ffffffff08044c86041b020602ffffffff0100f2052a010000004341041b0e8c2567c12536aa13357b79a073dc4444acb83c4ec7a0e2f99dd7457516c5817242da796924ca4e99947d087fedf9ce467cb9f7c6287078f801df276fdf84ac00000000";

/** BIP143, example "Native P2WPKH": the signed transaction. */
const BIP143_SIGNED =
  "01000000000102fff7f7881a8099afa6940d42d1e7f6362bec38171ea3edf433541db4e4ad969f00000000494830450221008b9d1dc26ba6a9cb62127b02742fa9d754cd3bebf337f7a55d114c8e5cdd30be022040529b194ba3f9281a99f2b1c0a19c0489bc22ede944ccf4ecbab4cc618ef3ed01eeffffffef51e1b804cc89d182d279655c3aa89e815b1b309fe287d9b2b55d57b90ec68a0100000000ffffffff02202cb206000000001976a9148280b37df378db99f66f85c95a783a76ac7a6d5988ac9093510d000000001976a9143bde42dbee7e4dbe6a21b2d50ce2f0167faa815988ac000247304402203609e17b84f6a7d30c80bfa610b5b4542f32a8a0d5447a12fb1366d7f01cc44a0220573a954c4518331561406f90300e8f3358f51928d43c212a8caed02de67eebee0121025476c2e83188368da1ff3e292e7acafcdb3566bb0ad253f62fc70f07aeee635711000000";
/** The same without signatures, as the BIP gives it. */
const BIP143_UNSIGNED =
  "0100000002fff7f7881a8099afa6940d42d1e7f6362bec38171ea3edf433541db4e4ad969f0000000000eeffffffef51e1b804cc89d182d279655c3aa89e815b1b309fe287d9b2b55d57b90ec68a0100000000ffffffff02202cb206000000001976a9148280b37df378db99f66f85c95a783a76ac7a6d5988ac9093510d000000001976a9143bde42dbee7e4dbe6a21b2d50ce2f0167faa815988ac11000000";
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

  test("with counts that no bytes follow are refused", () => {
    const head = REWARD.slice(0, 8);
    for (const count of ["feffffffff", "ffffffffffffffffff"])
      assert.throws(() => parseTransaction(fromHex(`${head}${count}${REWARD.slice(10)}`)), TransactionError);
  });

  test("BIP143: parts of the signed example", () => {
    const { version, locktime, inputs, outputs } = parseTransaction(fromHex(BIP143_SIGNED));
    assert.deepEqual([version, locktime], [1, 17]);
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

  test("arbitrary bytes are a transaction or refused by name", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (raw) => {
        try {
          parseTransaction(raw);
        } catch (error) {
          assert.ok(error instanceof TransactionError, String(error));
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
          assert.ok(error instanceof TransactionError, String(error));
        }
      }),
    );
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
