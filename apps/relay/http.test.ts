import assert from "node:assert/strict";
import { connect } from "node:net";
import { once } from "node:events";
import { after, before, describe, test } from "node:test";
import { toHex } from "@conclave/bytes";
import { FLAG_MAILBOX, MAX_MESSAGE_BYTES } from "@conclave/relay";
import { idOf, questionFor } from "@conclave/relay/testing";
import type { Relay } from "./index.ts";
import { letter, metric, post, startAnywhere, TestClient, until } from "./testing/client.ts";

interface Problem {
  readonly status: number;
  readonly detail: string;
  readonly error?: string;
  readonly delivered?: number;
}

async function problem(answer: Response): Promise<Problem> {
  assert.equal(answer.headers.get("content-type"), "application/problem+json");
  const body = (await answer.json()) as Problem;
  assert.equal(body.status, answer.status);
  return body;
}

const idHex = (message: Uint8Array): string => toHex(idOf(message));

/** u32 length, message, u32 length, message … */
function mails(body: ArrayBuffer): readonly Uint8Array[] {
  const bytes = Buffer.from(body);
  const found: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += 4 + bytes.readUInt32LE(at))
    found.push(new Uint8Array(bytes.subarray(at + 4, at + 4 + bytes.readUInt32LE(at))));
  return found;
}

describe("POST /v1/msg", () => {
  let relay: Relay;
  before(async () => {
    relay = await startAnywhere({ limits: { senderMessages: 4, messages: 8, sourceShare: 1, mailboxBytes: 1_000 } });
  });
  after(() => relay.close());

  test("keeps a message once, and says whether it was new", async () => {
    const message = letter({ tag: 1 });
    assert.deepEqual([(await post(relay.url, message)).status, (await post(relay.url, message)).status], [201, 200]);
    assert.equal(relay.stats().messages, 1);
  });

  test("says to how many it went", async () => {
    const reader = await TestClient.open(relay.url);
    const message = letter({ tag: 2 });
    reader.send(questionFor(message));
    await reader.settled();
    assert.deepEqual(await (await post(relay.url, message)).json(), { delivered: 1 });
    await reader.messages(1);
    reader.end();
  });

  test("refuses something else under an id that is taken", async () => {
    await post(relay.url, letter({ tag: 1 }));
    const refused = await problem(await post(relay.url, letter({ tag: 1, payload: Uint8Array.of(1) })));
    assert.deepEqual([refused.status, refused.error], [409, "taken"]);
  });

  test("refuses what is no message, has another id or another's signature", async () => {
    const message = letter({ tag: 3 });
    const changed = (at: number): Uint8Array => message.map((byte, i) => (i === at ? byte ^ 1 : byte));
    const refusals = [message.subarray(0, 36), message.subarray(0, 150), changed(0), changed(150), new Uint8Array()];
    const answers = await Promise.all(refusals.map(async (bytes) => problem(await post(relay.url, bytes))));
    assert.deepEqual(
      answers.map(({ status, error }) => [status, error]),
      [
        [400, "malformed"],
        [400, "malformed"],
        [400, "another-id"],
        [400, "bad-signature"],
        [400, "malformed"],
      ],
    );
  });

  test("refuses a body that is too long, or of another kind, or none", async () => {
    const long = await problem(await post(relay.url, new Uint8Array(MAX_MESSAGE_BYTES + 1)));
    assert.deepEqual([long.status, long.detail], [413, `A message has at most ${MAX_MESSAGE_BYTES} bytes.`]);
    const url = `${relay.url}/v1/msg`;
    const json = await fetch(url, { method: "POST", headers: { "content-type": "application/json" }, body: "{}" });
    assert.equal((await problem(json)).status, 415);
    assert.equal((await problem(await fetch(url, { method: "POST" }))).status, 415);
  });

  test("says who has too much: a sender, a mailbox, everybody", async () => {
    const errors = async (message: Uint8Array): Promise<readonly unknown[]> => {
      const { status, error } = await problem(await post(relay.url, message));
      return [status, error];
    };
    for (const tag of [1, 2, 3]) await post(relay.url, letter({ tag }));
    const mail = (text: number): Uint8Array => letter({ flags: FLAG_MAILBOX, payload: new Uint8Array(600).fill(text) });
    assert.equal((await post(relay.url, mail(1))).status, 201);
    assert.deepEqual(await errors(letter({ tag: 5 })), [429, "sender-quota"]);
    const others = (sender: number, text: number): Uint8Array =>
      letter({ sender, flags: FLAG_MAILBOX, payload: new Uint8Array(600).fill(text) });
    assert.equal((await post(relay.url, others(2, 1))).status, 201);
    assert.deepEqual(await errors(others(2, 2)), [429, "mailbox-full"]);
    for (const sender of [3, 4, 5]) assert.equal((await post(relay.url, letter({ sender }))).status, 201);
    assert.equal(relay.stats().messages, 8);
    assert.deepEqual(await errors(letter({ sender: 6 })), [507, "full"]);
  });

  test("says when one address has too much", async (t) => {
    const small = await startAnywhere({ limits: { messages: 2 } });
    t.after(() => small.close());
    assert.equal((await post(small.url, letter({ sender: 1 }))).status, 201);
    const refused = await problem(await post(small.url, letter({ sender: 2 })));
    assert.deepEqual([refused.status, refused.error], [429, "source-quota"]);
  });
});

