import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { concatBytes, fromHex, toHex, utf8, utf8Decode } from "@conclave/bytes";
import { keccak_256 } from "@noble/hashes/sha3.js";
import { Transaction } from "bitcoinjs-lib";
import fc from "fast-check";
import { hash256, hashMessage, MESSAGE_HASHES, refuseTransactionPreimage } from "./index.ts";
import type { PreimageCode } from "./index.ts";
import { bigEndian, bip143Preimage, legacyPreimage, rlp, sigMsg, TAP_SIGHASH_PREFIX } from "./testing/preimages.ts";
import type { Coin, Rlp, Signing, TaprootSigning } from "./testing/preimages.ts";

/** The code for a message, asserting that it does not depend on the hash (a message of 32 bytes aside). */
function codeOf(message: Uint8Array): PreimageCode | null {
  const codes = new Set(MESSAGE_HASHES.map((hash) => refuseTransactionPreimage(message, hash)?.code ?? null));
  codes.add(refuseTransactionPreimage(message)?.code ?? null);
  assert.equal(codes.size, 1, [...codes].join());
  return [...codes][0]!;
}

/** Refused whatever the hash. The code may name another layout, where a message happens to fit two. */
const assertRefused = (message: Uint8Array): void => assert.notEqual(codeOf(message), null);

const bytesOf = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const coin: fc.Arbitrary<Coin> = fc.record({
  script: fc.oneof(
    bytesOf(20).map((hash) => Uint8Array.of(0, 20, ...hash)),
    bytesOf(32).map((key) => Uint8Array.of(0x51, 32, ...key)),
    fc.uint8Array({ maxLength: 60 }),
  ),
  value: fc.bigInt({ min: 0n, max: 2_100_000_000_000_000n }),
});
const uint32 = fc.nat(0xffff_ffff);
const transaction = fc
  .record({
    version: fc.constantFrom(1, 2, 3),
    locktime: uint32,
    inputs: fc.array(fc.tuple(bytesOf(32), uint32, uint32, coin), { minLength: 1, maxLength: 4 }),
    outputs: fc.array(coin, { minLength: 1, maxLength: 4 }),
  })
  .map(({ version, locktime, inputs, outputs }) => {
    const tx = new Transaction();
    tx.version = version;
    tx.locktime = locktime;
    for (const [hash, index, sequence] of inputs) tx.addInput(hash, index, sequence);
    for (const { script, value } of outputs) tx.addOutput(script, value);
    return { tx, coins: inputs.map(([, , , spent]) => spent) };
  });
/** An input that every hash type can sign. */
const signing = (hashTypes: readonly number[]): fc.Arbitrary<Signing> =>
  fc
    .record({ spend: transaction, at: fc.nat(), hashType: fc.constantFrom(...hashTypes) })
    .map(({ spend, at, hashType }) => ({
      ...spend,
      hashType,
      index: at % Math.min(spend.tx.ins.length, spend.tx.outs.length),
    }));
const HASH_TYPES = [1, 2, 3, 0x81, 0x82, 0x83];

const scriptCode = fc.oneof(
  bytesOf(20).map((hash) => Uint8Array.of(0x76, 0xa9, 20, ...hash, 0x88, 0xac)),
  fc.uint8Array({ maxLength: 70 }),
  fc.uint8Array({ minLength: 253, maxLength: 300 }),
);

