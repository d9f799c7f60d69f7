/** Amounts of money. Whole satoshis, never floating point, never more than there will ever be. */
import { assert, refine, uint } from "@conclave/bytes";
import type { Schema } from "@conclave/bytes";

/** An amount in satoshis, from 0 to 21 million BTC. */
export type Sats = bigint & { readonly __brand: "Sats" };

/** 21 million BTC in satoshis: consensus refuses any output above it. */
export const MAX_SATS = 2_100_000_000_000_000n as Sats;

/** `value` as an amount. Throws `AssertionError` outside the range of money: for numbers that our own code computed. */
export function sats(value: bigint): Sats {
  assert(value >= 0n && value <= MAX_SATS, "an amount is from 0 to 21 million BTC");
  return value as Sats;
}

/** Wire form: an unsigned integer of satoshis. */
export const satsSchema: Schema<Sats> = refine(uint({ max: Number(MAX_SATS) }), {
  parse: (value) => sats(BigInt(value)),
  print: Number,
});

/** The total. Throws `AssertionError` above 21 million BTC. */
export const sumSats = (amounts: Iterable<Sats>): Sats => {
  let total = 0n;
  for (const amount of amounts) total += amount;
  return sats(total);
};

/** Why an amount cannot be paid. */
export type AmountErrorCode = "not-a-number" | "zero" | "negative" | "fractional" | "above-supply";

/** An amount that a person or a program gave us cannot be paid. The message says why and is meant to be shown. */
export class AmountError extends Error {
  override readonly name = "AmountError";
  readonly code: AmountErrorCode;
  constructor(code: AmountErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** Digits of `MAX_SATS`: longer numbers are too large without being read. */
const MAX_DIGITS = 16;

/**
 * The amount of a payment, as a person typed it or a program sent it: whole satoshis, above 0, at most 21 million BTC.
 * Throws `AmountError`. Decimal points are never rounded away: 0.1 means that the sender thought in another unit.
 */
export function parseAmount(input: string | number | bigint): Sats {
  const text = typeof input === "number" ? plainNumber(input) : String(input).trim();
  const digits = /^(?<sign>[-+]?)0*(?<whole>\d*?)(?<fraction>[.,]\d*)?$/.exec(text)?.groups;
  if (digits === undefined || !/\d/.test(text)) {
    throw new AmountError(
      "not-a-number",
      "The amount is not a number: write whole satoshis in plain digits, like 150000.",
    );
  }
  if (digits["fraction"] !== undefined) {
    throw new AmountError(
      "fractional",
      "The amount has a decimal point or comma: satoshis cannot be divided. 1 BTC is 100000000 satoshis.",
    );
  }
  const whole = digits["whole"] ?? "";
  const value = whole.length > MAX_DIGITS ? MAX_SATS + 1n : BigInt(whole);
  if (value === 0n) throw new AmountError("zero", "The amount is 0: there is nothing to pay.");
  if (digits["sign"] === "-")
    throw new AmountError("negative", "The amount is negative: only positive amounts can be paid.");
  if (value > MAX_SATS) {
    throw new AmountError("above-supply", "The amount is above 21 million BTC, more than will ever exist.");
  }
  return value as Sats;
}

/** Digits of a JSON number without an exponent, so that 1e30 is "too much" and 0.1 + 0.2 is "fractional". */
function plainNumber(value: number): string {
  if (!Number.isFinite(value)) return "";
  if (Number.isInteger(value)) return BigInt(value).toString();
  return value < 0 ? "-0.5" : "0.5";
}
