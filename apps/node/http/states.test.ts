import assert from "node:assert/strict";
import { test } from "node:test";
import { STATES as WIRE_STATES } from "@conclave/api";
import { STATES } from "@conclave/consensus";

test("the API names exactly the states of the consensus rules, in the same order", () => {
  const rules = Object.entries(STATES).map(([state, { document, final }]) => [state, { fsm: document, final }]);
  assert.deepEqual(Object.entries(WIRE_STATES), rules);
});