describe("never signed as a message: what is hashed for", () => {
  test("a segwit spend (BIP143), of any hash type", () => {
    fc.assert(
      fc.property(signing(HASH_TYPES), scriptCode, (spend, script) => {
        const preimage = bip143Preimage(spend, script);
        const { tx, index, coins, hashType } = spend;
        const digest = tx.hashForWitnessV0(index, script, coins[index]!.value, hashType);
        assert.equal(toHex(hashMessage(preimage, "sha256d")), toHex(digest), "it is the real one");
        assertRefused(preimage);
      }),
    );
  });
  test("BIP143's published example", () => {
    const preimage = fromHex(
      "0100000096b827c8483d4e9b96712b6713a7b68d6e8003a781feba36c31143470b4efd3752b0a642eea2fb7ae638c36f6252b6750293dbe5" +
        "74a806984b8e4d8548339a3bef51e1b804cc89d182d279655c3aa89e815b1b309fe287d9b2b55d57b90ec68a010000001976a9141d0f172a" +
        "0ecb48aee1be1f2687d2963ae33f71a188ac0046c32300000000ffffffff863ef3e1a92afbfdb97f31ad0fc7683ee943e9abcf2501590ff8" +
        "f6551f47e5e51100000001000000",
    );
    assert.equal(
      toHex(hashMessage(preimage, "sha256d")),
      "c37af31116d1b27caf68aae9e3ac82f1477929014d5b917657d0eb49478cb670",
    );
    assert.equal(codeOf(preimage), "bip143-preimage");
  });
  test("a spend from before segwit, of any hash type", () => {
    fc.assert(
      fc.property(
        signing(HASH_TYPES),
        bytesOf(20),
        fc.uint8Array({ minLength: 2, maxLength: 75 }),
        (spend, hash, push) => {
          const script = Uint8Array.of(push.length, ...push, 0x75, 0x76, 0xa9, 20, ...hash, 0x88, 0xac);
          const preimage = legacyPreimage(spend, script);
          const { tx, index, hashType } = spend;
          assert.equal(toHex(hashMessage(preimage, "sha256d")), toHex(tx.hashForSignature(index, script, hashType)));
          assertRefused(preimage);
        },
      ),
    );
  });
  test("a Taproot spend (BIP341, BIP342), of any hash type, with and without annex, leaf, epoch and tag", () => {
    const taproot: fc.Arbitrary<TaprootSigning> = fc
      .tuple(
        signing([0, ...HASH_TYPES]),
        fc.option(fc.uint8Array({ maxLength: 20 }).map((rest) => Uint8Array.of(0x50, ...rest))),
        fc.option(bytesOf(32)),
      )
      .map(([spend, annex, leafHash]) => {
        const coins = spend.coins.map(({ value }, i) => ({
          value,
          script: Uint8Array.of(0x51, 32, ...new Uint8Array(32).fill(i)),
        }));
        return { ...spend, coins, annex, leafHash };
      });
    fc.assert(
      fc.property(taproot, (spend) => {
        const { tx, index, coins, hashType, annex, leafHash } = spend;
        const message = sigMsg(spend);
        const tagged = concatBytes(TAP_SIGHASH_PREFIX, message);
        const scripts = coins.map(({ script }) => script);
        const values = coins.map(({ value }) => value);
        const digest = tx.hashForWitnessV1(index, scripts, values, hashType, leafHash ?? undefined, annex ?? undefined);
        assert.equal(toHex(hashMessage(tagged, "sha256")), toHex(digest), "it is the real one");
        for (const form of [tagged, concatBytes(Uint8Array.of(0), message), message]) {
          assertRefused(form);
        }
      }),
    );
  });
  test("and each is called by its name", () => {
    const tx = new Transaction();
    tx.version = 2;
    tx.addInput(new Uint8Array(32).fill(7), 1, 0xffff_fffd);
    tx.addOutput(Uint8Array.of(0, 20, ...new Uint8Array(20).fill(3)), 90_000n);
    const taproot = { script: Uint8Array.of(0x51, 32, ...new Uint8Array(32).fill(5)), value: 100_000n };
    const spend = { tx, coins: [taproot], index: 0, hashType: 1, annex: null, leafHash: null };
    const script = Uint8Array.of(0x76, 0xa9, 20, ...new Uint8Array(20).fill(3), 0x88, 0xac);
    assert.equal(codeOf(bip143Preimage(spend, script)), "bip143-preimage");
    assert.equal(codeOf(legacyPreimage(spend, script)), "legacy-preimage");
    assert.equal(codeOf(sigMsg(spend)), "bip341-preimage");
    assert.equal(codeOf(tx.toBuffer()), "transaction");
    tx.setWitness(0, [new Uint8Array(64)]);
    assert.equal(codeOf(tx.toBuffer()), "transaction");
    assert.match(
      refuseTransactionPreimage(tx.toBuffer())!.message,
      /reads as a Bitcoin transaction: .* could spend coins/,
    );
  });
  test("whatever else stands behind the tag of Taproot's hash", () => {
    for (const rest of ["", "00", "00ff", "00".repeat(500)]) {
      assert.equal(codeOf(concatBytes(TAP_SIGHASH_PREFIX.subarray(0, 64), fromHex(rest))), "bip341-preimage");
    }
  });
  test("any spend, given half done: the inner of two hashes", () => {
    fc.assert(
      fc.property(signing(HASH_TYPES), scriptCode, (spend, script) => {
        const { tx, index, coins, hashType } = spend;
        const inner = hashMessage(bip143Preimage(spend, script), "sha256");
        const digest = tx.hashForWitnessV0(index, script, coins[index]!.value, hashType);
        assert.equal(toHex(hashMessage(inner, "sha256")), toHex(digest), "hashed once more it is the real one");
        assert.equal(refuseTransactionPreimage(inner, "sha256")?.code, "inner-hash");
        assert.equal(refuseTransactionPreimage(inner)?.code, "inner-hash", "nor where the hash is not known");
      }),
      { numRuns: 20 },
    );
    const text = utf8("0123456789abcdef0123456789abcdef");
    assert.equal(refuseTransactionPreimage(text, "sha256")?.code, "inner-hash", "even if it reads as text");
    assert.equal(refuseTransactionPreimage(text, "sha256d"), null);
    assert.equal(refuseTransactionPreimage(text, "keccak256"), null);
  });
});

