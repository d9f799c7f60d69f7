import assert from "node:assert/strict";
import { once } from "node:events";
import { describe, test, type TestContext } from "node:test";
import { toHex } from "@conclave/bytes";
import { FLAG_MAILBOX, FLAG_ONE_RECEIVER } from "@conclave/relay";
import { idOf, questionFor } from "@conclave/relay/testing";
import { WebSocketServer } from "ws";
import { WrongUsage, type Relay, type RelayOptions } from "./index.ts";
import { socketUrl } from "./peers.ts";
import { letter, metric, pause, post, startAnywhere, TestClient, until } from "./testing/client.ts";

/** Reconnects at once, so that tests are short. */
const QUICK = { reconnectDelayMs: 20, pingIntervalMs: 100 } as const;

const mail = (text: number): Uint8Array => letter({ flags: FLAG_MAILBOX, payload: Uint8Array.of(text) });
const mailbox = questionFor(mail(0), 60, FLAG_MAILBOX);

async function startWith(t: TestContext, peers: readonly string[], options: RelayOptions = {}): Promise<Relay> {
  const relay = await startAnywhere({ peers, peer: QUICK, ...options });
  t.after(() => relay.close());
  return relay;
}

const linked = (relay: Relay): Promise<void> =>
  until(() => relay.stats().peers.connected === relay.stats().peers.configured, "the peers are connected");

async function startClient(t: TestContext, relay: Relay): Promise<TestClient> {
  const client = await TestClient.open(relay.url);
  t.after(() => client.end());
  return client;
}

/** Two relays or more, each with all others as peers. */
async function mesh(t: TestContext, count: number): Promise<readonly Relay[]> {
  // A relay's address is known when it runs, and its peers are told when it starts: so each starts twice.
  const places = await Promise.all(Array.from({ length: count }, () => startAnywhere()));
  const ports = places.map(({ port }) => port);
  await Promise.all(places.map((relay) => relay.close()));
  const relays = await Promise.all(
    ports.map((port) =>
      startWith(
        t,
        ports.filter((other) => other !== port).map((other) => `http://127.0.0.1:${other}`),
        {
          listen: [{ host: "127.0.0.1", port }],
        },
      ),
    ),
  );
  await Promise.all(relays.map(linked));
  return relays;
}

