/** Objects that people and programs send us: unknown fields are refused, and a slip of the pen gets a suggestion. */
import { z } from "zod";

/** A wrong name is a slip of at most this many letters; beyond that a suggestion would only mislead. */
const MAX_SLIPS = 3;

/** A request with thousands of unknown fields gets no answer with thousands of sentences. */
const MAX_NAMED = 3;

/**
 * The candidate that `word` was probably meant to be, or undefined if none is near. Case and the difference between
 * `-`, `_` and nothing do not count, so that `amountSats` finds `amount_sats`.
 */
export function closest(word: string, candidates: readonly string[]): string | undefined {
  const near = candidates
    .map((candidate) => ({ candidate, slips: slipsTo(plain(word), plain(candidate)) }))
    .filter(({ candidate, slips }) => slips <= Math.min(MAX_SLIPS, candidate.length / 2));
  return near.toSorted((a, b) => a.slips - b.slips)[0]?.candidate;
}

/** `Unknown field "fee": did you mean "fee_rate"?`, or the list of what there is. `what` is singular, such as "field". */
export function unknownName(what: string, word: string, candidates: readonly string[]): string {
  const suggestion = closest(word, candidates);
  if (suggestion !== undefined) return `Unknown ${what} "${printable(word)}": did you mean "${suggestion}"?`;
  const known = candidates.length === 0 ? "none are allowed here" : `known are ${candidates.join(", ")}`;
  return `Unknown ${what} "${printable(word)}": ${known}.`;
}

/** An object schema that refuses unknown fields by name. `what` is what a field is called in the refusal. */
export function strictFields<Shape extends z.core.$ZodLooseShape>(
  shape: Shape,
  what = "field",
): z.ZodObject<Shape, z.core.$strict> {
  const names = Object.keys(shape);
  return z.strictObject(shape, {
    error: (issue) => {
      if (issue.code === "unrecognized_keys") {
        const named = issue.keys.slice(0, MAX_NAMED).map((key) => unknownName(what, key, names));
        const more = issue.keys.length - named.length;
        return [...named, ...(more > 0 ? [`And ${more} more.`] : [])].join(" ");
      }
      return issue.input === undefined ? undefined : "Expected a JSON object.";
    },
  });
}

const plain = (word: string): string => word.toLowerCase().replace(/[-_\s]/g, "");

/** Cutting a name short is one slip, however much of it is left out: `amount` means `amount_sats` before `account`. */
const slipsTo = (word: string, candidate: string): number =>
  word.length >= 3 && word !== candidate && candidate.startsWith(word) ? 1 : distance(word, candidate);

/** Names come from strangers and are shown to people: cut, and without control or invisible characters. */
const printable = (word: string): string =>
  word
    .slice(0, 64)
    .replace(/[^\x20-\x7e]/g, "?")
    .replace(/["\\]/g, "?");

/** Levenshtein's distance: the fewest letters added, dropped or changed that make `a` into `b`. */
function distance(a: string, b: string): number {
  // The far end of a long name cannot change whether it is within MAX_SLIPS.
  if (Math.abs(a.length - b.length) > MAX_SLIPS) return Infinity;
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const changed = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(changed, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[b.length]!;
}
