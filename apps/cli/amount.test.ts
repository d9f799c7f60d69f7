import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { parseAmount, parseFeeRate, printSats } from "./amount.ts";
import { CliError, EXIT } from "./exit.ts";

const MAX_SATS = 2_100_000_000_000_000;

const usage = (words: RegExp) => (error: unknown) =>
  error instanceof CliError && error.exitCode === EXIT.usage && words.test(error.message);

describe("an amount", () => {
  test("is read exactly, in satoshis and in bitcoin", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: MAX_SATS }), (sats) => {
        const btc = /\((?<btc>[\d.]+) BTC\)/.exec(printSats(sats))?.groups?.["btc"];
        assert.equal(parseAmount(String(sats)), sats);
        assert.equal(parseAmount(`${sats}sat`), sats);
        assert.equal(parseAmount(`${btc}btc`), sats);
      }),
    );
  });

  test("may have fewer decimals, capital letters and one space before the unit", () => {
    assert.equal(parseAmount("0.0005btc"), 50_000);
    assert.equal(parseAmount("1BTC"), 100_000_000);
    assert.equal(parseAmount("1.5 btc"), 150_000_000);
    assert.equal(parseAmount(" 00050000 sats "), 50_000);
  });

  test("that can be read in two ways, or not at all, is refused", () => {
    for (const [typed, words] of [
      ["0.0005", /decimal point/],
      ["50000.0", /decimal point/],
      ["0.5sat", /decimal point/],
      ["1,5btc", /cannot be read/],
      ["1.000.000", /cannot be read/],
      ["50_000", /cannot be read/],
      ["1e8", /cannot be read/],
      ["+5", /cannot be read/],
      ["-5", /cannot be read/],
      [".5btc", /cannot be read/],
      ["5.btc", /cannot be read/],
      ["٥", /cannot be read/],
      ["0x10", /cannot be read/],
      ["", /cannot be read/],
      ["1mbtc", /unit "mbtc"/],
      ["1 eth", /unit "eth"/],
      ["0.000000001btc", /eight decimals/],
      ["0", /is 0/],
      ["0.00000000btc", /is 0/],
      [String(MAX_SATS + 1), /above 21 million/],
      ["21000000.00000001btc", /above 21 million/],
      ["9".repeat(400), /above 21 million/],
    ] as const) {
      assert.throws(() => parseAmount(typed), usage(words), typed);
    }
  });
});

test("a fee rate is a positive number with at most three decimals", () => {
  assert.equal(parseFeeRate("2.125"), 2.125);
  for (const typed of ["0", "0.000", "-1", "1.0001", "1e3", "abc", "", "Infinity"]) {
    assert.throws(() => parseFeeRate(typed), usage(/sat\/vB/), typed);
  }
});
