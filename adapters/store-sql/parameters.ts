import { assert } from "@conclave/bytes";

/** What a column of ours can hold, in a form that every driver takes. */
export type ExactParameter = boolean | null | string | bigint | number | Uint8Array;

/** A parameter as it is. Throws `AssertionError` on a number that is not whole or not exact, and on anything else: a mistake of ours. */
export function exactParameter(value: unknown): ExactParameter {
  if (typeof value === "boolean" || value === null || typeof value === "string" || typeof value === "bigint")
    return value;
  if (value instanceof Uint8Array) return value;
  assert(typeof value === "number" && Number.isSafeInteger(value), `a ${typeof value} that no column holds exactly`);
  return value;
}
