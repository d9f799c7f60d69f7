/** Project Wycheproof's cases for ECDSA as Bitcoin uses it: extreme numbers, keys and intermediate points, and bad encodings. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { concatBytes, fromHex, toHex } from "@conclave/bytes";
import { secp256k1 } from "@noble/curves/secp256k1.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { derSignature } from "./ecdsa.ts";
import { verifyEcdsa } from "./index.ts";

type Row = readonly [
  id: number,
  result: "valid" | "invalid",
  key: string,
  message: string,
  der: string,
  comment: string,
];
const rows = JSON.parse(
  readFileSync(new URL("./vectors/ecdsa-secp256k1-bitcoin.json", import.meta.url), "utf8"),
) as readonly Row[];

/** r ‖ s of a DER signature, or nothing where the bytes are no strict DER of two numbers below 2^256. */
function numbersOf(der: Uint8Array): Uint8Array | undefined {
  try {
    return secp256k1.Signature.fromBytes(der, "der").toBytes("compact");
  } catch {
    return undefined;
  }
}

describe("Wycheproof", () => {
  const readable = rows.flatMap((row) => {
    const numbers = numbersOf(fromHex(row[4]));
    return numbers === undefined ? [] : [{ row, numbers }];
  });

  for (const { row, numbers } of readable) {
    const [id, result, key, message, der, comment] = row;
    test(`${id}: ${comment} (${result})`, () => {
      const digest = sha256(fromHex(message));
      const accepted = [0, 1, 2, 3].filter((recoveryId) =>
        verifyEcdsa(fromHex(key), digest, concatBytes(numbers, Uint8Array.of(recoveryId))),
      );
      assert.equal(accepted.length, result === "valid" ? 1 : 0);
      if (result === "valid") assert.equal(toHex(derSignature(numbers)), der, "and has this one encoding");
    });
  }

  test("what is no signature in DER is never called valid there", () => {
    const unreadable = rows.filter(([, , , , der]) => numbersOf(fromHex(der)) === undefined);
    assert.ok(unreadable.every(([, result]) => result === "invalid"));
    assert.deepEqual([rows.length, readable.length > 150], [463, true]);
  });
});
