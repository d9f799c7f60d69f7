/** BIP340's published signatures, good and bad, against our verifier. */
import { testSecp256k1 } from "@conclave/keys/testing";
import { concatBytes, fromHex } from "@conclave/bytes";
import { type Point } from "@conclave/crypto";
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { verify } from "./signature.ts";
import { secp256k1Taproot } from "./suite.ts";

const suite = secp256k1Taproot(testSecp256k1);
const [, ...rows] = readFileSync(new URL("vectors/bip340.csv", import.meta.url), "utf8")
  .trim()
  .split(/\r?\n/);

/** lift_x: undefined where BIP340 says to fail. */
function liftX(x: Uint8Array): Point | undefined {
  try {
    return testSecp256k1.decode(concatBytes(Uint8Array.of(2), x));
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

test("the file holds all nineteen vectors", () => assert.equal(rows.length, 19));

for (const row of rows) {
  const [index, , publicKey, , message, signature, result, comment] = row.split(",");
  test(`BIP340 vector ${index}: ${result} ${comment}`, () => {
    const key = liftX(fromHex(publicKey!));
    const holds = key !== undefined && verify(suite, key, fromHex(message!), fromHex(signature!));
    assert.equal(holds, result === "TRUE");
    // BIP340 names a key by x alone: the other point of that x must give the same answer.
    if (key !== undefined) {
      assert.equal(verify(suite, testSecp256k1.negate(key), fromHex(message!), fromHex(signature!)), holds);
    }
  });
}
