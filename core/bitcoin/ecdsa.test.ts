import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { concatBytes, toHex } from "@conclave/bytes";
import { invert, mod, secp256k1Group } from "@conclave/crypto";
import { secp256k1 } from "@noble/curves/secp256k1.js";
import fc from "fast-check";
import { verifyEcdsa } from "./index.ts";
import { derSignature } from "./ecdsa.ts";
import { signCompact } from "./testing/single-key-wallet.ts";

const { order } = secp256k1Group;
const scalarBytes = (k: bigint): Uint8Array => secp256k1.Point.Fn.toBytes(k);
/** 32 bytes of any integer, in range or not. */
const wordBytes = (value: bigint): Uint8Array =>
  Uint8Array.from(Buffer.from(value.toString(16).padStart(64, "0"), "hex"));
const compact = (r: bigint, s: bigint, recoveryId: number): Uint8Array =>
  concatBytes(wordBytes(r), wordBytes(s), Uint8Array.of(recoveryId));

const secret = fc.bigInt({ min: 1n, max: order - 1n });
const digest = fc.uint8Array({ minLength: 32, maxLength: 32 });

const key: Uint8Array = secp256k1.getPublicKey(scalarBytes(7n));
const message: Uint8Array = new Uint8Array(32).fill(9);
const good = signCompact(message, scalarBytes(7n));
const { r, s } = secp256k1.Signature.fromBytes(good.slice(0, 64), "compact");
const id = good[64]!;

describe("an ECDSA signature is accepted", () => {
  test("if noble made it, whatever key and digest, and for no other", () => {
    fc.assert(
      fc.property(secret, digest, digest, (d, hash, other) => {
        const publicKey = secp256k1.getPublicKey(scalarBytes(d));
        const signature = signCompact(hash, scalarBytes(d));
        assert.ok(verifyEcdsa(publicKey, hash, signature));
        assert.equal(verifyEcdsa(publicKey, other, signature), toHex(other) === toHex(hash));
        assert.equal(verifyEcdsa(secp256k1.getPublicKey(scalarBytes(mod(d, order - 1n) + 1n)), hash, signature), false);
      }),
      { numRuns: 30 },
    );
  });
  test("for digests above the order, which are reduced", () => {
    const high = new Uint8Array(32).fill(0xff);
    assert.ok(verifyEcdsa(key, high, signCompact(high, scalarBytes(7n))));
  });
  test("with recovery id 2 or 3 if the nonce's x is above the order", () => {
    let x = 1n;
    const point = (): InstanceType<typeof secp256k1.Point> | undefined => {
      try {
        return secp256k1.Point.fromBytes(concatBytes(Uint8Array.of(2), wordBytes(order + x)));
      } catch {
        return undefined;
      }
    };
    while (point() === undefined) x += 1n;
    for (const recovery of [2, 3]) {
      const signature = new secp256k1.Signature(x, 5n, recovery);
      const publicKey = signature.recoverPublicKey(message).toBytes();
      assert.ok(verifyEcdsa(publicKey, message, compact(x, 5n, recovery)));
      for (const wrong of [0, 1, 5 - recovery, 4]) {
        assert.equal(verifyEcdsa(publicKey, message, compact(x, 5n, wrong)), false, `${wrong} for ${recovery}`);
      }
    }
  });
});

describe("an ECDSA signature is refused", () => {
  const refused = (signature: Uint8Array, publicKey: Uint8Array = key, hash: Uint8Array = message): void =>
    assert.equal(verifyEcdsa(publicKey, hash, signature), false);

  test("with a high s, which says the same in a form that nobody relays", () => {
    assert.ok(secp256k1.verify(compact(r, order - s, 0).slice(0, 64), message, key, { prehash: false, lowS: false }));
    for (const recoveryId of [id, id ^ 1]) refused(compact(r, order - s, recoveryId));
  });
  test("with r or s of 0, or not below the order", () => {
    refused(compact(0n, s, id));
    refused(compact(r, 0n, id));
    for (const value of [order, order + 1n, 2n ** 256n - 1n]) {
      refused(compact(value, s, id));
      refused(compact(r, value, id));
    }
  });
  test("with another recovery id", () => {
    for (let other = 0; other < 256; other++) if (other !== id) refused(good.with(64, other));
  });
  test("with any bit changed", () => {
    for (let bit = 0; bit < 8 * good.length; bit += 5) refused(good.with(bit >> 3, good[bit >> 3]! ^ (1 << (bit & 7))));
  });
  test("under another key, or bytes that are none", () => {
    refused(good, secp256k1.getPublicKey(scalarBytes(8n)));
    refused(good, secp256k1.getPublicKey(scalarBytes(7n), false));
    refused(good, new Uint8Array(33));
    refused(good, key.subarray(1));
  });
  test("for another digest, or one of another length", () => {
    refused(good, key, message.with(0, 8));
    refused(good, key, message.subarray(1));
    refused(good, key, concatBytes(message, Uint8Array.of(0)));
    refused(good, key, concatBytes(Uint8Array.of(0), message));
  });
  test("of another length", () => {
    for (const length of [0, 1, 64]) refused(good.slice(0, length));
    refused(concatBytes(good, Uint8Array.of(0)));
  });
  test("whose nonce is the identity", () => {
    // u1·G + u2·P = (e + r·d)/s · G vanishes for d = −e/r.
    const e = secp256k1Group.reduce(message);
    const publicKey = secp256k1.getPublicKey(scalarBytes(mod(-e * invert(r, order), order)));
    for (const recoveryId of [0, 1]) refused(compact(r, s, recoveryId), publicKey);
  });
});

describe("strict DER", () => {
  const same = (a: bigint, b: bigint): void =>
    assert.equal(toHex(derSignature(compact(a, b, 0))), toHex(new secp256k1.Signature(a, b).toBytes("der")));

  test("is what noble writes, for numbers of any length", () => {
    const number = fc
      .tuple(fc.integer({ min: 1, max: 255 }), secret)
      .map(([bits, value]) => (value >> BigInt(bits)) + 1n);
    fc.assert(fc.property(fc.oneof(number, secret), number, (a, b) => same(a, b)));
    for (const a of [1n, 0x7fn, 0x80n, 0xffn, 0x100n, order - 1n]) same(a, 1n);
  });
  test("has 8 to 71 bytes if s is low", () => {
    assert.equal(derSignature(compact(1n, 1n, 0)).length, 8);
    assert.equal(derSignature(compact(order - 1n, order / 2n, 0)).length, 71);
  });
});
