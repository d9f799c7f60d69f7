import assert from "node:assert/strict";
import { once } from "node:events";
import { after, before, describe, test } from "node:test";
import { toHex } from "@conclave/bytes";
import { FLAG_MAILBOX, MAX_MESSAGE_BYTES } from "@conclave/relay";
import { idOf, questionFor } from "@conclave/relay/testing";
import { WebSocket } from "ws";
import type { Relay } from "./index.ts";
import { letter, metric, post, startAnywhere, TestClient, until } from "./testing/client.ts";

describe("the socket of a relay", () => {
  let relay: Relay;
  before(async () => {
    relay = await startAnywhere();
  });
  after(() => relay.close());

  test("hands a message to those who asked before it was there, and after", async () => {
    const [author, early, late] = await Promise.all([1, 2, 3].map(() => TestClient.open(relay.url)));
    const message = letter({ tag: 1 });
    early!.send(questionFor(message));
    await early!.settled();
    author!.send(message);
    assert.deepEqual(await early!.messages(1), [Buffer.from(message)]);
    late!.send(questionFor(message));
    assert.deepEqual(await late!.messages(1), [Buffer.from(message)]);
    for (const client of [author!, early!, late!]) client.end();
  });

  test("is there under both its names", async () => {
    const client = await TestClient.open(relay.url, { path: "/v1/ws" });
    client.send(letter({ tag: 2 }));
    client.send(questionFor(letter({ tag: 2 })));
    assert.equal((await client.messages(1)).length, 1);
    client.end();
  });

  test("says in order what it refuses, and goes on", async () => {
    const client = await TestClient.open(relay.url);
    const [message, other] = [letter({ tag: 3 }), letter({ tag: 3, payload: Uint8Array.of(9) })];
    const forged = Uint8Array.from(message);
    forged[160]! ^= 1;
    const stray = Uint8Array.from(message);
    stray[0]! ^= 1;
    for (const frame of [forged, stray, new Uint8Array(100), new Uint8Array(3), message, other]) client.send(frame);
    client.send(questionFor(message));
    await client.messages(1);
    assert.deepEqual(client.refused, [
      { id: toHex(idOf(message)), error: "bad-signature" },
      { id: toHex(idOf(stray)), error: "another-id" },
      { id: "00".repeat(32), error: "malformed" },
      { id: null, error: "malformed" },
      { id: toHex(idOf(message)), error: "taken" },
    ]);
    client.end();
  });

  test("of a client that leaves holds no question", async () => {
    const client = await TestClient.open(relay.url);
    client.send(questionFor(letter({ tag: 4 })));
    await until(() => relay.stats().waiters === 1, "the question waits");
    client.end();
    await until(() => relay.stats().waiters === 0, "the question is gone");
  });

  test("takes no text", async () => {
    const client = await TestClient.open(relay.url);
    client.send("hello");
    assert.deepEqual(await client.closed, { code: 1003, reason: "frames are binary: a question, or a message" });
  });

  test("takes no frame longer than a message", async () => {
    const client = await TestClient.open(relay.url);
    client.send(new Uint8Array(MAX_MESSAGE_BYTES + 1));
    assert.equal((await client.closed).code, 1009);
  });

  test("carries the longest message", async () => {
    const [author, reader] = [await TestClient.open(relay.url), await TestClient.open(relay.url)];
    const message = letter({ tag: 5, payload: new Uint8Array(MAX_MESSAGE_BYTES - 204).fill(7) });
    assert.equal(message.length, MAX_MESSAGE_BYTES);
    reader.send(questionFor(message));
    author.send(message);
    assert.ok((await reader.messages(1))[0]!.equals(message));
    for (const client of [author, reader]) client.end();
  });

  test("is ended for a client that sends nothing but nonsense", async () => {
    const client = await TestClient.open(relay.url);
    for (let i = 0; i < 17; i++) client.send(new Uint8Array(50));
    assert.equal((await client.closed).code, 1008);
    assert.equal(client.refused.length, 16);
  });

  test("is nowhere else", async () => {
    const socket = new WebSocket(`${relay.url.replace("http", "ws")}/v2`);
    const [error] = (await once(socket, "error")) as [Error];
    assert.match(error.message, /404/);
    for (const path of ["/v1/msg-relay", "/v1/ws"]) {
      const answer = await fetch(`${relay.url}${path}`);
      assert.deepEqual([answer.status, answer.headers.get("upgrade")], [426, "websocket"]);
    }
  });

  test("serves 10,000 questions of one client", async () => {
    const [author, reader] = [await TestClient.open(relay.url), await TestClient.open(relay.url)];
    const wanted = [17, 9_999].map((tag) => letter({ tag, sender: 3 }));
    const question = questionFor(wanted[0]!);
    const view = new DataView(question.buffer);
    for (let i = 0; i < 9_998; i++) {
      view.setUint32(0, i);
      reader.send(Uint8Array.from(question));
    }
    for (const message of wanted) reader.send(questionFor(message));
    await until(() => relay.stats().waiters === 10_000, "10,000 questions wait");
    for (const message of wanted) author.send(message);
    assert.equal((await reader.messages(2)).length, 2);
    assert.deepEqual(reader.refused, []);
    for (const client of [author, reader]) client.end();
    await until(() => relay.stats().waiters === 0, "the questions are gone");
  });
});

