/** Depth-first search for a subset of numbers whose sum falls into a window (Murch 2016, §4.4). */

/** Steps after which the search gives up: a wallet of thousands of coins must not hold up a vote. */
const MAX_STEPS = 20_000;

/**
 * Calls `found` with the indices of every subset of `values` (positive, descending) that sums to `target`…`upper` and has at
 * most `maxCount` members, as far as the search gets; the larger values first. Subsets that differ only in which of
 * several equal values they hold are reported once.
 */
export function branchAndBound(search: {
  readonly values: readonly bigint[];
  readonly target: bigint;
  readonly upper: bigint;
  readonly maxCount: number;
  readonly found: (indices: readonly number[]) => void;
}): void {
  const { values, target, upper, maxCount, found } = search;
  const suffixSums = sumsFromEnd(values);
  const chosen: number[] = [];
  let sum = 0n;
  let next = 0;
  for (let step = 0; step < MAX_STEPS; step++) {
    const hit = sum >= target && sum <= upper;
    if (hit) found(chosen);
    const hopeless =
      sum > upper || sum + suffixSums[next]! < target || chosen.length >= maxCount || next >= values.length;
    if (!hit && !hopeless) {
      chosen.push(next);
      sum += values[next]!;
      next += 1;
      continue;
    }
    const last = chosen.pop();
    if (last === undefined) return;
    sum -= values[last]!;
    next = last + 1;
    // Omitting this value and taking an equal one instead would repeat what was just searched.
    while (next < values.length && values[next] === values[last]) next += 1;
  }
}

function sumsFromEnd(values: readonly bigint[]): readonly bigint[] {
  const sums = [0n];
  for (const value of values.toReversed()) sums.push(sums.at(-1)! + value);
  return sums.toReversed();
}
