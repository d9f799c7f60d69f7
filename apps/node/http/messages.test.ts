/** Messages, keys and edges over HTTP: what the server refuses before any node hears of it, and what it passes on. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createClient, MAX_MESSAGE_BYTES, type Message } from "@conclave/api";
import { ask, open, problemIn, TOKEN, type Answer } from "./testing/wire.ts";
import type { HttpServer } from "./index.ts";

const KEY = "5b".repeat(32);
const HEADERS = { authorization: `Bearer ${TOKEN}`, "content-type": "application/json", "idempotency-key": "m1" };

const post = (server: HttpServer, path: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer> =>
  ask(server, path, { method: "POST", headers: { ...HEADERS, ...headers }, body: JSON.stringify(body) });

const sign = (server: HttpServer, body: object): Promise<Answer> =>
  post(server, "/api/v1/messages", { key_id: KEY, ...body });

describe("a message", () => {
  test("is taken as text, bytes or digest, and can be read where the answer says", async (t) => {
    const { server, node } = await open(t);
    const kinds = [
      { message: "hello ü" },
      { message_hex: "00fF", hash: "keccak256" },
      { message: "" },
      { digest: "ab".repeat(32) },
    ];
    for (const body of kinds) assert.equal((await sign(server, body)).status, 201, JSON.stringify(body));
    assert.deepEqual(
      node.messages.map(({ body }) => body),
      kinds.map((body) => ({ key_id: KEY, ...body })),
    );
    const taken = await sign(server, { message: "hello" });
    const { id, state } = JSON.parse(taken.text) as Message;
    assert.equal(state, "voting");
    assert.equal(taken.headers["location"], `/api/v1/messages/${id}`);
    const read = JSON.parse((await ask(server, `/api/v1/messages/${id}`)).text) as Message;
    assert.deepEqual([read.state, read.recovery_id, read.signers], ["signed", 1, [1, 2, 3, 4]]);
  });

  test("that says nothing, too much or something else is refused with the reason", async (t) => {
    const { server, node } = await open(t);
    const cases: readonly (readonly [body: object, detail: RegExp])[] = [
      [{}, /exactly one of message \(text\), message_hex \(bytes\) and digest/],
      [{ message: "a", message_hex: "61" }, /exactly one of/],
      [{ message: "a", digest: "ab".repeat(32) }, /exactly one of/],
      [{ digest: "ab".repeat(32), hash: "sha256" }, /a digest is signed as it is/],
      [{ digest: "ab".repeat(31) }, /32 bytes, 64 hexadecimal digits/],
      [{ message_hex: "abc" }, /pairs of hexadecimal digits/],
      [{ message_hex: "xy" }, /pairs of hexadecimal digits/],
      [{ message: "a\ud800" }, /well-formed UTF-8/],
      [{ message: 7 }, /message must be text/],
      [{ message: "a", hash: "md5" }, /hash must be sha256, sha256d, keccak256/],
      [{ message: "a", hash: ["sha256"] }, /hash must be/],
      [{ message: "a", key_id: "5b" }, /a key id is 64 lower-case hexadecimal digits/],
      [{ message: "a", keyId: KEY }, /"keyId": did you mean "key_id"/],
      [{ messages: "a" }, /"messages": did you mean "message"/],
    ];
    for (const [body, detail] of cases) {
      const answer = await sign(server, body);
      assert.equal(answer.status, 422, JSON.stringify(body));
      assert.match(problemIn(answer).detail, detail);
    }
    const missing = await ask(server, "/api/v1/messages/7");
    assert.deepEqual([missing.status, /as the node returned it/.test(problemIn(missing).detail)], [400, true]);
    assert.equal(node.calls, 0);
  });

  test("of 64 KiB fits, though payments have shorter bodies; one byte more does not, nor a body without end", async (t) => {
    const { server, node } = await open(t);
    const fits = await sign(server, { message_hex: "7f".repeat(MAX_MESSAGE_BYTES) });
    assert.equal(fits.status, 201);
    assert.equal(node.messages[0]?.message.message_bytes, MAX_MESSAGE_BYTES);
    for (const body of [
      { message_hex: "7f".repeat(MAX_MESSAGE_BYTES + 1) },
      { message: "ü".repeat(MAX_MESSAGE_BYTES / 2 + 1) },
    ]) {
      const answer = await sign(server, body);
      assert.equal(answer.status, 422);
      assert.match(problemIn(answer).detail, /at most 65536 bytes: sign a text that names its hash/);
    }
    assert.equal((await sign(server, { message_hex: "7f".repeat(3 * MAX_MESSAGE_BYTES) })).status, 413);
    const payment = await post(server, "/api/v1/transactions", { recipient: "q".repeat(100_000), amount_sats: 1 });
    assert.equal(payment.status, 413);
    assert.equal(node.calls, 1);
  });

  test("a key and a new edge need the token", async (t) => {
    const { server, node } = await open(t);
    for (const [path, body] of [
      ["/api/v1/messages", { key_id: KEY, message: "a" }],
      ["/api/v1/keys", { name: "notary" }],
      ["/api/v1/cluster/rekey", { key: KEY, a: 1, b: 2 }],
    ] as const) {
      const answer = await post(server, path, body, { authorization: "Bearer nobody" });
      assert.deepEqual([answer.status, problemIn(answer).title], [401, "The API token is missing or wrong"], path);
    }
    assert.equal(node.calls, 0);
  });
});

describe("keys and edges", () => {
  test("a key's name is checked, and a rekey's ends", async (t) => {
    const { server, node } = await open(t);
    for (const name of ["", "Notary", "a b", "-a", "x".repeat(33), 7, "../x"]) {
      const answer = await post(server, "/api/v1/keys", { name });
      assert.equal(answer.status, 422, String(name));
      assert.match(problemIn(answer).detail, /1 to 32 lower-case letters, digits/);
    }
    for (const body of [
      { key: KEY, a: 0, b: 1 },
      { key: KEY, a: 1 },
      { key: KEY, a: 1, b: 33 },
      { key: "5b", a: 1, b: 2 },
    ])
      assert.equal((await post(server, "/api/v1/cluster/rekey", body)).status, 422, JSON.stringify(body));
    assert.equal(node.calls, 0);
  });

  test("presignatures are counted from 1 to 20, and a key is named by its whole id", async (t) => {
    const { server, node } = await open(t);
    for (const count of [0, 21, 1.5, "2", null]) {
      const answer = await post(server, `/api/v1/keys/${KEY}/presignatures`, { count });
      assert.equal(answer.status, 422, String(count));
      assert.match(problemIn(answer).detail, /whole number from 1 to 20/);
    }
    assert.equal((await post(server, `/api/v1/keys/${KEY}/presignatures`, {})).status, 422);
    assert.equal((await post(server, "/api/v1/keys/5b5b5b5b/presignatures", { count: 1 })).status, 400);
    const stranger = { headers: { ...HEADERS, authorization: "" }, body: JSON.stringify({ count: 1 }) };
    assert.equal((await ask(server, `/api/v1/keys/${KEY}/presignatures`, { method: "POST", ...stranger })).status, 401);
    assert.equal(node.calls, 0);
  });

  test("the typed client and the server agree on them", async (t) => {
    const { server, node } = await open(t);
    const client = createClient({ baseUrl: server.url, fetch, token: TOKEN });
    assert.equal((await client.createKey({ body: { name: "notary" } })).state, "making");
    const { items } = await client.keys();
    assert.deepEqual(
      items.map(({ name, account, edges }) => [name, account, edges]),
      [
        [null, "taproot", false],
        [null, "segwit", true],
        ["notary", null, true],
      ],
    );
    assert.equal((await client.presign({ id: items[2]!.id, body: { count: 20 } })).count, 20);
    assert.equal((await client.keys()).items[2]?.presignatures, 20);
    assert.deepEqual((await client.rekey({ body: { key: KEY, a: 2, b: 4 } })).between, [2, 4]);
    node.deadEdges = [{ key_id: KEY, between: [2, 4], reason: "a check failed", rekeying: true }];
    assert.deepEqual((await client.clusterStatus()).dead_edges, node.deadEdges);
    assert.equal((await client.address({ account: "segwit" })).kind, "p2wpkh");
    const { accounts, confirmed_sats: all } = await client.balance();
    assert.equal(
      accounts.reduce((sum, { confirmed_sats: one }) => sum + one, 0),
      all,
    );
    const wrong = await ask(server, "/api/v1/wallet/address?account=legacy");
    assert.deepEqual([wrong.status, problemIn(wrong).detail], [400, "account must be taproot or segwit."]);
  });
});
