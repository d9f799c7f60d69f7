/** `conclave tx pending|approve|reject`: the real command against the real server, the node's answers chosen. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { ServiceError, type ApprovalPage } from "@conclave/api";
import { failureIn, resultIn, scene } from "./testing/command.ts";
import { PAYMENT, TOKEN } from "./testing/wire.ts";

describe("approval by hand on the command line", () => {
  test("pending lists what waits, where, and what the address book calls the recipient", async (t) => {
    const { here, node } = await scene(t);
    assert.equal((await here("tx", "pending")).stdout, "No payment waits for an approval.\n");
    const { txid } = await node.createTransaction({ body: PAYMENT, idempotencyKey: "1" });
    const { stdout, stderr, code } = await here("tx", "pending");
    assert.equal(code, 0, stderr);
    assert.match(stdout, new RegExp(`${txid} +50000 +rent \\(bcrt1\\w+\\) +this node +node-1, node-4 `));
    assert.equal((resultIn(await here("tx", "pending", "--json")) as ApprovalPage).items[0]?.fee_sats, 141);
  });

  test("approve sends the fee that was shown, or a higher one that was typed, and the reason", async (t) => {
    const { here, node } = await scene(t);
    const { txid } = await node.createTransaction({ body: PAYMENT, idempotencyKey: "1" });
    const approved = await here("tx", "approve", txid, "--reason", "invoice 7");
    assert.equal(approved.code, 0, approved.stderr);
    assert.match(
      approved.stdout,
      new RegExp(`^Approved by node-1, up to a fee of 141 sat; 1 of 4 votes needed are in\\.\n\nPayment +${txid}\n`),
    );
    assert.equal((await here("tx", "approve", txid, "--max-fee", "0.00001btc")).code, 0);
    for (const wrong of ["0", "-1", "many"]) {
      const { code, stderr } = await here("tx", "approve", txid, "--max-fee", wrong);
      assert.deepEqual([code, /--max-fee ".*" cannot be read: it is the highest fee/.test(stderr)], [2, true], stderr);
    }
    assert.deepEqual(node.decisions, [
      { txid, approved: true, reason: "invoice 7", max_fee_sats: 141 },
      { txid, approved: true, max_fee_sats: 1_000 },
    ]);
  });

  test("reject needs a reason, and sends it", async (t) => {
    const { here, node } = await scene(t);
    const { txid } = await node.createTransaction({ body: PAYMENT, idempotencyKey: "1" });
    for (const args of [[], ["--reason", " "], ["--reason", "x".repeat(401)]]) {
      const { code, stderr } = await here("tx", "reject", txid, ...args);
      assert.equal(code, 2, stderr);
      assert.match(stderr, /--reason/);
    }
    assert.deepEqual(node.decisions, []);
    const rejected = await here("tx", "reject", txid, "--reason", "never heard of them");
    assert.equal(rejected.code, 0, rejected.stderr);
    assert.match(rejected.stdout, /^Rejected by node-1; 1 of 4 votes needed are in\.\n/);
    assert.deepEqual(node.decisions, [{ txid, approved: false, reason: "never heard of them" }]);
  });

  test("says what a decision is refused for: too late is 3, unknown 1, not ready 6, no id 2", async (t) => {
    const { here, node } = await scene(t);
    const txid = "ab".repeat(32);
    for (const [problem, code] of [
      ["approval-refused", 3],
      ["max-fee-too-low", 3],
      ["transaction-not-found", 1],
      ["not-ready", 6],
    ] as const) {
      node.refusal = new ServiceError(problem, "The node's own words.");
      const refused = await here("tx", "approve", txid, "--json");
      assert.equal(refused.code, code);
      assert.deepEqual([failureIn(refused).problem, failureIn(refused).detail], [problem, "The node's own words."]);
    }
    assert.equal((await here("tx", "approve", "abc")).code, 2);
  });

  test("takes the first digits of an id, as logs print them, in every command that names a payment", async (t) => {
    const { here, node } = await scene(t);
    const { txid } = await node.createTransaction({ body: PAYMENT, idempotencyKey: "1" });
    const [short, upper] = [txid.slice(0, 8), txid.slice(0, 9).toUpperCase()];
    assert.match((await here("tx", "status", short)).stdout, new RegExp(`^Payment +${txid}\n`));
    const unasked = await here("tx", "approve", upper);
    assert.deepEqual([unasked.code, /nobody is asked, approve takes the whole id/.test(unasked.stderr)], [2, true]);
    assert.equal((await here("tx", "approve", txid)).code, 0);
    assert.equal((await here("tx", "reject", upper, "--reason", "no")).code, 0);
    assert.deepEqual(node.decisions, [
      { txid, approved: true, max_fee_sats: 141 },
      { txid, approved: false, reason: "no" },
    ]);
    node.payments.push({ ...node.payments[0]!, txid: `${short}${"0".repeat(56)}` });
    const ambiguous = await here("tx", "status", short, "--json");
    assert.deepEqual([ambiguous.code, failureIn(ambiguous).problem], [2, "txid-ambiguous"]);
    const unknown = await here("tx", "reject", "0123456789", "--reason", "no", "--json");
    assert.deepEqual([unknown.code, failureIn(unknown).problem], [1, "transaction-not-found"]);
    for (const wrong of ["0123456", "g".repeat(8), "a".repeat(65)]) {
      const { code, stderr } = await here("tx", "status", wrong);
      assert.deepEqual([code, /the first 8 or more/.test(stderr)], [2, true], stderr);
    }
  });

  test("status tells which nodes wait", async (t) => {
    const { here, node } = await scene(t);
    const { txid } = await node.createTransaction({ body: PAYMENT, idempotencyKey: "1" });
    node.payments[0] = { ...node.payments[0]!, waits_for: ["node-2", "node-4"] };
    assert.match((await here("tx", "status", txid)).stdout, /\nWaits for +approval on node-2, node-4\n/);
  });
});

describe("approval by hand over HTTP", () => {
  test("needs the token, and bodies that say what is needed", async (t) => {
    const { server, node } = await scene(t);
    const { txid } = await node.createTransaction({ body: PAYMENT, idempotencyKey: "1" });
    const post = (what: string, body: unknown, token = true): Promise<Response> =>
      fetch(`${server.url}/api/v1/transactions/${txid}/${what}`, {
        method: "POST",
        headers: { "content-type": "application/json", ...(token ? { authorization: `Bearer ${TOKEN}` } : {}) },
        body: JSON.stringify(body),
      });
    assert.equal((await post("approve", {}, false)).status, 401);
    assert.equal((await post("approve", { max_fee_sats: -1 })).status, 422);
    assert.equal((await post("approve", { fee: 1 })).status, 422);
    assert.equal((await post("reject", {})).status, 422);
    assert.equal((await post("reject", { reason: "é".repeat(201) })).status, 422);
    assert.deepEqual(node.decisions, []);
    assert.equal((await post("approve", {})).status, 200);
    assert.deepEqual(node.decisions, [{ txid, approved: true }]);
  });
});

describe("cluster evidence on the command line", () => {
  test("prints the file byte for byte, or writes it and overwrites nothing", async (t) => {
    const { here, node, folder } = await scene(t);
    const { file } = await node.clusterEvidence();
    assert.equal((await here("cluster", "evidence")).stdout, file);
    const out = join(folder, "evidence.json");
    const written = await here("cluster", "evidence", "--out", out);
    assert.equal(written.code, 0, written.stderr);
    assert.match(written.stdout, /^1 case written to .*conclave evidence verify /);
    assert.equal(readFileSync(out, "utf8"), file);
    const again = await here("cluster", "evidence", "--out", out);
    assert.equal(again.code, 2);
    assert.match(again.stderr, /Nothing is overwritten/);
  });
});
