/** Fee rates in thousandths of a satoshi per virtual byte, so that fractions need no floating point. */
import { assert, refine, uint } from "@conclave/bytes";
import type { Schema } from "@conclave/bytes";
import { sats } from "./sats.ts";
import type { Sats } from "./sats.ts";

/** Millisatoshi per virtual byte: 1000 is 1 sat/vB. */
export type FeeRate = bigint & { readonly __brand: "FeeRate" };

/** 1 BTC/vB: nothing above it can be meant. */
const MAX_FEE_RATE = 100_000_000_000n;

/** Throws `AssertionError` unless `milliSats` is from 0 to 1 BTC/vB. */
export function feeRate(milliSats: bigint): FeeRate {
  assert(milliSats >= 0n && milliSats <= MAX_FEE_RATE, "a fee rate is from 0 to 1 BTC/vB");
  return milliSats as FeeRate;
}

/** Wire form: an unsigned integer of millisatoshi per virtual byte. */
export const feeRateSchema: Schema<FeeRate> = refine(uint({ max: Number(MAX_FEE_RATE) }), {
  parse: (value) => feeRate(BigInt(value)),
  print: Number,
});

/** Whole satoshis for `vsize` virtual bytes at `rate`, rounded up. */
export const feeFor = (rate: FeeRate, vsize: number): Sats => sats((rate * BigInt(vsize) + 999n) / 1000n);

/** The rate that `fee` pays for `vsize` virtual bytes, rounded down. */
export const rateOf = (fee: Sats, vsize: number): FeeRate => feeRate((fee * 1000n) / BigInt(vsize));

/** "2.5" for 2500: sat/vB as people read it. */
export function printFeeRate(rate: FeeRate): string {
  const fraction = (rate % 1000n).toString().padStart(3, "0").replace(/0+$/, "");
  return fraction === "" ? `${rate / 1000n}` : `${rate / 1000n}.${fraction}`;
}

/** Text or a number is no fee rate. The message is meant to be shown. */
export class FeeRateError extends Error {
  override readonly name = "FeeRateError";
}

/** Reads sat/vB with at most three decimals. Throws `FeeRateError`; 0 is refused, because nobody mines for nothing. */
export function parseFeeRate(input: string | number): FeeRate {
  const groups = /^(?<whole>\d{1,9})(?:\.(?<fraction>\d{1,3}))?$/.exec(String(input).trim())?.groups;
  if (groups === undefined) {
    throw new FeeRateError("The fee rate must be a number of sat/vB with at most three decimals, like 2.5.");
  }
  const milliSats = BigInt(groups["whole"] ?? "0") * 1000n + BigInt((groups["fraction"] ?? "").padEnd(3, "0"));
  if (milliSats === 0n) throw new FeeRateError("The fee rate is 0: the transaction would never be mined.");
  if (milliSats > MAX_FEE_RATE)
    throw new FeeRateError("The fee rate is above 1 BTC/vB; was it meant in another unit? Write sat/vB.");
  return feeRate(milliSats);
}