describe("never signed as a message: a Bitcoin transaction", () => {
  test("without or with witnesses", () => {
    fc.assert(
      fc.property(
        transaction,
        fc.array(fc.uint8Array({ maxLength: 80 }), { minLength: 1, maxLength: 3 }),
        (spend, items) => {
          assertRefused(spend.tx.toBuffer());
          spend.tx.setWitness(0, items);
          assertRefused(spend.tx.toBuffer());
        },
      ),
    );
  });
});

const number = fc.bigInt({ min: 0n, max: 2n ** 200n }).map(bigEndian);
const small = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(bigEndian);
const recipient = fc.oneof(bytesOf(20), fc.constant(new Uint8Array()));
const callData = fc.uint8Array({ maxLength: 100 });
const accessList: fc.Arbitrary<Rlp> = fc.array(fc.tuple(bytesOf(20), fc.array(bytesOf(32), { maxLength: 2 })), {
  maxLength: 2,
});
const signature = [small, number, number] as const;
/** A transaction's fields, to be signed and signed, behind its type. */
const typed = (type: number, ...fields: readonly fc.Arbitrary<Rlp>[]): fc.Arbitrary<Uint8Array> =>
  fc
    .oneof(fc.tuple(...fields), fc.tuple(...fields, ...signature))
    .map((items) => concatBytes(Uint8Array.of(type), rlp(items)));

const ethereum: Readonly<Record<string, fc.Arbitrary<Uint8Array>>> = {
  "of the first kind": fc.tuple(small, number, small, recipient, number, callData).map(rlp),
  "of the first kind for one chain (EIP-155)": fc
    .tuple(small, number, small, recipient, number, callData, small)
    .map((fields) => rlp([...fields, new Uint8Array(), new Uint8Array()])),
  "of the first kind, signed": fc.tuple(small, number, small, recipient, number, callData, ...signature).map(rlp),
  "of type 1 (EIP-2930)": typed(1, small, small, number, small, recipient, number, callData, accessList),
  "of type 2 (EIP-1559)": typed(2, small, small, number, number, small, recipient, number, callData, accessList),
  "of type 3 (EIP-4844)": typed(
    3,
    small,
    small,
    number,
    number,
    small,
    bytesOf(20),
    number,
    callData,
    accessList,
    number,
    fc.array(bytesOf(32), { maxLength: 2 }),
  ),
  "of type 4 (EIP-7702)": typed(
    4,
    small,
    small,
    number,
    number,
    small,
    bytesOf(20),
    number,
    callData,
    accessList,
    accessList,
  ),
};

