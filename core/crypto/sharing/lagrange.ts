import { assert } from "@conclave/bytes";
import type { Group } from "../groups/group.ts";
import { invert, mod } from "../groups/scalar.ts";

/**
 * λ_i: the weight of party `self`'s share when the shares at `points` are interpolated at zero (RFC 9591 §4.2).
 * `points` are distinct x-coordinates ≥ 1 and contain `self`.
 */
export function coefficientAtZero(group: Group, points: readonly number[], self: number): bigint {
  assert(
    new Set(points).size === points.length && points.every((x) => Number.isSafeInteger(x) && x >= 1),
    "x-coordinates are distinct and at least 1",
  );
  assert(points.includes(self), "a party interpolates over a set that it belongs to");
  let numerator = 1n;
  let denominator = 1n;
  for (const x of points) {
    if (x === self) continue;
    numerator = mod(numerator * BigInt(x), group.order);
    denominator = mod(denominator * BigInt(x - self), group.order);
  }
  return mod(numerator * invert(denominator, group.order), group.order);
}
