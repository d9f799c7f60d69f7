/** What operators ask: who may, which forms come back, and what a client's trace is answered with. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { OperatorView } from "./index.ts";
import { ask, open, pay, problemIn, TOKEN } from "./testing/wire.ts";

/** A view that remembers what it was told. */
class View implements OperatorView {
  readonly told: string[] = [];
  metrics(): ReturnType<OperatorView["metrics"]> {
    return Promise.resolve({ contentType: "text/plain; version=0.0.4; charset=utf-8", text: "mpc_ready 1\n" });
  }
  version(): object {
    return { version: "0.1.0", commit: null, node: "v24" };
  }
  async *audit(): AsyncGenerator<string> {
    yield* ["first", "second"];
  }
  trace(id: string): object | null {
    return id.startsWith("ab") ? { trace: id, spans: [] } : null;
  }
  asked(request: string, { traceparent }: { readonly traceparent: string | null }): string {
    this.told.push(`asked ${traceparent}`);
    return `00-${request.slice(0, 32)}-${request.slice(32, 48)}-01`;
  }
  answered(route: string, status: number): void {
    this.told.push(`answered ${route} ${status}`);
  }
}

const bearer = { authorization: `Bearer ${TOKEN}` };
const READS = ["/metrics", "/api/v1/audit", `/api/v1/debug/traces/${"ab".repeat(16)}`];

describe("figures and traces", () => {
  test("are open to this machine", async (t) => {
    const { server } = await open(t, { operator: new View() });
    const { status, text, headers } = await ask(server, "/metrics");
    assert.deepEqual([status, text], [200, "mpc_ready 1\n"]);
    assert.match(String(headers["content-type"]), /^text\/plain; version=0\.0\.4/);
    assert.equal((await ask(server, READS[2]!)).status, 200);
  });

  test("the audit log comes line by line", async (t) => {
    const { server } = await open(t, { operator: new View() });
    const { status, text, headers } = await ask(server, "/api/v1/audit");
    assert.deepEqual([status, text, headers["content-type"]], [200, "first\nsecond\n", "application/x-ndjson"]);
  });

  test("need the token elsewhere, like every other read", async (t) => {
    const { server } = await open(t, { operator: new View(), host: "0.0.0.0" });
    for (const path of READS) {
      assert.equal((await ask(server, path)).status, 401, path);
      assert.equal((await ask(server, path, { headers: { authorization: "Bearer wrong" } })).status, 401, path);
      assert.equal((await ask(server, path, { headers: bearer })).status, 200, path);
    }
    for (const path of ["/version", "/healthz", "/health"]) assert.equal((await ask(server, path)).status, 200, path);
  });

  test("take no other method, and a trace's name is a request's id or half of one", async (t) => {
    const { server } = await open(t, { operator: new View() });
    const refused = await ask(server, "/metrics", { method: "POST", headers: bearer });
    assert.deepEqual([refused.status, refused.headers["allow"]], [405, "GET"]);
    for (const id of ["ab", "zz".repeat(16), "cd".repeat(16), "ab".repeat(17), encodeURIComponent("../../x")])
      assert.equal((await ask(server, `/api/v1/debug/traces/${id}`)).status, 404, id);
  });

  test("a node that shows none has none", async (t) => {
    const { server } = await open(t);
    assert.equal((await ask(server, "/metrics")).status, 404);
  });
});

test("a request's trace is answered with, and what the client sent is handed on as it came", async (t) => {
  const operator = new View();
  const { server } = await open(t, { operator });
  const sent = `00-${"1f".repeat(16)}-${"2e".repeat(8)}-01`;
  const { headers, text } = await pay(server, { headers: { traceparent: sent } });
  const { txid } = JSON.parse(text) as { txid: string };
  assert.equal(headers["traceparent"], `00-${txid.slice(0, 32)}-${txid.slice(32, 48)}-01`);
  await pay(server, { headers: { "idempotency-key": "other" } });
  assert.deepEqual(
    operator.told.filter((line) => line.startsWith("asked")),
    [`asked ${sent}`, "asked null"],
  );
  const refused = await pay(server, { body: "{}" });
  assert.equal(refused.headers["traceparent"], undefined);
  assert.equal(problemIn(refused).status, 422);
});

test("answers are told by their route, never by what was asked for", async (t) => {
  const operator = new View();
  const { server } = await open(t, { operator });
  await ask(server, "/health");
  await ask(server, "/wp-login.php?x=1");
  await ask(server, `/api/v1/transactions/${"ab".repeat(32)}`);
  assert.deepEqual(operator.told, [
    "answered /health 200",
    "answered none 404",
    "answered /api/v1/transactions/:txid 404",
  ]);
});
