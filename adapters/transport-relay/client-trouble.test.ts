/** Relays that lie, and servers that answer as they should not. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { toHex } from "@conclave/bytes";
import { HEADER_BYTES, MAX_MESSAGE_BYTES } from "@conclave/relay";
import { ClientClosed, RelayUnreachable, type RelayNotice } from "./index.ts";
import { machineRandom } from "./testing/cast.ts";
import { addressOf, bodyOf, broadcast, clientOf, closing, relayWith, soon } from "./testing/clients.ts";
import { hurriedClock, pause, until } from "./testing/clocks.ts";
import { hostileRelay } from "./testing/hostile-relay.ts";
import { stubServer } from "./testing/stub-server.ts";
import { text } from "./testing/witness.ts";

describe("a client of a relay that lies", () => {
  it("skips what its sender did not sign, and takes what it did", async () => {
    const relay = await hostileRelay();
    closing.push(() => relay.close());
    const notices: RelayNotice[] = [];
    const alice = clientOf({ urls: [relay.url] });
    const bob = clientOf({ urls: [relay.url], observe: (notice) => notices.push(notice) });
    const place = broadcast();
    let lies = 2;
    relay.tamper = (bytes) => {
      const lie = bytes.map((byte, at) => (at === 150 ? byte ^ 1 : byte));
      return bytes.length > 210 && lies-- > 0 ? [{ bytes: lie }] : [{ bytes }];
    };
    await alice.publish(place, text("a sentence that is signed"), soon);
    const answer = await bob.ask(bob.idOf(addressOf(alice, place)), soon);
    assert.equal(bodyOf(answer), "a sentence that is signed");
    assert(notices.some((notice) => notice.kind === "dropped" && notice.why === "bad signature"));
  });

  it("is not disturbed by noise", async () => {
    const relay = await hostileRelay();
    closing.push(() => relay.close());
    const notices: RelayNotice[] = [];
    const alice = clientOf({ urls: [relay.url], observe: (notice) => notices.push(notice) });
    await until("connected", () => alice.relays[0]!.up);
    for (const noise of ["", "{", "null", "[1]", '{"id":1,"error":2}', `{"id":"${"ab".repeat(32)}","error":"why"}`])
      relay.inject(noise);
    for (const length of [0, 1, HEADER_BYTES, HEADER_BYTES + 1, 500]) relay.inject(machineRandom(length));
    const place = broadcast();
    await alice.publish(place, text("still here"), soon);
    assert.equal(bodyOf(await alice.ask(alice.idOf(addressOf(alice, place)), soon)), "still here");
    assert(notices.some((notice) => notice.kind === "dropped" && notice.why === "not a message"));
    assert(notices.some((notice) => notice.kind === "refused" && notice.reason === "why"));
  });

  it("leaves one that stopped answering, and comes back", async () => {
    const relay = await hostileRelay();
    closing.push(() => relay.close());
    const notices: RelayNotice[] = [];
    const clock = hurriedClock(40);
    const alice = clientOf({ urls: [relay.url], clock, observe: (notice) => notices.push(notice) });
    await until("connected", () => alice.relays[0]!.up);
    relay.tamper = () => [];
    // What others say passes: it does not hear us.
    const others = setInterval(() => relay.inject(machineRandom(300)), 5);
    await until("left", () =>
      notices.some((notice) => notice.kind === "down" && notice.reason === "the relay stopped answering"),
    );
    clearInterval(others);
    relay.tamper = (bytes) => [{ bytes }];
    await until("back", () => notices.findLast(({ kind }) => kind === "up" || kind === "down")?.kind === "up");
    await alice.publish(broadcast(), text("back"), { ttlSeconds: 3_000 });
  });

  it("is patient with one that has much to say before it answers", async () => {
    const relay = await hostileRelay();
    closing.push(() => relay.close());
    const notices: RelayNotice[] = [];
    const clock = hurriedClock(40);
    const alice = clientOf({ urls: [relay.url], clock, observe: (notice) => notices.push(notice) });
    await until("connected", () => alice.relays[0]!.up);
    relay.tamper = () => [];
    const startMs = clock.nowMs();
    while (clock.nowMs() - startMs < 30_000) {
      relay.inject(new Uint8Array(1 << 17));
      await pause(2);
    }
    assert(notices.every(({ kind }) => kind !== "down"));
  });

  it("asks for a mailbox again and again, before the relay forgets that it reads", async () => {
    const relay = await hostileRelay();
    closing.push(() => relay.close());
    const bob = clientOf({ urls: [relay.url], clock: hurriedClock(200) });
    const address = addressOf(bob, broadcast());
    bob.subscribe(address, () => {});
    const id = toHex(bob.idOf(address));
    await until("asked three times", () => relay.asked.filter((ask) => toHex(ask.subarray(0, 32)) === id).length >= 3);
  });
});

describe("a client over plain HTTP", () => {
  it("tries again when the relay says when, and not before", async () => {
    let posts = 0;
    const server = await stubServer((request, response) => {
      const busy = request.method === "POST" && posts++ === 0;
      response.writeHead(busy ? 503 : 200, busy ? { "retry-after": "2" } : {});
      response.end("{}");
    });
    closing.push(() => server.close());
    const clock = hurriedClock(20);
    const alice = clientOf({ urls: [server.url], mode: "http", clock });
    await alice.publish(broadcast(), text("x"), soon);
    // The message, the client's marker, and the message again.
    assert.equal(posts, 3);
    assert(clock.delays.some((delay) => delay >= 2_000 && delay < 3_000));
  });

  it("waits nowhere any more for what came from elsewhere, or was cancelled", async () => {
    const [first, second] = [await relayWith(), await relayWith()];
    const alice = clientOf({ urls: [first.url], mode: "http" });
    const bob = clientOf({ urls: [first.url, second.url], mode: "http" });
    const place = broadcast();
    const asked = bob.ask(bob.idOf(addressOf(alice, place)), soon);
    const mailbox = bob.subscribe(addressOf(alice, broadcast()), () => {});
    await until("both wait", () => first.stats().waiters === 2 && second.stats().waiters === 2);
    await alice.publish(place, text("x"), soon);
    await asked;
    mailbox.cancel();
    await until("nobody waits", () => first.stats().waiters === 0 && second.stats().waiters === 0);
    assert(bob.relays.every(({ up }) => up));
  });

  it("gives up on a server that always fails, naming its status", async () => {
    const server = await stubServer((request, response) => {
      response.writeHead(request.method === "POST" ? 500 : 200);
      response.end("{}");
    });
    closing.push(() => server.close());
    const alice = clientOf({ urls: [server.url], mode: "http", clock: hurriedClock(20) });
    const failure = await alice.publish(broadcast(), text("x"), soon).catch((error: unknown) => error);
    assert(failure instanceof RelayUnreachable);
  });

  it("does not take an answer without an end", async () => {
    const notices: RelayNotice[] = [];
    const server = await stubServer((request, response) => {
      response.writeHead(200);
      response.end(request.url === "/health" ? "ok" : new Uint8Array(MAX_MESSAGE_BYTES + 1));
    });
    closing.push(() => server.close());
    const observe = (notice: RelayNotice): void => void notices.push(notice);
    const bob = clientOf({ urls: [server.url], mode: "http", observe });
    const asked = assert.rejects(bob.ask(machineRandom(32), soon), ClientClosed);
    await until("left", () =>
      notices.some((notice) => notice.kind === "down" && notice.reason.startsWith("an answer of more than")),
    );
    bob.close();
    await asked;
  });
});
