import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { CodecError } from "@conclave/bytes";
import fc from "fast-check";
import {
  decodeHeader,
  encodeHeader,
  FLAG_MAILBOX,
  FLAG_ONE_RECEIVER,
  HEADER_BYTES,
  MAX_TTL_SECONDS,
  ttlCode,
  ttlSecondsOf,
} from "./index.ts";

const id = Uint8Array.from({ length: 32 }, (_, i) => i);

describe("times to live", () => {
  test("are seconds up to 255, then steps of ten, as document 002's relay has them", () => {
    const table = [
      [0, 0],
      [0.2, 1],
      [255, 255],
      [255.5, 256],
      [256, 256],
      [260, 256],
      [261, 257],
      [3_600, 590],
      [653_050, 65_535],
      [1e9, 65_535],
    ] as const;
    for (const [seconds, code] of table) assert.equal(ttlCode(seconds), code, `${seconds} s`);
    assert.equal(MAX_TTL_SECONDS, 653_050);
  });

  test("every code is the code of what it says", () => {
    for (let code = 0; code <= 0xffff; code++) assert.equal(ttlCode(ttlSecondsOf(code)), code);
  });

  test("are rounded up by less than a step", () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: MAX_TTL_SECONDS, noNaN: true }), (seconds) => {
        const said = ttlSecondsOf(ttlCode(seconds));
        assert.ok(said >= seconds && said - seconds < 10);
      }),
    );
  });

  test("below zero, or none at all, are the caller's mistake", () => {
    assert.throws(() => ttlCode(-1), RangeError);
    assert.throws(() => ttlCode(Number.NaN), RangeError);
  });
});

describe("a header", () => {
  test("is id, time and flags, least significant byte first", () => {
    const bytes = encodeHeader({ id, ttlSeconds: 300, flags: FLAG_ONE_RECEIVER | FLAG_MAILBOX | 0x123 });
    assert.equal(bytes.length, HEADER_BYTES);
    assert.deepEqual([...bytes.subarray(0, 32)], [...id]);
    assert.deepEqual([...bytes.subarray(32)], [0x04, 0x01, 0x23, 0xc1]);
    assert.deepEqual(decodeHeader(bytes), { id, ttlSeconds: 300, flags: 0xc123 });
  });

  test("with fewer bytes is refused", () => {
    assert.throws(() => decodeHeader(new Uint8Array(HEADER_BYTES - 1)), CodecError);
  });

  test("with a flag that means nothing is refused, and with any other is not", () => {
    for (let bit = 0; bit < 16; bit++) {
      const bytes = encodeHeader({ id, ttlSeconds: 1, flags: 1 << bit });
      if (bit === 12 || bit === 13) assert.throws(() => decodeHeader(bytes), CodecError);
      else assert.equal(decodeHeader(bytes).flags, 1 << bit);
    }
  });

  test("is not made of an id of another length or flags beyond 16 bits", () => {
    assert.throws(() => encodeHeader({ id: new Uint8Array(31), ttlSeconds: 1, flags: 0 }), /an id is 32 bytes/);
    assert.throws(() => encodeHeader({ id, ttlSeconds: 1, flags: 0x1_0000 }), /flags are 16 bits/);
  });
});
