import { fromHex, transcript } from "@conclave/bytes";
import { COMPACT_SIGNATURE_BYTES, digestScalar, encodeSignature, nonceCoordinate, verifyEcdsa } from "./ecdsa.ts";
import type { Point } from "./groups/group.ts";
import { invert, mod } from "./groups/scalar.ts";
import { secp256k1Group } from "./groups/secp256k1.ts";
import { seededRng } from "./testing/index.ts";
import { secp256k1 } from "@noble/curves/secp256k1.js";
import fc from "fast-check";
import assert from "node:assert/strict";
import { describe, test } from "node:test";

const group = secp256k1Group;
const { order } = group;
const DIGEST = transcript("testing/ecdsa", {});
const FIELD_PRIME = 2n ** 256n - 2n ** 32n - 977n;

/** Checked by noble alone: it verifies, s is low, and the recovery id gives back the public key. */
function assertNobleAccepts(publicKey: Uint8Array, digest: Uint8Array, signature: Uint8Array): void {
  const compact = signature.subarray(0, 64);
  assert.ok(secp256k1.verify(compact, digest, publicKey, { prehash: false, lowS: true }), "noble verifies it");
  const recovering = secp256k1.Signature.fromBytes(compact, "compact").addRecoveryBit(signature[64]!);
  assert.deepEqual(recovering.recoverPublicKey(digest).toBytes(true), publicKey);
}

/** Textbook ECDSA, SEC 1 §4.1.3, with a nonce of the test's choice. */
function sign(secret: bigint, nonce: bigint, digest: Uint8Array): Uint8Array {
  const coordinate = nonceCoordinate(group, group.encode(group.multiplyBase(nonce)));
  const s = mod(invert(nonce, order) * (digestScalar(group, digest) + coordinate.r * secret), order);
  return encodeSignature(group, coordinate, s);
}

const scalars = fc.uint8Array({ minLength: 48, maxLength: 48 }).map((bytes) => group.reduce(bytes) || 1n);

const withR = (signature: Uint8Array, r: bigint | Uint8Array): Uint8Array => replaced(signature, 0, r);
const withS = (signature: Uint8Array, s: bigint | Uint8Array): Uint8Array => replaced(signature, 32, s);
const withId = (signature: Uint8Array, id: number): Uint8Array => Uint8Array.of(...signature.subarray(0, 64), id);

function replaced(signature: Uint8Array, at: number, value: bigint | Uint8Array): Uint8Array {
  const changed = signature.slice();
  const bytes = value instanceof Uint8Array ? value : fromHex(value.toString(16).padStart(64, "0"));
  changed.set(bytes, at);
  return changed;
}

describe("a signature", () => {
  test("of textbook ECDSA verifies here and at noble, and its recovery id gives the key", () => {
    const property = fc.property(
      scalars,
      scalars,
      fc.uint8Array({ minLength: 32, maxLength: 32 }),
      (secret, nonce, digest) => {
        const publicKey = group.multiplyBase(secret);
        const signature = sign(secret, nonce, digest);
        assert.ok(verifyEcdsa(group, publicKey, digest, signature));
        assertNobleAccepts(group.encode(publicKey), digest, signature);
      },
    );
    fc.assert(property, { numRuns: 40 });
  });

  test("of noble verifies here", () => {
    const rng = seededRng("noble");
    for (let i = 0; i < 8; i++) {
      const [secret, digest] = [rng(32), rng(32)];
      const made = secp256k1.sign(digest, secret, { prehash: false, format: "recovered" });
      const signature = Uint8Array.of(...made.subarray(1), made[0]!);
      assert.ok(verifyEcdsa(group, group.decode(secp256k1.getPublicKey(secret)), digest, signature));
    }
  });

  test("has s in the lower half, whichever half the quotient was in", () => {
    const publicKey = group.multiplyBase(7n);
    let flipped = 0;
    for (let nonce = 1n; nonce < 12n; nonce++) {
      const signature = sign(7n, nonce, DIGEST);
      const s = group.decodeScalar(signature.subarray(32, 64));
      assert.ok(s <= order / 2n);
      const { recovery } = nonceCoordinate(group, group.encode(group.multiplyBase(nonce)));
      if (signature[64] !== recovery) flipped += 1;
      assert.ok(verifyEcdsa(group, publicKey, DIGEST, signature));
    }
    assert.ok(flipped > 0 && flipped < 11, "both halves occur");
  });
});

