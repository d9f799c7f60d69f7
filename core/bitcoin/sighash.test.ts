/** Signature hashes against the published example of BIP143 ("Native P2WPKH") and, for any payment, against bitcoinjs-lib. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { AssertionError, fromHex, toHex } from "@conclave/bytes";
import { secp256k1 } from "@noble/curves/secp256k1.js";
import { derSignature } from "./ecdsa.ts";
import { parseTransaction, verifyEcdsa } from "./index.ts";
import { signatureHash } from "./sighash.ts";
import { signCompact } from "./testing/single-key-wallet.ts";

const unsigned = fromHex(
  "0100000002fff7f7881a8099afa6940d42d1e7f6362bec38171ea3edf433541db4e4ad969f0000000000eeffffffef51e1b804cc89d182d2" +
    "79655c3aa89e815b1b309fe287d9b2b55d57b90ec68a0100000000ffffffff02202cb206000000001976a9148280b37df378db99f66f85c9" +
    "5a783a76ac7a6d5988ac9093510d000000001976a9143bde42dbee7e4dbe6a21b2d50ce2f0167faa815988ac11000000",
);
const publicKeyScript = fromHex("2103c9f4836b9a4f77fc0d81f7bcb01b7f1b35916864b9476c241ce9fc198bd25432ac");
const keyHash = { script: fromHex("00141d0f172a0ecb48aee1be1f2687d2963ae33f71a1"), value: 600_000_000n };
const spend = { unsigned, prevouts: [{ script: publicKeyScript, value: 625_000_000n }, keyHash] };
const publicKey = fromHex("025476c2e83188368da1ff3e292e7acafcdb3566bb0ad253f62fc70f07aeee6357");

describe("BIP143's native P2WPKH example", () => {
  test("has the published signature hash", () =>
    assert.equal(toHex(signatureHash(spend, 1)), "c37af31116d1b27caf68aae9e3ac82f1477929014d5b917657d0eb49478cb670"));

  test("and the published signature, which verifies", () => {
    const published =
      "304402203609e17b84f6a7d30c80bfa610b5b4542f32a8a0d5447a12fb1366d7f01cc44a" +
      "0220573a954c4518331561406f90300e8f3358f51928d43c212a8caed02de67eebee";
    const { r, s } = secp256k1.Signature.fromHex(published, "der");
    const numbers = new secp256k1.Signature(r, s).toBytes("compact");
    const verifying = [0, 1]
      .map((id) => Uint8Array.from([...numbers, id]))
      .filter((signature) => verifyEcdsa(publicKey, signatureHash(spend, 1), signature));
    assert.equal(verifying.length, 1, "with one recovery id");
    assert.equal(toHex(derSignature(verifying[0]!)), published);
    // The example was signed with RFC 6979's nonce, as noble does.
    const secret = fromHex("619c335025c7f4012e556c2a58b2506e30b8511b53ade95ea316fd8c3286feb9");
    assert.deepEqual(verifying[0], signCompact(signatureHash(spend, 1), secret));
  });

  test("changes with the value of its own coin, and with no other's: why each is proven by the transaction that made it", () => {
    const hash = toHex(signatureHash(spend, 1));
    const richer = { ...keyHash, value: keyHash.value + 1n };
    assert.notEqual(toHex(signatureHash({ unsigned, prevouts: [spend.prevouts[0]!, richer] }, 1)), hash);
    const others = { ...spend.prevouts[0]!, value: 1n };
    assert.equal(toHex(signatureHash({ unsigned, prevouts: [others, keyHash] }, 1)), hash);
  });
});

test("no other type of coin is signed for", () => {
  assert.equal(parseTransaction(unsigned).inputs.length, 2);
  assert.throws(() => signatureHash(spend, 0), AssertionError);
});