describe("peers", () => {
  test("are asked for what is not here, whether they have it or get it later", async (t) => {
    const there = await startWith(t, []);
    const here = await startWith(t, [there.url]);
    await linked(here);
    const reader = await startClient(t, here);
    await post(there.url, letter({ tag: 1 }));
    reader.send(questionFor(letter({ tag: 1 })));
    await reader.messages(1);
    reader.send(questionFor(letter({ tag: 2 })));
    await until(() => there.stats().waiters === 1, "the peer was asked");
    await post(there.url, letter({ tag: 2 }));
    assert.deepEqual(
      await reader.messages(2),
      [1, 2].map((tag) => Buffer.from(letter({ tag }))),
    );
    assert.equal(here.stats().messages, 2, "kept here as well, for whoever asks next");
    assert.equal(await metric(here.url, "forwarded_total"), 2);
  });

  test("are asked by requests over HTTP, too", async (t) => {
    const there = await startWith(t, []);
    const here = await startWith(t, [there.url]);
    await linked(here);
    const id = toHex(idOf(mail(0)));
    assert.equal((await fetch(`${here.url}/v1/msg/${id}?mailbox=1&ttl=30`)).status, 204);
    await until(() => there.stats().waiters === 1, "the peer looks out for it");
    await post(there.url, mail(1));
    await until(() => here.stats().messages === 1, "it came");
    const answer = await fetch(`${here.url}/v1/msg/${id}?mailbox=1`);
    assert.deepEqual(new Uint8Array(await answer.arrayBuffer()).subarray(4), mail(1));
  });

  test("let two parties talk who use different relays, through a mailbox each way", async (t) => {
    const [left, right] = (await mesh(t, 2)) as [Relay, Relay];
    const [alice, bob] = [await startClient(t, left), await startClient(t, right)];
    const toBob = (text: number): Uint8Array =>
      letter({ sender: 1, flags: FLAG_MAILBOX, payload: Uint8Array.of(text) });
    const toAlice = (text: number): Uint8Array =>
      letter({ sender: 2, flags: FLAG_MAILBOX, payload: Uint8Array.of(text) });
    alice.send(toBob(0));
    await alice.settled();
    bob.send(questionFor(toBob(0), 60, FLAG_MAILBOX));
    alice.send(questionFor(toAlice(0), 60, FLAG_MAILBOX));
    await until(() => left.stats().waiters === 2 && right.stats().waiters === 2, "both relays ask each other");
    for (const text of [1, 2, 3]) {
      alice.send(toBob(text));
      bob.send(toAlice(text));
    }
    assert.deepEqual(
      await bob.messages(4),
      [0, 1, 2, 3].map((text) => Buffer.from(toBob(text))),
    );
    assert.deepEqual(
      await alice.messages(3),
      [1, 2, 3].map((text) => Buffer.from(toAlice(text))),
    );
  });

  test("in a triangle ask each other once, and pass nothing around", async (t) => {
    const relays = await mesh(t, 3);
    const readers = await Promise.all(relays.map((relay) => startClient(t, relay)));
    const single = letter({ tag: 7 });
    for (const reader of readers) {
      reader.send(mailbox);
      reader.send(questionFor(single));
    }
    // Each has two questions of its own client and four of its peers.
    await until(() => relays.every((relay) => relay.stats().waiters === 6), "everybody asked everybody");
    await post(relays[0]!.url, mail(1));
    await post(relays[1]!.url, single);
    for (const reader of readers) await reader.messages(2);
    await pause(200);
    const forwarded = await Promise.all(relays.map((relay) => metric(relay.url, "forwarded_total")));
    assert.deepEqual(forwarded, [2, 2, 2]);
    const delivered = await Promise.all(relays.map((relay) => metric(relay.url, "delivered_total")));
    assert.ok(delivered.reduce((sum, count) => sum + count) <= 20, `${delivered.join(", ")} deliveries`);
    for (const reader of readers) assert.equal(reader.received.length, 2, "nobody gets anything twice");
  });

  test("that hide what they are make no circle", async (t) => {
    // A proxy between two relays strips the mark of a peer: each takes the other for a client.
    const stripped = await Promise.all([stripper(t), stripper(t)]);
    const [left, right] = [await startWith(t, [stripped[0].url]), await startWith(t, [stripped[1].url])];
    stripped[0].lead(right.url);
    stripped[1].lead(left.url);
    await Promise.all([linked(left), linked(right)]);
    const [alice, bob] = [await startClient(t, left), await startClient(t, right)];
    for (const reader of [alice, bob]) reader.send(mailbox);
    await until(() => left.stats().waiters === 2 && right.stats().waiters === 2, "both ask each other");
    await post(left.url, mail(1));
    await Promise.all([alice.messages(1), bob.messages(1)]);
    await pause(200);
    const delivered = [await metric(left.url, "delivered_total"), await metric(right.url, "delivered_total")];
    assert.ok(
      delivered.every((count) => count <= 4),
      `${delivered.join(", ")} deliveries`,
    );
  });

  test("are asked again for all that is waited for when they come back", async (t) => {
    const there = await startAnywhere();
    const here = await startWith(t, [there.url]);
    await linked(here);
    const reader = await startClient(t, here);
    reader.send(mailbox);
    reader.send(questionFor(letter({ tag: 4 })));
    await until(() => there.stats().waiters === 2, "the peer was asked");
    await there.close();
    await until(() => here.stats().peers.connected === 0, "the peer is gone");
    const back = await startWith(t, [], { listen: [{ host: "127.0.0.1", port: there.port }] });
    await until(() => back.stats().waiters === 2, "the peer was asked again");
    await post(back.url, letter({ tag: 4 }));
    await post(back.url, mail(1));
    assert.equal((await reader.messages(2)).length, 2);
  });

  test("may be lost: whoever uses two relays goes on with the other", async (t) => {
    const first = await startAnywhere();
    const second = await startWith(t, [first.url]);
    await linked(second);
    const reader = await startClient(t, second);
    for (const tag of [1, 2, 3]) reader.send(questionFor(letter({ tag })));
    await until(() => first.stats().waiters === 3, "the first was asked");
    await post(first.url, letter({ tag: 1 }));
    await reader.messages(1);
    await first.close();
    for (const tag of [2, 3]) await post(second.url, letter({ tag }));
    assert.deepEqual(
      (await reader.messages(3)).map(String),
      [1, 2, 3].map((tag) => String(Buffer.from(letter({ tag })))),
    );
  });

  test("get every question, though their queue is short", async (t) => {
    const there = await startWith(t, []);
    const here = await startWith(t, [there.url], { peer: { ...QUICK, queueSize: 4 } });
    await linked(here);
    const reader = await startClient(t, here);
    const question = questionFor(letter());
    for (let i = 0; i < 500; i++) {
      question[0] = i & 0xff;
      question[1] = i >> 8;
      reader.send(Uint8Array.from(question));
    }
    await until(() => there.stats().waiters === 500, "the peer has 500 questions");
  });

  test("that are the relay itself do no harm", async (t) => {
    const place = await startAnywhere();
    await place.close();
    const relay = await startWith(t, [place.url], { listen: [{ host: "127.0.0.1", port: place.port }] });
    await linked(relay);
    const reader = await startClient(t, relay);
    reader.send(mailbox);
    reader.send(questionFor(letter({ tag: 5, flags: FLAG_ONE_RECEIVER })));
    await until(() => relay.stats().waiters === 4, "it asked itself");
    await post(relay.url, mail(1));
    await post(relay.url, letter({ tag: 5, flags: FLAG_ONE_RECEIVER }));
    await reader.messages(2);
    await pause(100);
    assert.equal(reader.received.length, 2);
  });

  test("that do not answer pings are left and tried again", async (t) => {
    const silent = new WebSocketServer({ port: 0, host: "127.0.0.1", autoPong: false });
    await once(silent, "listening");
    t.after(() => silent.close());
    let connections = 0;
    silent.on("connection", () => (connections += 1));
    const address = silent.address();
    assert.ok(typeof address === "object" && address !== null);
    await startWith(t, [`ws://127.0.0.1:${address.port}`]);
    await until(() => connections >= 3, "the third attempt");
  });

  test("that lie are not believed", async (t) => {
    const liar = new WebSocketServer({ port: 0, host: "127.0.0.1" });
    await once(liar, "listening");
    t.after(() => liar.close());
    const wanted = letter({ tag: 6 });
    const forged = Uint8Array.from(wanted);
    forged[160]! ^= 1;
    let asks = 0;
    liar.on("connection", (socket) => {
      socket.on("message", () => {
        asks += 1;
        // Its own questions, text, and messages that are none: each comes to nothing, and too many end the connection.
        socket.send(questionFor(letter({ tag: 99 })));
        socket.send("{}");
        for (let i = 0; i < 20; i++) socket.send(forged);
      });
    });
    const address = liar.address();
    assert.ok(typeof address === "object" && address !== null);
    const relay = await startWith(t, [`ws://127.0.0.1:${address.port}`]);
    await linked(relay);
    const reader = await startClient(t, relay);
    reader.send(questionFor(wanted));
    await until(() => asks >= 2, "the liar was left, and asked again");
    assert.deepEqual([reader.received.length, relay.stats().messages, relay.stats().waiters], [0, 0, 1]);
    await post(relay.url, wanted);
    await reader.messages(1);
  });

  test("are kept by a relay that is full, which passes on what they answer", async (t) => {
    const messages = Array.from({ length: 30 }, (_, tag) => letter({ tag }));
    const peer = new WebSocketServer({ port: 0, host: "127.0.0.1" });
    await once(peer, "listening");
    t.after(() => peer.close());
    let connections = 0;
    peer.on("connection", (socket) => {
      connections += 1;
      socket.on("message", (frame: Buffer) => {
        const answer = messages.find((message) => frame.subarray(0, 32).equals(idOf(message)));
        if (answer !== undefined) socket.send(answer);
      });
    });
    const address = peer.address();
    assert.ok(typeof address === "object" && address !== null);
    const relay = await startWith(t, [`ws://127.0.0.1:${address.port}`], { limits: { messages: 1 } });
    await linked(relay);
    await post(relay.url, letter({ tag: 99 }));
    const reader = await startClient(t, relay);
    for (const message of messages) reader.send(questionFor(message));
    await reader.messages(messages.length);
    await pause(100);
    assert.equal(connections, 1);
  });

  test("have addresses that are understood or refused", async () => {
    const urls = {
      "http://relay.example": "ws://relay.example/v1/msg-relay",
      "https://relay.example/": "wss://relay.example/v1/msg-relay",
      "ws://10.0.0.1:8080/v1/ws": "ws://10.0.0.1:8080/v1/ws",
      "wss://relay.example/eu/": "wss://relay.example/eu/v1/msg-relay",
    };
    for (const [text, url] of Object.entries(urls)) assert.equal(socketUrl(text).href, url);
    for (const text of ["relay.example:8080", "ftp://relay.example", "8080", ""]) {
      await assert.rejects(startAnywhere({ peers: [text] }), (error) => {
        assert.ok(error instanceof WrongUsage);
        assert.match(error.message, /no address of a relay: write it like/);
        return true;
      });
    }
  });
});

/** A WebSocket proxy that passes on frames and no headers. */
async function stripper(t: TestContext): Promise<{ readonly url: string; lead(to: string): void }> {
  let target: string | null = null;
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  await once(server, "listening");
  t.after(() => server.close());
  server.on("connection", (socket) => {
    const queue: Buffer[] = [];
    socket.on("message", (frame: Buffer) => queue.push(frame));
    void until(() => target !== null, "the proxy leads somewhere").then(async () => {
      const out = await TestClient.open(target!);
      socket.removeAllListeners("message");
      for (const frame of queue) out.send(frame);
      socket.on("message", (frame: Buffer) => out.send(frame));
      out.socket.on("message", (frame, binary) => socket.send(frame, { binary }));
      socket.on("close", () => out.end());
    });
  });
  const address = server.address();
  assert.ok(typeof address === "object" && address !== null);
  return { url: `ws://127.0.0.1:${address.port}`, lead: (to) => (target = to) };
}
