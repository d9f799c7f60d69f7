/** What signatures hang on: k·G + l·P as BIP340 and ECDSA verify it. */
import { concatBytes, fromHex } from "@conclave/bytes";
import { mod, portableEngine, secp256k1Group as reference, taggedHash, xOnly } from "@conclave/crypto";
import { seededRng } from "@conclave/crypto/testing";
import { secp256k1 } from "@noble/curves/secp256k1.js";
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { wasmSecp256k1 } from "./index.ts";
import { inverse } from "./testing/affine.ts";

const group = wasmSecp256k1(reference, (bytes) => portableEngine.sha256(bytes));
const q = group.order;
const rng = seededRng("engine-wasm/verify");

/** BIP340's Verify. */
function isBip340(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  try {
    const key = group.decode(concatBytes(Uint8Array.of(2), publicKey));
    const [r, s] = [signature.subarray(0, 32), group.decodeScalar(signature.subarray(32))];
    const e = group.reduce(taggedHash("BIP0340/challenge", r, publicKey, message));
    const R = group.combine([group.generator, key], [s, mod(-e, q)]);
    return !group.isIdentity(R) && group.hasEvenY(R) && Buffer.compare(xOnly(group, R), r) === 0;
  } catch (error) {
    assert.ok(error instanceof RangeError);
    return false;
  }
}

test("BIP340's published vectors", () => {
  const path = new URL("../../core/frost/vectors/bip340.csv", import.meta.url);
  const [, ...rows] = readFileSync(path, "utf8").trim().split(/\r?\n/);
  assert.equal(rows.length, 19);
  for (const row of rows) {
    const [index, , publicKey, , message, signature, result] = row.split(",");
    const holds = isBip340(fromHex(publicKey!), fromHex(message!), fromHex(signature!));
    assert.equal(holds, result === "TRUE", `vector ${index}`);
  }
});

test("ECDSA signatures of noble hold, and hold no more when a bit is flipped", () => {
  const verify = (key: Uint8Array, digest: Uint8Array, signature: Uint8Array): boolean => {
    const [r, s] = [signature.subarray(0, 32), signature.subarray(32)].map((bytes) => group.reduce(bytes));
    if (r === 0n || s === 0n) return false;
    const w = inverse(s!, q);
    const R = group.combine([group.generator, group.decode(key)], [mod(group.reduce(digest) * w, q), mod(r! * w, q)]);
    return !group.isIdentity(R) && group.reduce(xOnly(group, R)) === r;
  };
  for (let i = 0; i < 20; i++) {
    const [secret, digest] = [group.encodeScalar(group.reduce(rng(48))), rng(32)];
    const signature = secp256k1.sign(digest, secret, { prehash: false });
    const key = secp256k1.getPublicKey(secret, true);
    assert.equal(verify(key, digest, signature), true);
    const flipped = signature.slice();
    flipped[i * 3]! ^= 1;
    assert.equal(verify(key, digest, flipped), false);
    digest[i]! ^= 1;
    assert.equal(verify(key, digest, signature), false);
  }
});
