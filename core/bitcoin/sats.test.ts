import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { codec, CodecError } from "@conclave/bytes";
import fc from "fast-check";
import { AmountError, MAX_SATS, parseAmount, sats, satsSchema, sumSats } from "./index.ts";
import type { AmountErrorCode } from "./index.ts";

const refuses = (input: string | number | bigint, code: AmountErrorCode, message: RegExp): void =>
  assert.throws(
    () => parseAmount(input),
    (error) =>
      error instanceof AmountError && (assert.equal(error.code, code), assert.match(error.message, message), true),
  );

describe("an amount from outside", () => {
  test("is a whole number of satoshis, up to all there will ever be", () => {
    assert.equal(parseAmount("1"), 1n);
    assert.equal(parseAmount(" 000150000 "), 150_000n);
    assert.equal(parseAmount(546), 546n);
    assert.equal(parseAmount(2_100_000_000_000_000n), MAX_SATS);
  });
  test("is not 0", () => {
    for (const zero of ["0", "000", "-0", 0, -0, 0n]) refuses(zero, "zero", /is 0/);
  });
  test("is not negative", () => {
    for (const negative of ["-1", -5, -1n, "-2100000000000001"]) refuses(negative, "negative", /negative/);
  });
  test("is not fractional", () => {
    for (const fraction of ["0.1", "1.0", "1,5", ".5", "5.", 0.1 + 0.2, 1.5, -0.5])
      refuses(fraction, "fractional", /cannot be divided/);
  });
  test("is not above 21 million BTC", () => {
    for (const much of [MAX_SATS + 1n, "2100000000000001", 1e30, "9".repeat(100_000)])
      refuses(much, "above-supply", /21 million/);
  });
  test("is a number at all", () => {
    for (const text of ["", " ", "all", "1e5", "0x10", "1 000", "--1", ".", "-", "١٢", Number.NaN, Infinity])
      refuses(text, "not-a-number", /not a number/);
  });
  test("survives printing and reading", () => {
    fc.assert(fc.property(fc.bigInt({ min: 1n, max: MAX_SATS }), (value) => parseAmount(value.toString()) === value));
  });
});

describe("amounts on the wire", () => {
  const amount = codec(satsSchema);
  test("come back as they left", () => {
    for (const value of [0n, 1n, 2n ** 40n, MAX_SATS]) assert.equal(amount.decode(amount.encode(sats(value))), value);
  });
  test("are refused above 21 million BTC", () => {
    const above = Uint8Array.from([0x1b, 0, 7, 0x75, 0xf0, 0x5a, 0x07, 0x40, 1]);
    assert.throws(() => amount.decode(above), CodecError);
  });
});

describe("our own arithmetic", () => {
  test("never leaves the range of money", () => {
    assert.throws(() => sats(-1n), /from 0 to 21 million/);
    assert.throws(() => sumSats([MAX_SATS, sats(1n)]), /from 0 to 21 million/);
    assert.equal(sumSats([sats(1n), sats(2n)]), 3n);
  });
});
