/** What became of each attempt at a payment, as the command shows it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { scene } from "./testing/command.ts";
import { PAYMENT } from "./testing/wire.ts";

test("a payment's failed attempts are shown, each with its reason", async (t) => {
  const { here, node } = await scene(t);
  const { txid } = await node.createTransaction({ body: PAYMENT, idempotencyKey: "1" });
  const told = ["attempt 0: this node stopped in the middle of it", "attempt 1: its coordinator did not ask"];
  node.payments[0] = { ...node.payments[0]!, failed_attempts: told };
  const { stdout, stderr, code } = await here("tx", "status", txid);
  assert.equal(code, 0, stderr);
  for (const reason of told) assert.match(stdout, new RegExp(`\nFailed +${reason}\n`));
});
