/** Amounts as people type them. Nothing is guessed: what can be read in two ways is refused. */
import { usageError } from "./exit.ts";

const SATS_PER_BTC = 100_000_000n;
const MAX_SATS = 21_000_000n * SATS_PER_BTC;

const EXAMPLES = "write satoshis as plain digits (50000) or bitcoin with its unit (0.0005btc)";

/**
 * Satoshis from `50000`, `50000sat` or `0.0005btc`. A number with a decimal point needs the unit, thousands are not grouped,
 * and bitcoin has at most eight decimals. Throws `CliError` (usage).
 */
export function parseAmount(typed: string): number {
  const groups = /^(?<whole>\d+)(?:\.(?<fraction>\d+))?\s?(?<unit>[a-z]*)$/i.exec(typed.trim())?.groups;
  if (groups === undefined) throw usageError(`The amount "${typed}" cannot be read: ${EXAMPLES}.`);
  const { whole = "", fraction } = groups;
  const unit = (groups["unit"] ?? "").toLowerCase();
  if (!["", "sat", "sats", "btc"].includes(unit))
    throw usageError(`The unit "${groups["unit"]}" is not known: ${EXAMPLES}.`);
  if (unit !== "btc" && fraction !== undefined) {
    throw usageError(`The amount "${typed}" has a decimal point, and satoshis cannot be divided: ${EXAMPLES}.`);
  }
  if ((fraction ?? "").length > 8)
    throw usageError(`The amount "${typed}" has more than eight decimals: bitcoin has no smaller part.`);
  // Longer numbers are too large without being read.
  const sats = whole.length > 16 ? MAX_SATS + 1n : unit === "btc" ? inSats(whole, fraction) : BigInt(whole);
  if (sats === 0n) throw usageError("The amount is 0: there is nothing to pay.");
  if (sats > MAX_SATS) throw usageError(`The amount "${typed}" is above 21 million BTC, more than will ever exist.`);
  return Number(sats);
}

const inSats = (whole: string, fraction = ""): bigint => BigInt(whole) * SATS_PER_BTC + BigInt(fraction.padEnd(8, "0"));

/** `100000000 sat (1.00000000 BTC)`: both units, because people mistake one for the other. */
export function printSats(sats: number): string {
  const digits = String(sats).padStart(9, "0");
  return `${sats} sat (${digits.slice(0, -8)}.${digits.slice(-8)} BTC)`;
}

/** Satoshis of a highest fee, typed like an amount. Throws `CliError` (usage). */
export function parseMaxFee(typed: string): number {
  try {
    return parseAmount(typed);
  } catch (cause) {
    throw usageError(
      `--max-fee "${typed}" cannot be read: it is the highest fee of the whole payment, above 0; ${EXAMPLES}.`,
      { cause },
    );
  }
}

/** Satoshis per virtual byte from `2.5`. Throws `CliError` (usage). */
export function parseFeeRate(typed: string): number {
  const rate = /^\d{1,9}(?:\.\d{1,3})?$/.test(typed.trim()) ? Number(typed) : Number.NaN;
  if (!(rate > 0))
    throw usageError(
      `The fee rate "${typed}" cannot be read: write sat/vB above 0 with at most three decimals, like 2.5.`,
    );
  return rate;
}
