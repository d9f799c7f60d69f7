import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ApiProblem, createClient, ServiceError, type Transaction } from "@conclave/api";
import { PortUnavailable } from "./index.ts";
import { FakeNode } from "./testing/fake-node.ts";
import { ask, open, pay, PAYMENT, problemIn, TOKEN } from "./testing/wire.ts";
import { startHttp } from "./server.ts";

const payWith = (fields: object) => ({ body: JSON.stringify({ ...PAYMENT, ...fields }) });

describe("a payment", () => {
  test("is taken with document 004's body and can be read where the answer says", async (t) => {
    const { server } = await open(t);
    const taken = await pay(server);
    assert.equal(taken.status, 201);
    const { txid, recipient, amount_sats } = JSON.parse(taken.text) as Transaction;
    assert.deepEqual({ recipient, amount_sats }, PAYMENT);
    assert.equal(taken.headers["location"], `/api/v1/transactions/${txid}`);
    const read = await ask(server, `/api/v1/transactions/${txid}`);
    assert.equal((JSON.parse(read.text) as Transaction).txid, txid);
  });

  test("with fields that only an answer has, or that nobody knows, is refused (A04)", async (t) => {
    const { server, node } = await open(t);
    for (const field of ["state", "approved_by", "fee_override", "txid", "constructor"]) {
      const answer = await pay(server, payWith({ [field]: "x" }));
      assert.equal(answer.status, 422, field);
      assert.match(problemIn(answer).detail, new RegExp(`Unknown field "${field}"`));
    }
    const slip = problemIn(await pay(server, payWith({ fee_rat: 2 })));
    assert.match(slip.detail, /did you mean "fee_rate"\?/);
    assert.equal(node.calls, 0);
  });

  test("names each wrong field", async (t) => {
    const { server } = await open(t);
    const answer = await pay(server, payWith({ amount_sats: "50000", recipient: 7 }));
    assert.equal(answer.status, 422);
    const { errors, type, title } = problemIn(answer);
    assert.equal(type, "urn:conclave:problem:request-invalid");
    assert.equal(title, "The request does not say what is needed");
    assert.deepEqual(
      errors?.map(({ pointer }) => pointer),
      ["/recipient", "/amount_sats"],
    );
  });

  test("that would change prototypes is refused", async (t) => {
    const { server } = await open(t);
    const answer = await pay(server, { body: `{"__proto__":{"amount_sats":1},${JSON.stringify(PAYMENT).slice(1)}` });
    assert.equal(answer.status, 400);
    assert.match(problemIn(answer).type, /body-not-json$/);
  });

  test("without an Idempotency-Key every request stands for itself, as in document 004", async (t) => {
    const { server, node } = await open(t);
    const plain = { headers: { "idempotency-key": [] } };
    const [first, second] = [await pay(server, plain), await pay(server, plain)];
    assert.deepEqual([first.status, second.status], [201, 201]);
    assert.equal(node.payments.length, 2);
  });

  test("with a broken Idempotency-Key is refused, and says what one is", async (t) => {
    const { server, node } = await open(t);
    for (const key of ["", "a b", "x".repeat(65), "schlüssel", ["one", "two"]]) {
      const answer = await pay(server, {
        headers: { "idempotency-key": typeof key === "string" ? encodeURI(key).replaceAll("%20", " ") : key },
      });
      assert.equal(answer.status, 400, String(key));
      assert.match(problemIn(answer).detail, /Idempotency-Key.*UUID/);
    }
    assert.equal(node.calls, 0);
  });

  test("sent again is one payment; with another body it is refused (A06)", async (t) => {
    const { server, node } = await open(t);
    const [first, again] = [await pay(server), await pay(server)];
    assert.deepEqual([again.status, again.text], [first.status, first.text]);
    const other = await pay(server, payWith({ amount_sats: 50_001 }));
    assert.equal(other.status, 422);
    assert.match(problemIn(other).type, /idempotency-key-reused$/);
    assert.equal(node.payments.length, 1);
  });

  test("sent 1,000 times at once is one payment (A07)", async (t) => {
    const { server, node } = await open(t, { limits: { changesPerMinute: 2_000, connections: 2_000 } });
    const answers = await Promise.all(Array.from({ length: 1_000 }, () => pay(server)));
    assert.deepEqual([...new Set(answers.map(({ status }) => status))], [201]);
    assert.equal(new Set(answers.map(({ text }) => text)).size, 1);
    assert.equal(node.payments.length, 1);
  });

  test("keeps a note as it was written, and never as a header (A16)", async (t) => {
    const { server } = await open(t);
    const metadata = "=cmd()\r\nSet-Cookie: a=b\u202e'; DROP TABLE";
    const answer = await pay(server, payWith({ metadata }));
    assert.equal((JSON.parse(answer.text) as Transaction).metadata, metadata);
    assert.equal(answer.headers["set-cookie"], undefined);
  });
});

