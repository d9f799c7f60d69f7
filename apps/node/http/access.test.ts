import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { OPERATIONS, type Route, routeOf, ServiceError } from "@conclave/api";
import type { FastifyRequest } from "fastify";
import { hostGuard, tokenGuard } from "./guards.ts";
import { startHttp } from "./index.ts";
import type { HttpOptions } from "./options.ts";
import { FakeNode } from "./testing/fake-node.ts";
import { ask, open, pay, problemIn, TOKEN } from "./testing/wire.ts";

const BAD_TOKENS: readonly (readonly [what: string, header: string | undefined])[] = [
  ["none", undefined],
  ["empty", ""],
  ["no scheme", TOKEN],
  ["another scheme", `Basic ${TOKEN}`],
  ["empty token", "Bearer "],
  ["wrong", "Bearer wrong-token-wrong-token-wrong-token"],
  ["cut", `Bearer ${TOKEN.slice(0, -1)}`],
  ["longer", `Bearer ${TOKEN}x`],
  ["twice", `Bearer ${TOKEN} ${TOKEN}`],
  ["unsigned JWT", "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9."],
];

describe("the API token", () => {
  test("is needed to change anything, and every refusal looks the same (A01)", async (t) => {
    const { server, node } = await open(t);
    const bodies = new Set<string>();
    for (const [what, header] of BAD_TOKENS) {
      const headers = { authorization: header ?? [] };
      const answer = await pay(server, { headers });
      assert.equal(answer.status, 401, what);
      assert.equal(answer.headers["content-type"], "application/problem+json");
      assert.equal(answer.headers["www-authenticate"], 'Bearer realm="conclave"');
      bodies.add(JSON.stringify({ ...problemIn(answer), trace_id: "" }));
    }
    assert.equal(bodies.size, 1);
    assert.equal(node.calls, 0);
    assert.equal((await pay(server)).status, 201);
  });

  test("is asked for before the body is looked at", async (t) => {
    const { server } = await open(t);
    const answer = await pay(server, { headers: { authorization: [], "content-type": "text/plain" }, body: "{" });
    assert.equal(answer.status, 401);
  });

  test("if wrong, is refused for reading too; health never asks", async (t) => {
    const { server } = await open(t);
    const headers = { authorization: "Bearer wrong-token-wrong-token-wrong-token" };
    assert.equal((await ask(server, "/api/v1/wallet/balance", { headers })).status, 401);
    assert.equal((await ask(server, "/health", { headers })).status, 200);
  });

  test("revoked with a restart, it opens nothing", async (t) => {
    const { server } = await open(t, { token: "another-token-another-token-another" });
    assert.equal((await pay(server)).status, 401);
  });

  test("cannot be short, default or broken", async () => {
    const log = { info: () => undefined, error: () => undefined };
    for (const token of ["", "changeme", "x".repeat(31), "x".repeat(257), "has space has space has space has space"]) {
      await assert.rejects(startHttp({ service: new FakeNode(), port: 0, token, log }), RangeError);
    }
  });

  test("guards each route as the table says, on this machine (A02)", async (t) => {
    const { server } = await open(t);
    for (const operation of OPERATIONS) {
      const { method, path, access } = routeOf(operation);
      const answer = await ask(server, path.replace(":txid", "00".repeat(32)), { method });
      assert.equal(answer.status === 401, access === "change", operation);
    }
  });
});

/** As much of a request as the guards look at. */
const requestWith = (headers: Record<string, string>): FastifyRequest =>
  ({ headers, raw: { headers } }) as unknown as FastifyRequest;

const optionsFor = (options: Partial<HttpOptions>): HttpOptions => ({ token: TOKEN, ...options }) as HttpOptions;

const refusedWith = (name: ServiceError["problem"]) => (error: unknown) =>
  error instanceof ServiceError && error.problem === name;

test("off this machine, reading needs the token as well (A02)", () => {
  for (const host of ["0.0.0.0", "192.0.2.7", "node.example.org", "1270.0.0.1", "::"]) {
    const check = tokenGuard(optionsFor({ host }));
    const withAccess = (access: Route["access"]): Route => ({ ...routeOf("balance"), access });
    assert.throws(() => check(requestWith({}), withAccess("read")), refusedWith("unauthorized"), host);
    assert.throws(() => check(requestWith({}), withAccess("change")), refusedWith("unauthorized"), host);
    check(requestWith({ authorization: `Bearer ${TOKEN}` }), withAccess("read"));
    check(requestWith({}), withAccess("open"));
  }
});

describe("the Host header", () => {
  test("must be this machine's: a page whose name points here is refused (DNS rebinding)", async (t) => {
    const { server } = await open(t);
    for (const host of [
      "evil.example",
      "evil.example:8080",
      "127.0.0.1.evil.example",
      "localhost.evil.example",
      "127.0.0.1@evil",
    ]) {
      const answer = await ask(server, "/api/v1/wallet/balance", { headers: { host } });
      assert.equal(answer.status, 421, host);
      assert.match(problemIn(answer).type, /host-refused$/);
    }
    for (const host of ["127.0.0.1", "localhost:8080", "[::1]:8080", "LOCALHOST"]) {
      assert.equal((await ask(server, "/health", { headers: { host } })).status, 200, host);
    }
  });

  test("may be a name that the operator allows", async (t) => {
    const { server } = await open(t, { allowedHosts: ["Wallet.example.org"] });
    assert.equal((await ask(server, "/health", { headers: { host: "wallet.example.org:443" } })).status, 200);
  });

  test("missing or empty, is refused", () => {
    const check = hostGuard(optionsFor({}));
    for (const headers of [{}, { host: "" }, { host: ":80" }]) {
      assert.throws(() => check(requestWith(headers)), refusedWith("host-refused"));
    }
  });
});

describe("web pages of other origins (A12)", () => {
  test("get no permission: not from a foreign origin, not from null, not in a preflight", async (t) => {
    const { server } = await open(t);
    for (const origin of ["https://evil.example", "null", "http://127.0.0.1:8080"]) {
      const read = await ask(server, "/api/v1/wallet/balance", { headers: { origin } });
      const preflight = await ask(server, "/api/v1/transactions", {
        method: "OPTIONS",
        headers: { origin, "access-control-request-method": "POST" },
      });
      for (const { headers } of [read, preflight]) {
        assert.equal(headers["access-control-allow-origin"], undefined);
        assert.equal(headers["access-control-allow-credentials"], undefined);
      }
      assert.equal(preflight.status, 405);
    }
  });

  test("get it if listed, and only then", async (t) => {
    const { server } = await open(t, { allowedOrigins: ["https://wallet.example.org"] });
    const preflight = (origin: string) =>
      ask(server, "/api/v1/transactions", {
        method: "OPTIONS",
        headers: { origin, "access-control-request-method": "POST" },
      });
    const allowed = await preflight("https://wallet.example.org");
    assert.equal(allowed.headers["access-control-allow-origin"], "https://wallet.example.org");
    assert.equal(allowed.headers["access-control-allow-credentials"], undefined);
    for (const origin of ["https://evil.example", "https://wallet.example.org.evil.example", "null"]) {
      assert.equal((await preflight(origin)).headers["access-control-allow-origin"], undefined, origin);
    }
  });

  test("cannot frame or run anything of ours (A13)", async (t) => {
    const { server } = await open(t);
    const { headers } = await ask(server, "/health");
    assert.equal(headers["content-security-policy"], "default-src 'none';frame-ancestors 'none'");
    assert.equal(headers["x-content-type-options"], "nosniff");
    assert.equal(headers["cache-control"], "no-store");
  });
});
