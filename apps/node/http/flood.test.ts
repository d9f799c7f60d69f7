import assert from "node:assert/strict";
import { request } from "node:http";
import { connect, type Socket } from "node:net";
import { describe, test } from "node:test";
import { gzipSync } from "node:zlib";
import type { HttpServer } from "./index.ts";
import { ask, open, pay, PAYMENT, problemIn, raw, TOKEN } from "./testing/wire.ts";

/** Sends a body without end until the server stops it: its status, and how many bytes went out. */
function pourInto({ port }: HttpServer): Promise<{ readonly status: number; readonly bytes: number }> {
  return new Promise((resolve) => {
    const chunk = Buffer.alloc(64 * 1024, "a");
    let bytes = 0;
    let status = 0;
    const headers = {
      authorization: `Bearer ${TOKEN}`,
      "content-type": "application/json",
      "idempotency-key": "k",
    };
    const sent = request({
      host: "127.0.0.1",
      port,
      path: "/api/v1/transactions",
      method: "POST",
      headers,
      agent: false,
    });
    const pour = (): void => {
      while (!sent.destroyed && bytes < 100 * 1024 * 1024) {
        bytes += chunk.length;
        if (!sent.write(chunk)) return;
      }
    };
    sent.on("drain", pour);
    sent.on("response", (response) => {
      status = response.statusCode ?? 0;
      response.resume();
    });
    // Closing a connection that still sends resets it.
    sent.on("error", () => sent.destroy());
    sent.on("close", () => resolve({ status, bytes }));
    pour();
  });
}

describe("bodies (A08)", () => {
  test("of any size are cut at the limit and not kept", async (t) => {
    const { server } = await open(t);
    const before = process.memoryUsage().arrayBuffers;
    const { bytes } = await pourInto(server);
    assert.ok(bytes < 20 * 1024 * 1024, `${bytes} bytes were taken`);
    assert.ok(process.memoryUsage().arrayBuffers - before < 8 * 1024 * 1024);
    assert.equal((await pay(server)).status, 201);
  });

  test("of a refused caller are not read at all: the connection ends", async (t) => {
    const { server } = await open(t);
    const head = "POST /api/v1/transactions HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: keep-alive\r\n";
    const { text, ms } = await raw(server, `${head}Content-Length: 200000000\r\n\r\n${"a".repeat(1_000)}`);
    assert.match(text, /^HTTP\/1\.1 401 .*connection: close/is);
    assert.ok(ms < 5_000, `open for ${ms} ms`);
  });

  test("that say they are large are refused unread", async (t) => {
    const { server } = await open(t);
    const answer = await pay(server, { body: "x".repeat(64 * 1024 + 1) });
    assert.equal(answer.status, 413);
    assert.equal(answer.headers["connection"], "close");
    assert.match(problemIn(answer).type, /body-too-large$/);
  });

  test("that are deep, wide or not JSON are refused quickly", async (t) => {
    const { server, node } = await open(t);
    const deep = "[".repeat(10_000) + "]".repeat(10_000);
    const wide = `{${Array.from({ length: 5_000 }, (_, i) => `"k${i}":1`).join(",")}}`;
    const startMs = performance.now();
    assert.equal((await pay(server, { body: deep })).status, 422);
    const refused = await pay(server, { body: wide });
    assert.equal(refused.status, 422);
    assert.ok(refused.text.length < 4_096, `the answer has ${refused.text.length} bytes`);
    for (const body of ["", "{", "{'a':1}", "\u0000", "NaN"]) {
      const answer = await pay(server, { body });
      assert.equal(answer.status, 400, body);
      assert.match(problemIn(answer).type, /body-not-json$/);
    }
    assert.ok(performance.now() - startMs < 2_000);
    assert.equal(node.calls, 0);
  });

  test("that are compressed or of another type are refused", async (t) => {
    const { server } = await open(t);
    const bomb = await pay(server, {
      headers: { "content-encoding": "gzip" },
      body: gzipSync(Buffer.alloc(10_000_000)),
    });
    assert.equal(bomb.status, 415);
    for (const type of [
      "text/plain",
      "application/x-www-form-urlencoded",
      "multipart/form-data; boundary=x",
      "application/json5",
      [],
    ]) {
      const answer = await pay(server, { headers: { "content-type": type } });
      assert.equal(answer.status, 415, String(type));
      assert.match(problemIn(answer).detail, /application\/json/);
    }
    const empty = await ask(server, "/api/v1/transactions", {
      method: "POST",
      headers: { authorization: `Bearer ${TOKEN}` },
    });
    assert.equal(empty.status, 415);
    const charset = await pay(server, { headers: { "content-type": "application/json; charset=utf-8" } });
    assert.equal(charset.status, 201);
  });
});

