/** Addresses that hold nothing rest longer and longer; whatever may hold coins is asked about at once. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { AddressRest } from "./address-rest.ts";

const ADDRESS = "1/7";

/** How often an address that stays empty is asked about, if somebody wants to know every `stepMs`. */
function questions(rest: AddressRest, { forMs, stepMs }: { forMs: number; stepMs: number }): readonly number[] {
  const askedMs: number[] = [];
  for (let nowMs = 0; nowMs <= forMs; nowMs += stepMs) {
    if (!rest.isDue(ADDRESS, nowMs)) continue;
    askedMs.push(nowMs);
    rest.answered(ADDRESS, false, nowMs);
  }
  return askedMs;
}

test("an address nobody asked about, or one that holds coins, is due at any time", () => {
  const rest = new AddressRest();
  assert.ok(rest.isDue(ADDRESS, 0));
  rest.answered(ADDRESS, true, 0);
  assert.ok(rest.isDue(ADDRESS, 0));
});

test("a coin is seen after half as long again as it was awaited, ten minutes late at most", () => {
  const askedMs = questions(new AddressRest(), { forMs: 3_600_000, stepMs: 500 });
  askedMs.slice(1).forEach((nowMs, i) => {
    const before = askedMs[i]!;
    assert.ok(nowMs - before <= Math.min(before / 2, 600_000) + 500, `${before} ms, then ${nowMs} ms`);
  });
  assert.ok(askedMs.length < 30, `${askedMs.length} questions in an hour`);
});

test("an empty address whose coin is on its way is due again, and one that held coins starts anew", () => {
  const rest = new AddressRest();
  questions(rest, { forMs: 3_600_000, stepMs: 1_000 });
  assert.ok(!rest.isDue(ADDRESS, 3_600_000));
  rest.wake(ADDRESS);
  assert.ok(rest.isDue(ADDRESS, 3_600_000));
  rest.answered(ADDRESS, true, 3_600_000);
  rest.answered(ADDRESS, false, 3_601_000);
  assert.ok(rest.isDue(ADDRESS, 3_601_000), "it is empty for a moment only");
});