describe("limits of a socket", () => {
  test("a client that asks more than it may is told, and has the answers to the rest", async (t) => {
    const relay = await startAnywhere({ limits: { connectionAsks: 2 } });
    t.after(() => relay.close());
    const client = await TestClient.open(relay.url);
    for (const tag of [1, 2, 3]) client.send(questionFor(letter({ tag })));
    await until(() => client.refused.length > 0, "a refusal");
    assert.deepEqual(client.refused, [{ id: toHex(idOf(letter({ tag: 3 }))), error: "too-many-asks" }]);
    client.send(letter({ tag: 1 }));
    assert.equal((await client.messages(1)).length, 1);
    client.end();
  });

  test("a client that does not read is cut, and others do not notice", async (t) => {
    const relay = await startAnywhere({ service: { backlogBytes: 4 << 20 } });
    t.after(() => relay.close());
    const [author, lazy, reader] = await Promise.all([1, 2, 3].map(() => TestClient.open(relay.url)));
    const mailbox = questionFor(letter(), 60, FLAG_MAILBOX);
    for (const client of [lazy!, reader!]) client.send(mailbox);
    await Promise.all([lazy!.settled(), reader!.settled()]);
    lazy!.socket.pause();
    const count = 24;
    for (let i = 0; i < count; i++) {
      author!.send(letter({ flags: FLAG_MAILBOX, payload: new Uint8Array(1 << 20).fill(i) }));
      await reader!.messages(i + 1);
    }
    assert.equal(await metric(relay.url, 'cut_total{reason="does not read"}'), 1);
    assert.ok(relay.stats().backlogBytes <= 4 << 20);
    for (const client of [author!, lazy!, reader!]) client.end();
  });

  test("past the bound of all, the client that reads least is cut", async (t) => {
    const relay = await startAnywhere({ service: { totalBacklogBytes: 6 << 20 } });
    t.after(() => relay.close());
    const [author, lazy, reader] = await Promise.all([1, 2, 3].map(() => TestClient.open(relay.url)));
    for (const client of [lazy!, reader!]) client.send(questionFor(letter(), 60, FLAG_MAILBOX));
    await Promise.all([lazy!.settled(), reader!.settled()]);
    lazy!.socket.pause();
    for (let i = 0; i < 24; i++) {
      author!.send(letter({ flags: FLAG_MAILBOX, payload: new Uint8Array(1 << 20).fill(i) }));
      await reader!.messages(i + 1);
    }
    assert.equal(await metric(relay.url, 'cut_total{reason="does not read"}'), 1);
    assert.equal(reader!.socket.readyState, WebSocket.OPEN);
    for (const client of [author!, lazy!, reader!]) client.end();
  });

  test("a client that does not answer pings is cut, and one that does is not", async (t) => {
    const relay = await startAnywhere({ service: { pingIntervalMs: 100 } });
    t.after(() => relay.close());
    const [dead, alive] = [await TestClient.open(relay.url, { autoPong: false }), await TestClient.open(relay.url)];
    assert.equal((await dead.closed).code, 1006);
    assert.equal(alive.socket.readyState, WebSocket.OPEN);
    alive.end();
  });

  test("more connections than one address may have are refused with a sentence", async (t) => {
    const relay = await startAnywhere({ service: { connectionsPerAddress: 2 } });
    t.after(() => relay.close());
    const clients = [await TestClient.open(relay.url), await TestClient.open(relay.url)];
    const third = new WebSocket(`${relay.url.replace("http", "ws")}/v1/msg-relay`);
    const [error] = (await once(third, "error")) as [Error];
    assert.match(error.message, /503/);
    clients[0]!.end();
    await until(async () => (await post(relay.url, letter()).catch(() => null))?.status === 201, "there is room again");
    for (const client of clients) client.end();
  });

  test("more connections than all may have are refused", async (t) => {
    const relay = await startAnywhere({ service: { connections: 1 } });
    t.after(() => relay.close());
    const client = await TestClient.open(relay.url);
    const answer = await fetch(`${relay.url}/health`);
    assert.equal(answer.status, 503);
    assert.match(await answer.text(), /Too many connections/);
    client.end();
  });
});
