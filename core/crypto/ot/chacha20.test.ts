import { fromHex, toHex } from "@conclave/bytes";
import { chacha20 } from "@noble/ciphers/chacha.js";
import assert from "node:assert/strict";
import { test } from "node:test";
import { seededRng } from "../testing/index.ts";
import { chachaBlock, chachaInput } from "./chacha20.ts";

/** The block for `key`, `counter` and `nonce`, as bytes. */
function block(key: Uint8Array, counter: number, nonce: Uint8Array): Uint8Array {
  const [input, output] = [chachaInput(), new Uint32Array(16)];
  const view = (bytes: Uint8Array): DataView => new DataView(bytes.slice().buffer);
  for (let i = 0; i < 8; i++) input[4 + i] = view(key).getUint32(4 * i, true);
  input[12] = counter;
  for (let i = 0; i < 3; i++) input[13 + i] = view(nonce).getUint32(4 * i, true);
  chachaBlock(input, output);
  const bytes = new DataView(new ArrayBuffer(64));
  for (const [i, word] of output.entries()) bytes.setUint32(4 * i, word, true);
  return new Uint8Array(bytes.buffer);
}

test("RFC 8439 §2.3.2: the block function", () => {
  const key = Uint8Array.from({ length: 32 }, (_, i) => i);
  assert.equal(
    toHex(block(key, 1, fromHex("000000090000004a00000000"))),
    "10f1e7e4d13b5915500fdd1fa32071c4c7d1f4c733c068030422aa9ac3d46c4e" +
      "d2826446079faa0914c2d705d98b02a2b5129cd1de164eb9cbd083e8a2503c4e",
  );
});

test("agrees with noble at any counter that noble takes", () => {
  const rng = seededRng("chacha20");
  for (const counter of [0, 1, 2, 0x7fffffff, 0x80000000, 0xfffffffd]) {
    const [key, nonce] = [rng(32), rng(12)];
    assert.deepEqual(block(key, counter, nonce), chacha20(key, nonce, new Uint8Array(64), undefined, counter));
  }
});