test("POST /v1/msg says when one address introduces too many senders", async (t) => {
  const relay = await startAnywhere({ limits: { newSendersPerSecond: 1 } });
  t.after(() => relay.close());
  const answers = await Promise.all([1, 2, 3, 4].map((sender) => post(relay.url, letter({ sender }))));
  const refused = answers.find(({ status }) => status !== 201);
  assert.ok(refused !== undefined);
  assert.equal((await problem(refused)).error, "too-many-senders");
});

describe("GET /v1/msg/:id", () => {
  let relay: Relay;
  before(async () => {
    relay = await startAnywhere({ limits: { connectionAsks: 4, asks: 2 } });
  });
  after(() => relay.close());
  const get = (path: string): Promise<Response> => fetch(`${relay.url}/v1/msg/${path}`);

  test("answers with the message, in small or capital digits", async () => {
    const message = letter({ tag: 1 });
    await post(relay.url, message);
    for (const id of [idHex(message), idHex(message).toUpperCase()]) {
      const answer = await get(id);
      assert.equal(answer.headers.get("content-type"), "application/octet-stream");
      assert.deepEqual(new Uint8Array(await answer.arrayBuffer()), message);
    }
  });

  test("answers 204 when there is nothing, at once or after waiting", async () => {
    const id = "ab".repeat(32);
    assert.equal((await get(id)).status, 204);
    assert.equal((await get(`${id}?wait=0.2`)).status, 204);
    assert.equal(relay.stats().waiters, 0);
  });

  test("waits for a message", async () => {
    const message = letter({ tag: 2 });
    const answer = get(`${idHex(message)}?wait=20`);
    await until(() => relay.stats().waiters === 1, "the question waits");
    await post(relay.url, message);
    assert.deepEqual(new Uint8Array(await (await answer).arrayBuffer()), message);
    assert.equal(relay.stats().waiters, 0);
  });

  test("is forgotten when whoever asked goes away", async () => {
    const gone = new AbortController();
    const answer = fetch(`${relay.url}/v1/msg/${"cd".repeat(32)}?wait=20`, { signal: gone.signal });
    await until(() => relay.stats().waiters === 1, "the question waits");
    gone.abort();
    await assert.rejects(answer);
    await until(() => relay.stats().waiters === 0, "the question is gone");
  });

  test("empties a mailbox, in order; what comes after the answer waits for the next", async () => {
    const mail = (text: number): Uint8Array => letter({ flags: FLAG_MAILBOX, payload: Uint8Array.of(text) });
    const path = `${idHex(mail(0))}?mailbox=1`;
    assert.equal((await get(path)).status, 204);
    for (const text of [1, 2, 3]) await post(relay.url, mail(text));
    assert.deepEqual(mails(await (await get(path)).arrayBuffer()), [1, 2, 3].map(mail));
    const waiting = get(`${path}&wait=20`);
    await until(() => relay.stats().waiters === 1, "the question waits");
    for (const text of [4, 5]) await post(relay.url, mail(text));
    assert.deepEqual(mails(await (await waiting).arrayBuffer()), [mail(4)]);
    assert.deepEqual(mails(await (await get(path)).arrayBuffer()), [mail(5)]);
  });

  test("with HEAD takes nothing out of a mailbox", async () => {
    const mail = letter({ tag: 8, flags: FLAG_MAILBOX });
    await post(relay.url, mail);
    const path = `${idHex(mail)}?mailbox=1`;
    assert.equal((await fetch(`${relay.url}/v1/msg/${path}`, { method: "HEAD" })).status, 404);
    assert.deepEqual(mails(await (await get(path)).arrayBuffer()), [mail]);
  });

  test("finds nothing any more when its time is over, though nobody asked meanwhile", async () => {
    await post(relay.url, letter({ tag: 9, ttlSeconds: 1 }));
    const before = relay.stats().messages;
    await until(() => relay.stats().messages < before, "it expired");
    assert.equal((await get(idHex(letter({ tag: 9 })))).status, 204);
  });

  test("does not wait for who does not read", async (t) => {
    const tight = await startAnywhere({ service: { totalBacklogBytes: 10 << 20 } });
    t.after(() => tight.close());
    const sockets = await Promise.all(
      [1, 2].map(async (sender) => {
        const mail = (text: number): Uint8Array =>
          letter({ sender, flags: FLAG_MAILBOX, payload: new Uint8Array(1 << 20).fill(text) });
        for (let text = 0; text < 7; text++) assert.equal((await post(tight.url, mail(text))).status, 201);
        const socket = connect(tight.port, "127.0.0.1");
        socket.on("error", () => {});
        socket.pause();
        socket.write(`GET /v1/msg/${idHex(mail(0))}?mailbox=1 HTTP/1.1\r\nhost: x\r\n\r\n`);
        return socket;
      }),
    );
    await until(async () => (await metric(tight.url, 'cut_total{reason="does not read"}')) === 1, "one is cut");
    for (const socket of sockets) socket.destroy();
    await until(() => tight.stats().backlogBytes === 0, "nothing is on its way");
  });

  test("refuses what it does not understand, and says what it wants", async () => {
    const id = "ef".repeat(32);
    const wrong = {
      xyz: /64 hexadecimal digits/,
      [id.slice(2)]: /64 hexadecimal digits/,
      [`${id}?wait=soon`]: /wait is a number of seconds/,
      [`${id}?wait=-1`]: /wait is a number of seconds/,
      [`${id}?wait=1&wait=2`]: /wait is a number of seconds/,
      [`${id}?ttl=1.5`]: /ttl is a whole number/,
      [`${id}?mailbox=yes`]: /mailbox is 1 or 0/,
      [`${id}?color=red`]: /wait, ttl and mailbox, and nothing else/,
    };
    for (const [path, sentence] of Object.entries(wrong)) {
      const { status, detail } = await problem(await get(path));
      assert.equal(status, 400, path);
      assert.match(detail, sentence);
    }
  });

  test("is refused when too many wait", async () => {
    const waiting = get(`${"01".repeat(32)}?wait=20`);
    await until(() => relay.stats().waiters === 1, "the question waits");
    const refused = await problem(await get(`${"02".repeat(32)}?wait=20`));
    assert.deepEqual([refused.status, refused.error], [429, "too-many-asks"]);
    const stop = relay.close();
    assert.equal((await waiting).status, 204, "a relay that stops lets nobody wait");
    await stop;
    relay = await startAnywhere();
  });
});

