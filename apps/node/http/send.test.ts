/** `conclave send`, the real command, against the real server: every way a payment can end has its exit code. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { ServiceError, type Transaction } from "@conclave/api";
import { failureIn, resultIn, scene, SEND, type Ran } from "./testing/command.ts";
import { PAYMENT } from "./testing/wire.ts";

const paymentIn = (ran: Ran): Transaction => resultIn(ran) as Transaction;

describe("send", { concurrency: 2 }, () => {
  test("pays once, in satoshis or bitcoin, with fee rate and note", async (t) => {
    const { here, node } = await scene(t);
    const sent = await here(
      "send",
      "--to",
      PAYMENT.recipient,
      "--amount",
      "0.0005btc",
      "--fee-rate",
      "2.5",
      "--metadata",
      "rent",
      "--json",
    );
    assert.equal(sent.code, 0, sent.stderr);
    assert.partialDeepStrictEqual(paymentIn(sent), {
      amount_sats: 50_000,
      fee_rate: 2.5,
      metadata: "rent",
      recipient: PAYMENT.recipient,
    });
    assert.equal(node.calls, 1);
  });

  test("again with the same --idempotency-key is the same payment", async (t) => {
    const { here, node } = await scene(t);
    const args = [...SEND, "--idempotency-key", "rent-2026-01", "--json"];
    const [first, again] = [await here(...args), await here(...args)];
    assert.equal(paymentIn(again).txid, paymentIn(first).txid);
    assert.equal(node.payments.length, 1);
  });

  test("--wait ends with 0 once the payment is in the network, or confirmed", async (t) => {
    const { here, node } = await scene(t);
    node.life = ["voting", "signing", "broadcasting"];
    const sent = await here(...SEND, "--wait", "--json");
    assert.equal(sent.code, 0, sent.stderr);
    assert.equal(paymentIn(sent).state, "broadcasting");
    node.life = ["broadcasting", "confirmed"];
    const buried = await here(...SEND, "--wait", "confirmed");
    assert.equal(buried.code, 0, buried.stderr);
    assert.match(buried.stdout, /State +confirmed\n/);
  });

  for (const [state, code, words] of [
    ["rejected", 3, /nodes rejected the payment\. .*over the limit/],
    ["aborted_timeout", 4, /time ran out/],
    ["unresolved", 4, /may still be completed\..*do not pay again/],
    ["aborted_byzantine", 5, /contradicted themselves/],
    ["failed", 1, /is failed/],
  ] as const) {
    test(`--wait ends with ${code} when the payment is ${state}`, async (t) => {
      const { here, node } = await scene(t);
      node.life = [state];
      node.reason = "2 nodes: over the limit.";
      const sent = await here(...SEND, "--wait", "--json");
      assert.equal(sent.code, code);
      assert.equal(paymentIn(sent).state, state);
      assert.match(failureIn(sent).detail, words);
      assert.equal(failureIn(sent).exit_code, code);
    });
  }

  test("--wait goes on while the node cannot say how the payment stands", async (t) => {
    const { here, node } = await scene(t);
    node.life = ["voting"];
    const running = here(...SEND, "--wait", "--json");
    while (node.payments.length === 0) await sleep(20);
    node.failure = new ServiceError("not-ready", "Starting.");
    await sleep(1_200);
    node.failure = undefined;
    node.life = ["broadcasting"];
    const sent = await running;
    assert.equal(sent.code, 0, sent.stderr);
    assert.equal(paymentIn(sent).state, "broadcasting");
  });

  test("--wait ends with 4 when its time is up, and says that the payment goes on", async (t) => {
    const { here, node } = await scene(t);
    node.life = ["voting"];
    const sent = await here(...SEND, "--wait", "--wait-timeout", "1");
    assert.equal(sent.code, 4);
    assert.match(sent.stderr, /still voting after 1 s.*conclave tx status [0-9a-f]{64}.*do not pay again/);
  });

  for (const [problem, code] of [
    ["refused-by-policy", 3],
    ["recipient-invalid", 2],
    ["insufficient-funds", 1],
    ["not-ready", 6],
  ] as const) {
    test(`ends with ${code} when the node answers ${problem}, in the node's words`, async (t) => {
      const { here, node } = await scene(t);
      node.refusal = new ServiceError(problem, "The node's own words.");
      const sent = await here(...SEND);
      assert.deepEqual(sent, { code, stdout: "", stderr: "error: The node's own words.\n" });
    });
  }

  test("whose outcome is unknown tells how to ask again without paying twice", async (t) => {
    const { here, node } = await scene(t);
    node.failure = new Error("boom");
    const sent = await here(...SEND, "--idempotency-key", "k-7", "--json");
    assert.equal(sent.code, 1);
    assert.match(failureIn(sent).detail, /not known whether the payment was taken.*--idempotency-key k-7$/);
    assert.match(failureIn(sent).detail, /Trace id: [0-9a-f-]{36}/);
  });

  test("refuses what cannot be read, before it asks anybody", async (t) => {
    const { here, node } = await scene(t);
    const ambiguous = await here("send", "--to", PAYMENT.recipient, "--amount", "0.5", "--json");
    assert.equal(ambiguous.code, 2);
    assert.partialDeepStrictEqual(failureIn(ambiguous), { problem: "usage", exit_code: 2 });
    assert.equal((await here(...SEND, "--fee-rate", "0")).code, 2);
    assert.equal(node.calls, 0);
  });

  test("takes no secret on the command line, where every user of the machine could read it (A20)", async (t) => {
    const { here, node } = await scene(t);
    for (const option of ["--password", "--token"]) {
      const sent = await here(...SEND, option, "hunter2");
      assert.equal(sent.code, 2);
      assert.match(sent.stderr, /unknown option/);
    }
    assert.equal(node.calls, 0);
  });
});
