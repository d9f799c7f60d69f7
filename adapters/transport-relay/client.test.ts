import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { toHex } from "@conclave/bytes";
import { MAX_MESSAGE_BYTES } from "@conclave/relay";
import { AskExpired, ClientClosed, MAX_RELAYS, RelayRefused, RelayUnreachable, type RelayNotice } from "./index.ts";
import { machineRandom } from "./testing/cast.ts";
import { addressOf, bodyOf, broadcast, clientOf, closing, relayWith, soon } from "./testing/clients.ts";
import { hurriedClock, pause, until } from "./testing/clocks.ts";
import { hostileRelay } from "./testing/hostile-relay.ts";
import { text } from "./testing/witness.ts";

for (const mode of ["websocket", "http"] as const) {
  describe(`a client of relays (${mode})`, () => {
    it("gets what was published before it asked, and what is published after", async () => {
      const { url } = await relayWith();
      const [alice, bob] = [clientOf({ urls: [url], mode }), clientOf({ urls: [url], mode })];
      const [early, late] = [broadcast(1n), broadcast(2n)];
      await alice.publish(early, text("early"), soon);
      const before = bob.ask(bob.idOf(addressOf(alice, late)), soon);
      assert.equal(bodyOf(await bob.ask(bob.idOf(addressOf(alice, early)), soon)), "early");
      await alice.publish(late, text("late"), soon);
      const answer = await before;
      assert.deepEqual([bodyOf(answer), answer.tag, toHex(answer.sender)], ["late", 2n, toHex(alice.publicKey)]);
    });

    it("answers everybody who asks for the same message", async () => {
      const { url } = await relayWith();
      const [alice, bob] = [clientOf({ urls: [url], mode }), clientOf({ urls: [url], mode })];
      const place = broadcast();
      const id = bob.idOf(addressOf(alice, place));
      const asks = [bob.ask(id, soon), bob.ask(id, soon)];
      await alice.publish(place, text("one"), soon);
      assert.deepEqual((await Promise.all(asks)).map(bodyOf), ["one", "one"]);
    });

    it("says everything to two relays and hears it once", async () => {
      const [first, second] = [await relayWith(), await relayWith()];
      const both = { urls: [first.url, second.url], mode };
      const alice = clientOf(both);
      const onlySecond = clientOf({ ...both, urls: [second.url] });
      const bob = clientOf(both);
      await until("connected", () => alice.relays.every(({ up }) => up) && bob.relays.every(({ up }) => up));
      const place = broadcast();
      const asked = bob.ask(bob.idOf(addressOf(alice, place)), soon);
      await alice.publish(place, text("twice sent"), soon);
      assert.equal(bodyOf(await asked), "twice sent");
      assert.equal(bodyOf(await onlySecond.ask(bob.idOf(addressOf(alice, place)), soon)), "twice sent");
    });

    it("repeats its messages and its questions to a relay that forgot them", async () => {
      const relay = await relayWith();
      const clock = hurriedClock(10);
      const [alice, bob] = [clientOf({ urls: [relay.url], mode, clock }), clientOf({ urls: [relay.url], mode, clock })];
      const [told, open] = [broadcast(1n), broadcast(2n)];
      const long = { ttlSeconds: 300 };
      await alice.publish(told, text("told before"), long);
      const asked = bob.ask(bob.idOf(addressOf(alice, open)), long);
      await until("asked", () => relay.stats().waiters > 0);
      await relay.close();
      // At once: over plain HTTP nobody need notice that it was away.
      await relayWith({ listen: [{ host: "127.0.0.1", port: relay.port }] });
      const carol = clientOf({ urls: [relay.url], mode });
      assert.equal(bodyOf(await carol.ask(bob.idOf(addressOf(alice, told)), soon)), "told before");
      await alice.publish(open, text("told after"), long);
      assert.equal(bodyOf(await asked), "told after");
    });

    it("is told why a relay refuses", async () => {
      const { url } = await relayWith({ limits: { senderBytes: 4_096 } });
      const alice = clientOf({ urls: [url], mode });
      await assert.rejects(
        alice.publish(broadcast(), new Uint8Array(8_192), soon),
        (error) => error instanceof RelayRefused && error.reason === "sender-quota" && error.message.includes(url),
      );
      const place = broadcast();
      await alice.publish(place, text("one"), soon);
      await assert.rejects(alice.publish(place, text("another"), soon), /taken/);
    });

    it("is content with one relay of two that takes a message", async () => {
      const [strict, generous] = [await relayWith({ limits: { senderBytes: 4_096 } }), await relayWith()];
      const alice = clientOf({ urls: [strict.url, generous.url], mode });
      await until("connected", () => alice.relays.every(({ up }) => up));
      await alice.publish(broadcast(), new Uint8Array(8_192), soon);
      assert.deepEqual([strict.stats().messages <= 1, generous.stats().messages >= 1], [true, true]);
    });

    it("names every relay and its reason when none takes a message in time", async () => {
      const strict = await relayWith({ limits: { senderBytes: 4_096 } });
      const clock = hurriedClock(50);
      const alice = clientOf({ urls: ["http://127.0.0.1:9", strict.url], mode, clock });
      const failure = await alice.publish(broadcast(), new Uint8Array(8_192), soon).catch((error: unknown) => error);
      assert(failure instanceof RelayUnreachable);
      assert.deepEqual([...failure.reasons.keys()], ["http://127.0.0.1:9", strict.url]);
      assert.match(failure.reasons.get("http://127.0.0.1:9")!, /connection failed/);
      assert.match(failure.reasons.get(strict.url)!, /refused, sender-quota/);
    });

    it("waits for a relay that is not there yet", async () => {
      const gone = await relayWith();
      const { port } = gone;
      await gone.close();
      const alice = clientOf({ urls: [`http://127.0.0.1:${port}`], mode });
      const publishing = alice.publish(broadcast(), text("patience"), soon);
      await until("it tried", () => alice.relays[0]!.reason === "connection failed");
      const relay = await relayWith({ listen: [{ host: "127.0.0.1", port }] });
      await publishing;
      assert(relay.stats().messages > 0);
    });

    it("leaves a message for one receiver to the first who asks", async () => {
      const { url } = await relayWith();
      const [alice, bob] = [clientOf({ urls: [url], mode }), clientOf({ urls: [url], mode })];
      const place = { ...broadcast(), receiver: bob.publicKey };
      const id = bob.idOf({ ...place, sender: alice.publicKey });
      await alice.publish(place, text("for bob"), { ...soon, oneReceiver: true });
      assert.equal(bodyOf(await bob.ask(id, soon)), "for bob");
      const again = bob.ask(id, { ttlSeconds: 0.2 });
      await assert.rejects(again, (error) => error instanceof AskExpired && error.message.includes(toHex(id)));
    });

    it("ends a question at its time, by its signal, and with the client", async () => {
      const { url } = await relayWith();
      const bob = clientOf({ urls: [url], mode });
      await assert.rejects(bob.ask(machineRandom(32), { ttlSeconds: 0.1 }), AskExpired);
      const why = new Error("no longer");
      const cancel = new AbortController();
      const cancelled = assert.rejects(bob.ask(machineRandom(32), { ...soon, signal: cancel.signal }), why);
      cancel.abort(why);
      await cancelled;
      await assert.rejects(bob.ask(machineRandom(32), { ...soon, signal: cancel.signal }), why);
      const open = assert.rejects(bob.ask(machineRandom(32), soon), ClientClosed);
      bob.close();
      await open;
      await assert.rejects(bob.ask(machineRandom(32), soon), ClientClosed);
      await assert.rejects(bob.publish(broadcast(), text("x"), soon), ClientClosed);
    });

    it("reads a mailbox, also after the relay was away", async () => {
      const relay = await relayWith();
      const clock = hurriedClock(10);
      const [alice, bob] = [clientOf({ urls: [relay.url], mode, clock }), clientOf({ urls: [relay.url], mode, clock })];
      const place = broadcast();
      const heard: string[] = [];
      const subscription = bob.subscribe(addressOf(alice, place), (answer) => heard.push(bodyOf(answer)));
      await until("connected", () => alice.relays[0]!.up && relay.stats().waiters > 0);
      const tell = (what: string): boolean => alice.post(alice.letter(place, text(what), soon));
      assert(tell("one") && tell("two"));
      await until("both", () => heard.length === 2);
      assert.deepEqual(heard.toSorted(), ["one", "two"]);
      await relay.close();
      await until("noticed", () => !alice.relays[0]!.up && !bob.relays[0]!.up);
      assert.equal(tell("lost"), false);
      const back = await relayWith({ listen: [{ host: "127.0.0.1", port: relay.port }] });
      await until("connected", () => alice.relays[0]!.up && back.stats().waiters > 0);
      assert(tell("three"));
      await until("the third", () => heard.includes("three"));
      subscription.cancel();
      tell("four");
      await pause(50);
      assert(!heard.includes("four"));
    });

    it("does not begin what can only fail", async () => {
      const urls = ["http://127.0.0.1:9"];
      for (const url of ["ftp://127.0.0.1", "127.0.0.1:8080", ""])
        assert.throws(() => clientOf({ urls: [url], mode }), /not a relay's address/);
      assert.throws(() => clientOf({ urls: [], mode }), RangeError);
      assert.throws(() => clientOf({ urls: Array.from({ length: MAX_RELAYS + 1 }, () => urls[0]!), mode }), RangeError);
      const alice = clientOf({ urls, mode, limits: { asks: 3 } });
      await assert.rejects(alice.publish(broadcast(), new Uint8Array(MAX_MESSAGE_BYTES), soon), RangeError);
      const asks = Promise.allSettled(Array.from({ length: 3 }, () => alice.ask(machineRandom(32), soon)));
      await assert.rejects(alice.ask(machineRandom(32), soon), /at most 3 messages/);
      alice.close();
      await asks;
      const bob = clientOf({ urls, mode });
      const place = addressOf(bob, broadcast());
      bob.subscribe(place, () => {});
      await assert.rejects(bob.ask(bob.idOf(place), soon), /a message or a mailbox/);
    });
  });
}

describe("a client whose question is refused", () => {
  it("asks again until there is room for it", async () => {
    const { url } = await relayWith({ limits: { connectionAsks: 1 } });
    const notices: RelayNotice[] = [];
    const alice = clientOf({ urls: [url] });
    const bob = clientOf({ urls: [url], observe: (notice) => notices.push(notice) });
    await until("connected", () => bob.relays[0]!.up);
    const places = [broadcast(1n), broadcast(2n)] as const;
    const [first, second] = places.map((place) => bob.ask(bob.idOf(addressOf(alice, place)), soon));
    await until("refused", () =>
      notices.some((notice) => notice.kind === "refused" && notice.reason === "too-many-asks"),
    );
    await alice.publish(places[0], text("first"), soon);
    assert.equal(bodyOf(await first!), "first");
    await alice.publish(places[1], text("second"), soon);
    assert.equal(bodyOf(await second!), "second");
  });
});

describe("a client bounds what it keeps", () => {
  it("refuses to publish more than it can keep while no relay is there", async () => {
    const alice = clientOf({ urls: ["http://127.0.0.1:9"], limits: { keptBytes: 100_000 } });
    const ends = Promise.allSettled(
      Array.from({ length: 3 }, () => alice.publish(broadcast(), new Uint8Array(30_000), soon)),
    );
    await assert.rejects(alice.publish(broadcast(), new Uint8Array(30_000), soon), /wait for a relay already/);
    alice.close();
    for (const end of await ends) assert.equal(end.status, "rejected");
  });

  it("lets go of the oldest that a relay has", async () => {
    const relay = await relayWith();
    const alice = clientOf({ urls: [relay.url], limits: { keptBytes: 100_000 } });
    for (let n = 0; n < 10; n++) await alice.publish(broadcast(), new Uint8Array(30_000), soon);
    assert(relay.stats().messages >= 10);
  });

  it("hands a relay that stands still no more than so much", async () => {
    const relay = await hostileRelay();
    closing.push(() => relay.close());
    const alice = clientOf({ urls: [relay.url] });
    await until("connected", () => alice.relays[0]!.up);
    relay.freeze();
    const place = broadcast();
    let taken = 0;
    while (taken < 100 && alice.post(alice.letter(place, new Uint8Array(1 << 20), soon))) {
      taken += 1;
      await pause(1);
    }
    assert(taken < 100, "the client never refused");
    assert(alice.unsentBytes <= 3 << 20, `${alice.unsentBytes} bytes`);
    // Signs of life still pass, for a while.
    let signs = 0;
    while (signs < 10_000 && alice.post(alice.letter(place, new Uint8Array(60), soon), { urgent: true })) signs += 1;
    assert(signs > 100 && signs < 10_000, `${signs} signs`);
  });

  it("publishes no more into it either, and says that nothing was confirmed", async () => {
    const relay = await hostileRelay();
    closing.push(() => relay.close());
    const alice = clientOf({ urls: [relay.url], clock: hurriedClock(10) });
    await until("connected", () => alice.relays[0]!.up);
    relay.freeze();
    const ends = Promise.allSettled(
      Array.from({ length: 12 }, () => alice.publish(broadcast(), new Uint8Array(1 << 20), { ttlSeconds: 300 })),
    );
    let most = 0;
    for (let look = 0; look < 50; look++) {
      most = Math.max(most, alice.unsentBytes);
      await pause(2);
    }
    assert(most > 0 && most <= 3 << 20, `${most} bytes`);
    for (const end of await ends) {
      assert(end.status === "rejected" && end.reason instanceof RelayUnreachable);
      assert.match(end.reason.message, /no confirmation within|stopped answering|connecting/);
    }
  });
});
