import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  ApiAnswerInvalid,
  ApiProblem,
  ApiUnreachable,
  createClient,
  problemOf,
  ServiceError,
  type ClientOptions,
  type Fetch,
} from "./index.ts";

const txid = "ab".repeat(32);
const health = { status: "ok", node_id: 1, version: "0.1.0", uptime_seconds: 3 };

/** A network that remembers what was sent and always answers the same. */
function network(status: number, body: unknown): { readonly sent: Parameters<Fetch>[]; readonly fetch: Fetch } {
  const sent: Parameters<Fetch>[] = [];
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const fetch: Fetch = async (...request) => {
    sent.push(request);
    return { status, text: async () => text };
  };
  return { sent, fetch };
}

const connect = (fetch: Fetch, options: Partial<ClientOptions> = {}) =>
  createClient({ baseUrl: "http://127.0.0.1:8080/", fetch, ...options });

describe("a client", () => {
  test("sends a payment with token, key and body, and lets nobody redirect it", async () => {
    const { sent, fetch } = network(422, problemOf(new ServiceError("insufficient-funds", "Too little."), "t1"));
    const body = { recipient: "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080", amount_sats: 5 };
    await assert.rejects(connect(fetch, { token: "s3cret" }).createTransaction({ idempotencyKey: "k1", body }));
    const [url, request] = sent[0]!;
    assert.equal(url, "http://127.0.0.1:8080/api/v1/transactions");
    assert.deepEqual(JSON.parse(request.body ?? ""), body);
    assert.equal(request.headers["authorization"], "Bearer s3cret");
    assert.equal(request.headers["idempotency-key"], "k1");
    assert.equal(request.headers["content-type"], "application/json");
    assert.equal(request.redirect, "error");
  });

  test("fills path and query, and escapes both", async () => {
    const { sent, fetch } = network(200, { items: [], next_cursor: null });
    await connect(fetch).transactions({ limit: 5, cursor: "a&b=c" });
    await connect(fetch).transactions();
    assert.equal(sent[0]?.[0], "http://127.0.0.1:8080/api/v1/transactions?limit=5&cursor=a%26b%3Dc");
    assert.equal(sent[1]?.[0], "http://127.0.0.1:8080/api/v1/transactions");
    await assert.rejects(connect(fetch).transaction({ txid: "../health" }));
    assert.equal(sent[2]?.[0], "http://127.0.0.1:8080/api/v1/transactions/..%2Fhealth");
  });

  test("gives the typed answer and ignores fields of a newer node", async () => {
    const { fetch } = network(200, { ...health, mood: "good" });
    assert.deepEqual(await connect(fetch).health(), health);
  });

  test("throws the node's problem by its name", async () => {
    const { fetch } = network(404, problemOf(new ServiceError("transaction-not-found", "No such payment."), "t1"));
    await assert.rejects(connect(fetch).transaction({ txid }), (error) => {
      assert.ok(error instanceof ApiProblem);
      assert.equal(error.problem, "transaction-not-found");
      assert.equal(error.message, "No such payment.");
      assert.equal(error.body.trace_id, "t1");
      return true;
    });
  });

  test("passes on a problem that it does not know", async () => {
    const body = { type: "urn:conclave:problem:toString", title: "?", status: 418, detail: "Tea.", trace_id: "t" };
    await assert.rejects(connect(network(418, body).fetch).health(), (error) => {
      assert.ok(error instanceof ApiProblem);
      assert.equal(error.problem, undefined);
      return true;
    });
  });

  test("tells another program's answer from a node's", async () => {
    for (const [status, body] of [
      [200, "<html>"],
      [200, { hello: 1 }],
      [502, "bad gateway"],
      [301, ""],
    ] as const) {
      await assert.rejects(connect(network(status, body).fetch).health(), ApiAnswerInvalid);
    }
  });

  test("says who did not answer, and keeps the cause", async () => {
    const cause = new Error("connect ECONNREFUSED");
    const fetch: Fetch = () => Promise.reject(cause);
    await assert.rejects(connect(fetch).health(), (error) => {
      assert.ok(error instanceof ApiUnreachable);
      assert.equal(error.cause, cause);
      assert.equal(error.baseUrl, "http://127.0.0.1:8080");
      return true;
    });
  });

  test("refuses an endpoint that is no http address, or that carries a password", () => {
    const { fetch } = network(200, health);
    for (const baseUrl of ["localhost:8080", "ftp://x", "http://", "http://a?b", "http://user:pw@host", ""]) {
      assert.throws(() => createClient({ baseUrl, fetch }), TypeError, baseUrl);
    }
  });
});