describe("reading", () => {
  test("an unknown payment and somebody else's look the same (A03)", async (t) => {
    const { server } = await open(t);
    const answers = await Promise.all(
      ["00", "ff"].map((byte) => ask(server, `/api/v1/transactions/${byte.repeat(32)}`)),
    );
    const bodies = answers.map((answer) => JSON.stringify({ ...problemIn(answer), trace_id: "" }));
    assert.equal(new Set(bodies).size, 1);
    assert.deepEqual([...new Set(answers.map(({ status }) => status))], [404]);
  });

  test("refuses an id that is none", async (t) => {
    const { server } = await open(t);
    for (const id of ["1", "AB".repeat(32), "ab".repeat(33), "..%2f..%2fetc", "%00"]) {
      const answer = await ask(server, `/api/v1/transactions/${id}`);
      assert.equal(answer.status, 400, id);
    }
  });

  test("pages through a list until its end", async (t) => {
    const { server } = await open(t);
    for (const key of ["a", "b", "c", "d", "e"]) await pay(server, { headers: { "idempotency-key": key } });
    const client = createClient({ baseUrl: server.url, fetch });
    const seen: string[] = [];
    let cursor: string | null | undefined;
    do {
      const page = await client.transactions({ limit: 2, ...(cursor ? { cursor } : {}) });
      seen.push(...page.items.map(({ txid }) => txid));
      cursor = page.next_cursor;
    } while (cursor !== null);
    assert.equal(new Set(seen).size, 5);
  });

  test("refuses a tampered cursor, a huge page and an invented parameter (A15)", async (t) => {
    const { server } = await open(t);
    for (const query of [
      "cursor=after-1'--",
      "cursor=tampered",
      "limit=1000000000",
      "limit=0",
      "limit=1&limit=2",
      "sort=amount",
      "state=paid",
    ]) {
      const answer = await ask(server, `/api/v1/transactions?${query}`);
      assert.equal(answer.status, 400, query);
      assert.ok(problemIn(answer).detail.length > 10);
    }
    assert.equal((await ask(server, "/api/v1/wallet/balance?x=1")).status, 400);
  });
});

describe("our own mistakes (A17)", () => {
  test("show a trace id and nothing else; the log has the rest under it", async (t) => {
    const { server, node, log } = await open(t);
    node.failure = new Error("select * from shares: /var/lib/secret postgres://u:p@db");
    const answer = await ask(server, "/api/v1/wallet/balance");
    const problem = problemIn(answer);
    assert.equal(answer.status, 500);
    assert.doesNotMatch(answer.text, /select|secret|postgres|\.ts|\bat /);
    assert.deepEqual(Object.keys(problem).sort(), ["detail", "status", "title", "trace_id", "type"]);
    assert.equal(problem.trace_id, answer.headers["trace-id"]);
    assert.partialDeepStrictEqual(log.error, [{ fields: { err: node.failure, trace_id: problem.trace_id } }]);
  });

  test("an answer that breaks its schema is a mistake, not an answer", async (t) => {
    const { server, node } = await open(t);
    node.slip = { height: "121" };
    const answer = await ask(server, "/api/v1/wallet/balance");
    assert.equal(answer.status, 500);
    assert.doesNotMatch(answer.text, /121|height/);
  });

  test("a field that slipped into an answer stays here", async (t) => {
    const { server, node } = await open(t);
    node.slip = { share: "5ec4e7", toJSON: undefined };
    for (const path of ["/health", "/api/v1/wallet/balance", "/api/v1/cluster/nodes", "/api/v1/transactions"]) {
      const answer = await ask(server, path);
      assert.equal(answer.status, 200);
      assert.doesNotMatch(answer.text, /5ec4e7/);
    }
    assert.doesNotMatch((await pay(server)).text, /5ec4e7/);
  });

  test("neither token nor body is logged", async (t) => {
    const { server, log } = await open(t);
    await pay(server, payWith({ metadata: "private note" }));
    await ask(server, "/api/v1/transactions?state=voting&token=abc");
    const lines = JSON.stringify(log);
    assert.doesNotMatch(lines, new RegExp(`${TOKEN}|private note|abc`));
    assert.partialDeepStrictEqual(log.info[0]?.fields, { method: "POST", route: "/api/v1/transactions", status: 201 });
  });
});