describe("verification refuses", () => {
  const publicKey = group.multiplyBase(11n);
  const signature = sign(11n, 13n, DIGEST);
  const s = group.decodeScalar(signature.subarray(32, 64));
  const r = group.decodeScalar(signature.subarray(0, 32));
  const refuses = (bytes: Uint8Array, why: string): void =>
    assert.equal(verifyEcdsa(group, publicKey, DIGEST, bytes), false, why);

  test("nothing that is wrong by one bit, and accepts the rest", () => {
    assert.ok(verifyEcdsa(group, publicKey, DIGEST, signature));
    for (let bit = 0; bit < 8 * COMPACT_SIGNATURE_BYTES; bit += 7) {
      const changed = signature.slice();
      changed[bit >> 3]! ^= 1 << (bit & 7);
      refuses(changed, `bit ${bit}`);
    }
  });

  test("r or s that is zero, q, above q, or negated", () => {
    for (const value of [0n, order, order + 1n, 2n ** 256n - 1n]) {
      refuses(withR(signature, value), `r = ${value}`);
      refuses(withS(signature, value), `s = ${value}`);
    }
    refuses(withR(signature, order - r), "−r");
    if (r + order < 2n ** 256n) refuses(withR(signature, r + order), "r + q");
    refuses(withR(withS(signature, 0n), 0n), "both zero");
    refuses(withR(withS(signature, order), order), "both q");
  });

  test("the higher of the two values of s, though plain ECDSA accepts it", () => {
    const high = withS(signature, order - s);
    const turned = withId(high, signature[64]! ^ 1);
    for (const bytes of [high, turned]) {
      refuses(bytes, "high s");
      const compact = bytes.subarray(0, 64);
      assert.ok(secp256k1.verify(compact, DIGEST, group.encode(publicKey), { prehash: false, lowS: false }));
    }
  });

  test("a recovery id of another point, and one that is none", () => {
    for (let id = 0; id < 256; id++) if (id !== signature[64]) refuses(withId(signature, id), `id ${id}`);
  });

  test("another length, another digest, another key, and the key's negative", () => {
    for (const bytes of [new Uint8Array(0), signature.subarray(0, 64), Uint8Array.of(...signature, 0)]) {
      refuses(bytes, `${bytes.length} bytes`);
    }
    assert.equal(verifyEcdsa(group, publicKey, transcript("testing/ecdsa", { label: "other" }), signature), false);
    assert.equal(verifyEcdsa(group, group.multiplyBase(12n), DIGEST, signature), false);
    assert.equal(verifyEcdsa(group, group.negate(publicKey), DIGEST, signature), false);
  });

  test("a signature whose R comes out as the identity", () => {
    // u1·G + u2·P = 0 for P = −(m/r)·G.
    const m = digestScalar(group, DIGEST);
    const key = group.multiplyBase(mod(-m * invert(5n, order), order));
    assert.equal(verifyEcdsa(group, key, DIGEST, withR(withS(signature, 3n), 5n)), false);
  });

  test("small r and s, as in forgeries that hope for r = 0 or s = 0 to be inverted", () => {
    for (const small of [1n, 2n, 3n]) refuses(withR(withS(signature, small), small), `${small}`);
  });
});

describe("an R whose x-coordinate is not below q", () => {
  const pointAt = (x: bigint): Point => {
    assert.ok(x < FIELD_PRIME);
    return group.decode(Uint8Array.of(2, ...fromHex(x.toString(16))));
  };

  test("gives r = x − q, and the recovery id says so", () => {
    // x = q + 2 is on the curve.
    const R = pointAt(order + 2n);
    const coordinate = nonceCoordinate(group, group.encode(R));
    assert.deepEqual(coordinate, { r: 2n, recovery: 2 });
    // A key for which (r, s) is a signature with exactly this R: P = (s·R − m·G)/r.
    const [s, m] = [99n, digestScalar(group, DIGEST)];
    const sum = group.combine([R, group.generator], [s, order - m]);
    const publicKey = group.combine([sum], [invert(coordinate.r, order)]);
    const signature = encodeSignature(group, coordinate, s);
    assert.equal(signature[64], 2);
    assert.ok(verifyEcdsa(group, publicKey, DIGEST, signature));
    assertNobleAccepts(group.encode(publicKey), DIGEST, signature);
    for (const id of [0, 1, 3]) assert.equal(verifyEcdsa(group, publicKey, DIGEST, withId(signature, id)), false);
  });

  test("gives r = 0 for x = q, which no signature may have", () => {
    assert.deepEqual(nonceCoordinate(group, group.encode(pointAt(order))), { r: 0n, recovery: 2 });
  });
});

test("a digest is 32 bytes, and is reduced where it is not below the order", () => {
  assert.equal(digestScalar(group, new Uint8Array(32)), 0n);
  assert.equal(digestScalar(group, new Uint8Array(32).fill(0xff)), 2n ** 256n - 1n - order);
  for (const length of [0, 31, 33]) assert.throws(() => digestScalar(group, new Uint8Array(length)), /32 bytes/);
});