describe("the other routes", () => {
  let relay: Relay;
  before(async () => {
    relay = await startAnywhere();
  });
  after(() => relay.close());

  test("say that the relay is there and well", async () => {
    assert.equal(await (await fetch(relay.url)).text(), "ok");
    assert.deepEqual(await (await fetch(`${relay.url}/health`)).json(), { status: "ok" });
  });

  test("count messages and bytes, and tell nobody's name", async () => {
    const message = letter();
    await post(relay.url, message);
    const stats = (await (await fetch(`${relay.url}/v1/msg-stats`)).json()) as Record<string, unknown>;
    assert.deepEqual(
      [stats["messages"], stats["bytes"], stats["senders"], stats["waiters"], stats["peers"]],
      [1, message.length, 1, 0, { configured: 0, connected: 0 }],
    );
    const metrics = await (await fetch(`${relay.url}/metrics`)).text();
    assert.match(metrics, /conclave_relay_frames_total\{outcome="accepted"\} 1/);
    assert.match(metrics, new RegExp(`conclave_relay_stored_bytes ${message.length}`));
    for (const secret of [idHex(message), toHex(message.slice(44, 76)), "127.0.0.1"])
      assert.ok(!`${metrics}${JSON.stringify(stats)}`.includes(secret));
  });

  test("are open to pages of any origin", async () => {
    const asked = await fetch(`${relay.url}/v1/msg`, {
      method: "OPTIONS",
      headers: {
        origin: "https://wallet.example",
        "access-control-request-method": "POST",
        "access-control-request-headers": "content-type",
      },
    });
    assert.equal(asked.status, 204);
    assert.equal(asked.headers.get("access-control-allow-origin"), "*");
    assert.match(asked.headers.get("access-control-allow-methods")!, /GET.*POST/);
    const answer = await fetch(`${relay.url}/v1/msg-stats`, { headers: { origin: "https://wallet.example" } });
    assert.equal(answer.headers.get("access-control-allow-origin"), "*");
  });

  test("there are no others", async () => {
    assert.equal((await problem(await fetch(`${relay.url}/v1/nothing`))).status, 404);
    assert.equal((await problem(await fetch(`${relay.url}/v1/msg`, { method: "DELETE" }))).status, 404);
  });

  test("what is no HTTP gets an answer and no connection", async () => {
    const socket = connect(relay.port, "127.0.0.1");
    socket.end("\0\x01 garbage\r\n\r\n");
    const [answer] = (await once(socket, "data")) as [Buffer];
    assert.match(answer.toString(), /^HTTP\/1\.1 400 .*problem\+json/s);
    await once(socket, "close");
  });

  test("a request that never ends is ended", async (t) => {
    const quick = await startAnywhere({ service: { requestTimeoutMs: 300 } });
    t.after(() => quick.close());
    const socket = connect(quick.port, "127.0.0.1");
    socket.write("POST /v1/msg HTTP/1.1\r\nhost: x\r\n");
    const [answer] = (await once(socket, "data")) as [Buffer];
    assert.match(answer.toString(), /^HTTP\/1\.1 408 .*Send requests faster/s);
    await once(socket, "close");
  });
});