test("a node that is not ready says what is missing, and when to ask again", async (t) => {
  const { server, node, log } = await open(t);
  assert.equal((await ask(server, "/ready")).status, 200);
  node.failure = new ServiceError("not-ready", "3 of 5 nodes answer; 4 are needed.", { retryAfterSeconds: 2 });
  const answer = await ask(server, "/ready");
  assert.equal(answer.status, 503);
  assert.equal(answer.headers["retry-after"], "2");
  assert.equal(problemIn(answer).detail, "3 of 5 nodes answer; 4 are needed.");
  assert.deepEqual(log.error, []);
});

describe("addresses", () => {
  test("that do not exist are 404, and a wrong method is 405 with those that work", async (t) => {
    const { server } = await open(t);
    const missing = await ask(server, "/api/v2/x");
    assert.equal(missing.status, 404);
    assert.match(problemIn(missing).detail, /\/openapi\.json/);
    const wrong = await ask(server, "/api/v1/transactions?x=1", { method: "DELETE" });
    assert.equal(wrong.status, 405);
    assert.equal(wrong.headers["allow"], "POST, GET");
    assert.equal((await ask(server, "/api/v1/wallet/balance", { method: "POST" })).headers["allow"], "GET");
  });

  test("that cannot be read are 400", async (t) => {
    const { server } = await open(t);
    const answer = await ask(server, "/%zz");
    assert.equal(answer.status, 400);
    assert.match(problemIn(answer).type, /request-malformed$/);
  });

  test("/openapi.json describes the running node", async (t) => {
    const { server } = await open(t);
    const document = JSON.parse((await ask(server, "/openapi.json")).text) as {
      info: { version: string };
      servers: { url: string }[];
    };
    assert.equal(document.info.version, "0.1.0");
    assert.equal(document.servers[0]?.url, server.url);
  });
});

describe("the server", () => {
  test("names a port that is taken, and the way out", async (t) => {
    const { server } = await open(t);
    const log = { info: () => undefined, error: () => undefined };
    await assert.rejects(startHttp({ service: new FakeNode(), port: server.port, token: TOKEN, log }), (error) => {
      assert.ok(error instanceof PortUnavailable);
      assert.equal(error.port, server.port);
      assert.match(error.message, new RegExp(`Port ${server.port} .*--port-base`));
      return true;
    });
  });

  test("closes at once, though a client holds a connection open, and may be closed twice", async (t) => {
    const { server } = await open(t);
    await fetch(`${server.url}/health`);
    const startMs = performance.now();
    await server.close();
    await server.close();
    assert.ok(performance.now() - startMs < 1_000);
    await assert.rejects(fetch(`${server.url}/health`));
  });

  test("and the typed client agree on every route", async (t) => {
    const { server, node } = await open(t);
    const client = createClient({ baseUrl: server.url, fetch, token: TOKEN });
    const payment = await client.createTransaction({ idempotencyKey: "k", body: { ...PAYMENT, fee_rate: 2.5 } });
    node.life = ["confirmed"];
    assert.equal((await client.transaction({ txid: payment.txid })).fsm_state, "Confirmed");
    assert.equal((await client.transactions({ state: "pending" })).items.length, 1);
    assert.equal((await client.health()).status, "ok");
    assert.equal((await client.ready()).ready, true);
    assert.equal((await client.balance()).spendable_sats, 100_000_000);
    assert.equal((await client.address()).kind, "p2tr");
    assert.equal((await client.clusterStatus()).status, "ok");
    assert.equal((await client.clusterNodes()).items.length, 5);
    await assert.rejects(
      client.transaction({ txid: "00".repeat(32) }),
      (error) => error instanceof ApiProblem && error.problem === "transaction-not-found",
    );
  });
});
