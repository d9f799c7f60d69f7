/** `conclave cluster acknowledge`: the real command against the real server, the node's answers chosen. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ServiceError } from "@conclave/api";
import { failureIn, resultIn, scene } from "./testing/command.ts";

const TXID = "ab".repeat(32);

test("a spend that was looked at is named with its reason, and nothing is sent without one", async (t) => {
  const { here, node } = await scene(t);
  for (const args of [[], ["--reason", " "], ["--reason", "x".repeat(501)]])
    assert.equal((await here("cluster", "acknowledge", TXID, ...args)).code, 2);
  assert.equal((await here("cluster", "acknowledge", "nonsense", "--reason", "mine")).code, 2);
  assert.deepEqual(node.acknowledged, []);

  const told = await here("cluster", "acknowledge", TXID, "--reason", "swept by hand");
  assert.equal(told.code, 0, told.stderr);
  assert.match(told.stdout, /is acknowledged on this node\. Every other node asks its own operator/);
  const { frozen } = resultIn(await here("cluster", "acknowledge", TXID, "--reason", "again", "--json")) as {
    readonly frozen: readonly string[];
  };
  assert.deepEqual(frozen, []);
  assert.deepEqual(node.acknowledged, [
    { txid: TXID, reason: "swept by hand" },
    { txid: TXID, reason: "again" },
  ]);
});

test("what freezes nothing is said to, and the command ends with 2", async (t) => {
  const { here, node } = await scene(t);
  node.refusal = new ServiceError("not-frozen", "no account of this node is frozen for it");
  const refused = await here("cluster", "acknowledge", TXID, "--reason", "mine", "--json");
  assert.equal(refused.code, 2);
  assert.deepEqual(
    [failureIn(refused).problem, failureIn(refused).detail],
    ["not-frozen", "no account of this node is frozen for it"],
  );
});