describe("slow and idle connections (A09)", () => {
  const limits = { headersTimeoutMs: 300, requestTimeoutMs: 500, keepAliveTimeoutMs: 300, timeoutCheckMs: 50 };

  test("end at the deadline: no bytes, half a header, half a body, nothing after an answer", async (t) => {
    const { server } = await open(t, { limits });
    const half = JSON.stringify(PAYMENT).slice(0, 20);
    const head = `POST /api/v1/transactions HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${TOKEN}\r\nContent-Type: application/json\r\nIdempotency-Key: k\r\n`;
    const answers = await Promise.all([
      raw(server, ""),
      raw(server, "GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n"),
      raw(server, `${head}Content-Length: 500\r\n\r\n${half}`),
      raw(server, "GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: keep-alive\r\n\r\n"),
    ]);
    for (const { ms } of answers) assert.ok(ms < 3_000, `open for ${ms} ms`);
    assert.match(answers[3].text, /^HTTP\/1\.1 200 /);
    assert.match(answers[1].text, /^HTTP\/1\.1 408 .*"urn:conclave:problem:request-timeout"/s);
  });

  test("above the limit are closed at once, and those within it are served", async (t) => {
    const { server } = await open(t, { limits: { connections: 10 } });
    const sockets = Array.from({ length: 30 }, () => connect({ host: "127.0.0.1", port: server.port }));
    const closed = Promise.all(sockets.map(closing));
    let held = sockets.length;
    const startMs = performance.now();
    await new Promise<void>((resolve) => {
      for (const socket of sockets) socket.on("close", () => void (--held === 10 && resolve()));
    });
    assert.ok(performance.now() - startMs < 5_000, "before any deadline of theirs");
    for (const socket of sockets) socket.destroy();
    await closed;
    assert.equal((await ask(server, "/health")).status, 200);
  });

  test("do not keep the server from closing", async (t) => {
    const { server } = await open(t);
    const half = raw(server, "GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n");
    await ask(server, "/health");
    const startMs = performance.now();
    await server.close();
    await half;
    assert.ok(performance.now() - startMs < 3_000);
  });
});

const closing = (socket: Socket): Promise<void> =>
  new Promise((resolve) => {
    socket.on("error", () => socket.destroy()).on("close", () => resolve());
    socket.resume();
  });

describe("broken requests", () => {
  test("are answered with a problem on the bare connection", async (t) => {
    const { server } = await open(t);
    const noise = await raw(server, "hello\r\n\r\n");
    assert.match(noise.text, /^HTTP\/1\.1 400 .*application\/problem\+json.*request-malformed/s);
    const huge = await raw(server, `GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ${"y".repeat(20_000)}\r\n\r\n`);
    assert.match(huge.text, /^HTTP\/1\.1 431 .*headers-too-large/s);
    const smuggled =
      "POST /health HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    assert.match((await raw(server, smuggled)).text, /^HTTP\/1\.1 400 /);
  });
});

describe("too many requests (A10)", () => {
  test("are turned away with a time to come back, whatever address the caller claims", async (t) => {
    const { server } = await open(t, { limits: { readsPerMinute: 5 } });
    const statuses: number[] = [];
    for (let i = 0; i < 8; i++) {
      const headers = { "x-forwarded-for": `192.0.2.${i}`, forwarded: `for=192.0.2.${i}` };
      const answer = await ask(server, "/api/v1/wallet/balance", { headers });
      statuses.push(answer.status);
      if (answer.status !== 429) continue;
      assert.match(String(answer.headers["retry-after"]), /^\d+$/);
      assert.match(problemIn(answer).type, /too-many-requests$/);
    }
    assert.deepEqual(statuses, [200, 200, 200, 200, 200, 429, 429, 429]);
  });

  test("count guessed tokens and unknown paths too", async (t) => {
    const { server } = await open(t, { limits: { changesPerMinute: 3, readsPerMinute: 3 } });
    const guess = () => pay(server, { headers: { authorization: "Bearer guess-guess-guess-guess-guess-guess" } });
    const guesses = [await guess(), await guess(), await guess(), await guess()];
    assert.deepEqual(
      guesses.map(({ status }) => status),
      [401, 401, 401, 429],
    );
    const paths = await Promise.all(["/a", "/b", "/c", "/d"].map((path) => ask(server, path)));
    assert.equal(paths.filter(({ status }) => status === 404).length, 3);
    assert.equal(paths.filter(({ status }) => status === 429).length, 1);
  });
});

test("a node that cannot keep up says so, and still that it lives", async (t) => {
  // Any delay at all is too much here, and the loop below makes one.
  const { server } = await open(t, { limits: { eventLoopDelayMs: 0.000_001 } });
  const until = performance.now() + 5_000;
  let answer = await ask(server, "/api/v1/wallet/balance");
  while (answer.status === 200 && performance.now() < until) {
    const blockedMs = performance.now() + 50;
    while (performance.now() < blockedMs);
    await new Promise((resolve) => void setTimeout(resolve, 50));
    answer = await ask(server, "/api/v1/wallet/balance");
  }
  assert.equal(answer.status, 503);
  assert.equal(answer.headers["retry-after"], "5");
  assert.match(problemIn(answer).type, /overloaded$/);
  assert.equal((await ask(server, "/health")).status, 200);
});
