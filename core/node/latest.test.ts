import assert from "node:assert/strict";
import { test } from "node:test";
import { Latest } from "./latest.ts";

test("keeps as many entries as it may: those that were set last", () => {
  const latest = new Latest<string, number>(3);
  for (const [i, key] of ["a", "b", "c", "a", "d"].entries()) latest.set(key, i);
  assert.deepEqual(
    [...latest],
    [
      ["c", 2],
      ["a", 3],
      ["d", 4],
    ],
  );
  latest.delete("c");
  latest.set("e", 5).set("f", 6);
  assert.deepEqual([...latest.keys()], ["d", "e", "f"]);
});
