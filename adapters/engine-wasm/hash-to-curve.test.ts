/** The kernel's map of RFC 9380 at its exceptional inputs, against noble's. The published vectors are in the group's contract. */
import { concatBytes, toHex } from "@conclave/bytes";
import { portableEngine, secp256k1Group as reference } from "@conclave/crypto";
import { seededRng } from "@conclave/crypto/testing";
import { secp256k1, secp256k1_hasher } from "@noble/curves/secp256k1.js";
import assert from "node:assert/strict";
import { test } from "node:test";
import { wasmSecp256k1 } from "./index.ts";
import { threadKernel } from "./kernel.ts";
import { inverse, mod, P, power } from "./testing/affine.ts";

const group = wasmSecp256k1(reference, (bytes) => portableEngine.sha256(bytes));
const rng = seededRng("engine-wasm/hash-to-curve");
const wide = (value: bigint): Uint8Array =>
  Uint8Array.from({ length: 48 }, (_, i) => Number((value >> BigInt(376 - 8 * i)) & 255n));

/** The point of two integers below 2^384 in the kernel, as hexadecimal; "" for the identity. */
function kernelHash(u: bigint, v: bigint): string {
  const { run, encodings } = threadKernel();
  encodings.set(concatBytes(wide(u), wide(v)));
  run.hashToCurve();
  if (run.isIdentity() !== 0) return "";
  run.encode(1);
  return toHex(encodings.slice(0, 33));
}

/** noble's map takes one integer and gives a point; its types, made for extension fields too, say otherwise. */
const nobleMap = secp256k1_hasher.mapToCurve as unknown as (u: bigint) => InstanceType<typeof secp256k1.Point>;

function nobleHash(u: bigint, v: bigint): string {
  const sum = nobleMap(mod(u, P)).add(nobleMap(mod(v, P)));
  return sum.is0() ? "" : sum.toHex(true);
}

test("equal and opposite inputs, the exceptional ones, and integers far above p", () => {
  // Z²·u⁴ + Z·u² = 0 for u = 0 and for u² = −1/Z = 1/11, if that is a square.
  const root = power(inverse(11n, P), (P + 1n) / 4n);
  const special = [0n, 1n, 2n, P - 1n, P, P + 1n, 2n * P, 2n ** 256n - 1n, 2n ** 256n, 2n ** 384n - 1n, root, P - root];
  const random = Array.from({ length: 12 }, () => BigInt(`0x${toHex(rng(48))}`));
  for (const u of [...special, ...random]) {
    for (const v of [u, P * 3n - mod(u, P), ...special, random[0]!])
      assert.equal(kernelHash(u, v), nobleHash(u, v), `${u}, ${v}`);
  }
});

test("messages of every length around the block size", () => {
  for (let length = 0; length < 140; length++) {
    const [message, dst] = [rng(length), "t".repeat(1 + length)];
    const expected = reference.encode(reference.hashToCurve(message, dst));
    assert.deepEqual(group.encode(group.hashToCurve(message, dst)), expected, `${length} bytes`);
  }
});

test("messages and tags in turns, of the same lengths and of others", () => {
  const [long, short] = [rng(100), rng(20)];
  const turns = [
    [long, "a tag"],
    [rng(100), "a tag"],
    [long, "b tag"],
    [short, "b tag"],
    [short, "a longer tag"],
    [long, "a tag"],
  ] as const;
  for (const [message, dst] of turns) {
    const expected = reference.encode(reference.hashToCurve(message, dst));
    assert.deepEqual(group.encode(group.hashToCurve(message, dst)), expected, dst);
    assert.throws(() => group.hashToCurve(message, ""), RangeError, "a refused tag leaves nothing behind");
  }
});