describe("never signed as a message: an Ethereum transaction", () => {
  for (const [name, transactions] of Object.entries(ethereum)) {
    test(name, () =>
      fc.assert(
        fc.property(transactions, (bytes) => {
          // 32 bytes are refused before they are looked at, unless the hash is Ethereum's own.
          assert.equal(refuseTransactionPreimage(bytes, "keccak256")?.code, "ethereum-transaction");
          assert.ok(refuseTransactionPreimage(bytes));
        }),
      ),
    );
  }
  test("an authorization that hands an account to code (EIP-7702)", () => {
    fc.assert(
      fc.property(small, bytesOf(20), small, (chain, address, nonce) => {
        const bytes = concatBytes(Uint8Array.of(5), rlp([chain, address, nonce]));
        assert.equal(refuseTransactionPreimage(bytes, "keccak256")?.code, "ethereum-transaction");
      }),
    );
  });
  test("EIP-155's published example", () => {
    const bytes = fromHex("ec098504a817c800825208943535353535353535353535353535353535353535880de0b6b3a764000080018080");
    assert.equal(
      toHex(hashMessage(bytes, "keccak256")),
      "daf5a779ae972f972197303d7b574746c7ef83eadac0f2791ad23db92e4c8e53",
    );
    assert.equal(codeOf(bytes), "ethereum-transaction");
  });
  test("one that was made to read as text, as can be done with letters beyond ASCII", () => {
    // Lengths in RLP are what continues a UTF-8 letter: each field but the last ends with a byte that begins one.
    const letter = Uint8Array.of(0xc3);
    const field = (text: string): Uint8Array => concatBytes(utf8(text), letter);
    const nonce = Uint8Array.of(0xbf, 0xc3);
    const bytes = rlp([nonce, field("bcd"), field("g"), field("a printable address"), field("vwx"), new Uint8Array()]);
    assert.equal(utf8Decode(bytes), "悿ÄbcdÂgÔa printable addressÄvwxÀ");
    assert.equal(codeOf(bytes), "ethereum-transaction");
  });
});

describe("signed as a message", () => {
  const length32 = (message: Uint8Array): boolean => message.length === 32;

  test("is any text, whatever its letters", () => {
    const line = fc.constantFrom("\n", "\r\n", "\t");
    const letters = fc.oneof(
      fc.string({ unit: "grapheme", maxLength: 100 }),
      fc.string({ unit: "grapheme-ascii", maxLength: 100 }),
      fc.string({ unit: "binary", maxLength: 60 }).filter((text) => !/\p{Cc}/u.test(text)),
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(letters, line), { maxLength: 4 }), (parts) => {
        const message = utf8(parts.join(""));
        fc.pre(!length32(message));
        assert.equal(codeOf(message), null);
      }),
      { numRuns: 400 },
    );
    for (const text of [
      "",
      "a",
      "I agree to the terms of 2026-11-20.",
      '{"to":"0xabc","value":1}',
      "AÀab",
      "Ünïcödé ✓ 🎉",
    ]) {
      assert.equal(codeOf(utf8(text)), null, text);
    }
  });
  test("is text of every length that a preimage has", () => {
    for (let length = 100; length <= 700; length++) assert.equal(codeOf(utf8("x".repeat(length))), null);
  });
  test("is nearly every other binary message", () => {
    const random = fc.uint8Array({ minLength: 1, maxLength: 600 });
    const messages = fc.sample(random, { numRuns: 2_000, seed: 7 });
    const refused = messages.filter((message) => refuseTransactionPreimage(message, "sha256d") !== null);
    assert.ok(refused.length <= 2, `${refused.length} of 2000 refused`);
  });
  test("is what other standards sign as messages: Bitcoin's and Ethereum's signed messages", () => {
    assert.equal(
      codeOf(concatBytes(Uint8Array.of(24), utf8("Bitcoin Signed Message:\n"), Uint8Array.of(5), utf8("hello"))),
      null,
    );
    assert.equal(codeOf(concatBytes(Uint8Array.of(25), utf8("Ethereum Signed Message:\n6hello!"))), null);
  });
  test("is no typed data of Ethereum, nor data for a contract: two hashes that nobody can read may move tokens", () => {
    const hash = new Uint8Array(32).fill(0xab);
    for (const version of [0, 1]) {
      assert.equal(codeOf(concatBytes(Uint8Array.of(0x19, version), hash, hash)), "typed-data");
    }
  });
  test("is a preimage that lost or gained a byte, because its hash spends nothing", () => {
    fc.assert(
      fc.property(signing([1]), (spend) => {
        const preimage = bip143Preimage(spend, Uint8Array.of(0x76, 0xa9, 20, ...new Uint8Array(20), 0x88, 0xac));
        for (const other of [preimage.slice(1), preimage.slice(0, -1), concatBytes(preimage, Uint8Array.of(0xff))]) {
          assert.notEqual(codeOf(other), "bip143-preimage");
        }
      }),
    );
  });
});

describe("a message is hashed", () => {
  test("with the standard's own vectors", () => {
    const abc = utf8("abc");
    assert.equal(toHex(hashMessage(abc, "sha256")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert.deepEqual(hashMessage(abc, "sha256d"), hash256(abc));
    assert.equal(
      toHex(hashMessage(abc, "keccak256")),
      "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45",
    );
    assert.deepEqual(hashMessage(abc, "keccak256"), keccak_256(abc));
  });
});
