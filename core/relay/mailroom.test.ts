import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { nodeEngine } from "@conclave/engine-node";
import { FLAG_MAILBOX, FLAG_ONE_RECEIVER, MAX_TTL_SECONDS } from "./index.ts";
import { idOf, letterWriter, questionFor } from "./testing/letters.ts";
import { forwards, Post, receivers } from "./testing/post.ts";

const letter = letterWriter(nodeEngine);
const room = (): Post => new Post(nodeEngine);

describe("a message", () => {
  test("asked for before it exists goes to all who asked, and to whoever asks later", () => {
    const post = room();
    const [author, first, second, third] = [post.client(), post.client(), post.client(), post.client()];
    const message = letter();
    post.frame(first, questionFor(message));
    post.frame(second, questionFor(message));
    assert.deepEqual(receivers(post.frame(author, message)), [first, second]);
    assert.deepEqual(receivers(post.frame(third, questionFor(message))), [third]);
    assert.deepEqual(receivers(post.frame(author, message)), [], "those who had it do not get it twice");
  });

  test("published again, the same in every byte, is no event; something else under its id is refused", () => {
    const post = room();
    const author = post.client();
    const [message, other] = [letter(), letter({ payload: Uint8Array.of(1) })];
    assert.deepEqual(idOf(message), idOf(other));
    assert.equal(post.publish(author, message).outcome, "accepted");
    assert.equal(post.publish(author, message).outcome, "repeated");
    assert.equal(post.publish(author, other).outcome, "taken");
    assert.equal(post.mailroom.stats.messages, 1);
  });

  test("of a stranger cannot occupy an id", () => {
    const post = room();
    const [author, stranger, reader] = [post.client(), post.client(), post.client()];
    const message = letter();
    post.frame(reader, questionFor(message));
    const inOwnName = letter({ sender: 2 });
    inOwnName.set(idOf(message));
    assert.equal(post.publish(stranger, inOwnName).outcome, "another-id");
    const forged = Uint8Array.from(message);
    forged[150]! ^= 1;
    assert.equal(post.publish(stranger, forged).outcome, "bad-signature");
    assert.equal(post.mailroom.stats.messages, 0);
    assert.deepEqual(receivers(post.frame(author, message)), [reader]);
  });

  test("is gone when its time is over, and so is who waits", () => {
    const post = room();
    const [author, reader] = [post.client(), post.client()];
    post.frame(author, letter({ ttlSeconds: 5 }));
    post.frame(reader, questionFor(letter({ tag: 2 }), 5));
    post.wait(4);
    assert.deepEqual([post.mailroom.stats.messages, post.mailroom.stats.waiters], [1, 1]);
    post.wait(1);
    assert.deepEqual([post.mailroom.stats.messages, post.mailroom.stats.waiters], [0, 0]);
    assert.deepEqual(receivers(post.frame(author, letter({ tag: 2 }))), []);
  });

  test("is kept no longer than the relay's longest, nor is a question", () => {
    const post = new Post(nodeEngine, { ttlSeconds: 10 });
    const author = post.client();
    post.frame(author, letter({ ttlSeconds: MAX_TTL_SECONDS }));
    post.frame(author, questionFor(letter({ tag: 2 }), MAX_TTL_SECONDS));
    post.wait(10);
    assert.deepEqual([post.mailroom.stats.messages, post.mailroom.stats.waiters], [0, 0]);
  });

  test("for one receiver is forgotten once it was delivered", () => {
    const post = room();
    const [author, first, second] = [post.client(), post.client(), post.client()];
    const message = letter({ flags: FLAG_ONE_RECEIVER });
    post.frame(author, message);
    assert.deepEqual(receivers(post.frame(first, questionFor(message))), [first]);
    assert.deepEqual(receivers(post.frame(second, questionFor(message))), []);
    assert.deepEqual(receivers(post.frame(author, message)), [second]);
    assert.equal(post.mailroom.stats.messages, 0);
  });

  test("for one receiver that several wait for goes to all, and once more", () => {
    const post = room();
    const [author, first, second] = [post.client(), post.client(), post.client()];
    const message = letter({ flags: FLAG_ONE_RECEIVER });
    for (const reader of [first, second]) post.frame(reader, questionFor(message));
    assert.deepEqual(receivers(post.frame(author, message)), [first, second]);
    assert.deepEqual(receivers(post.frame(first, questionFor(message))), [first]);
    assert.equal(post.mailroom.stats.messages, 0);
  });

  test("to be kept for no time reaches those who wait", () => {
    const post = room();
    const [author, reader] = [post.client(), post.client()];
    const message = letter({ ttlSeconds: 0 });
    post.frame(reader, questionFor(message));
    assert.deepEqual(receivers(post.frame(author, message)), [reader]);
    assert.equal(post.mailroom.stats.messages, 0);
  });
});

describe("a question", () => {
  test("ends with its connection", () => {
    const post = room();
    const [author, reader] = [post.client(), post.client()];
    post.frame(reader, questionFor(letter()));
    post.mailroom.disconnect(reader);
    assert.equal(post.mailroom.stats.waiters, 0);
    assert.deepEqual(receivers(post.frame(author, letter())), []);
  });

  test("asked again counts once, and its time from then on; zero seconds end it", () => {
    const post = room();
    const [author, reader] = [post.client(), post.client()];
    post.frame(reader, questionFor(letter(), 3));
    post.wait(2);
    post.frame(reader, questionFor(letter(), 3));
    post.wait(2);
    assert.equal(post.mailroom.stats.waiters, 1);
    post.frame(reader, questionFor(letter(), 0));
    assert.equal(post.mailroom.stats.waiters, 0);
    assert.deepEqual(receivers(post.frame(author, letter())), []);
  });
});

describe("a mailbox", () => {
  const mail = (tag: number, text: number): Uint8Array =>
    letter({ tag, flags: FLAG_MAILBOX, payload: Uint8Array.of(text) });

  test("queues what nobody asked for, and hands it out in order; the asker gets what follows", () => {
    const post = room();
    const [author, reader] = [post.client(), post.client()];
    for (const text of [1, 2, 3]) post.frame(author, mail(1, text));
    const effects = post.frame(reader, questionFor(mail(1, 0), 60, FLAG_MAILBOX));
    assert.deepEqual(
      effects.flatMap((effect) => (effect.kind === "deliver" ? [effect.bytes.at(-65)] : [])),
      [1, 2, 3],
    );
    assert.deepEqual(receivers(post.frame(author, mail(1, 4))), [reader]);
    assert.deepEqual(receivers(post.frame(author, mail(1, 5))), [reader]);
    assert.equal(post.mailroom.stats.messages, 0);
    post.mailroom.disconnect(reader);
    assert.deepEqual(receivers(post.frame(author, mail(1, 6))), []);
    assert.equal(post.mailroom.stats.messages, 1);
  });

  test("and a single message under the same id have nothing to do with each other", () => {
    const post = room();
    const [author, reader] = [post.client(), post.client()];
    post.frame(reader, questionFor(letter()));
    assert.deepEqual(receivers(post.frame(author, mail(1, 1))), []);
    assert.deepEqual(receivers(post.frame(author, letter())), [reader]);
  });

  test("of one sender takes nothing from another", () => {
    const post = room();
    const stranger = post.client();
    const forged = letter({ sender: 2, flags: FLAG_MAILBOX });
    forged.set(idOf(mail(1, 1)));
    assert.equal(post.publish(stranger, forged).outcome, "another-id");
  });
});

describe("peers", () => {
  const mail = letter({ flags: FLAG_MAILBOX });

  test("are asked once for what clients ask and nobody has, and never what peers ask", () => {
    const post = room();
    const [first, second, peer] = [post.client(), post.client(), post.peer()];
    assert.deepEqual(forwards(post.frame(peer, questionFor(letter()))), []);
    assert.deepEqual(forwards(post.frame(first, questionFor(letter(), 30))), [30]);
    assert.deepEqual(forwards(post.frame(second, questionFor(letter(), 40))), []);
    assert.deepEqual(forwards(post.wait(30)), [10], "the second client waits longer than the peers were asked to");
    post.frame(first, letter());
    assert.deepEqual(forwards(post.frame(second, questionFor(letter(), 30))), [], "it is here");
  });

  test("are asked for all that clients wait for when their connection comes up", () => {
    const post = room();
    const [client, peer] = [post.client(), post.peer()];
    post.frame(client, questionFor(letter(), 30));
    post.frame(client, questionFor(mail, 50, FLAG_MAILBOX));
    post.frame(peer, questionFor(letter({ tag: 9 }), 30));
    post.wait(10);
    assert.deepEqual(
      [...post.mailroom.openQuestions(post.nowMs)],
      [questionFor(letter(), 20), questionFor(mail, 40, FLAG_MAILBOX)],
    );
  });

  test("that subscribe to the same mailbox do not pass a message around", () => {
    const post = room();
    const [author, reader, peer, otherPeer] = [post.client(), post.client(), post.peer(), post.peer()];
    for (const asker of [reader, peer, otherPeer]) post.frame(asker, questionFor(mail, 60, FLAG_MAILBOX));
    assert.deepEqual(receivers(post.publish(peer, mail).effects), [reader], "from a peer: to clients only");
    const own = letter({ flags: FLAG_MAILBOX, payload: Uint8Array.of(1) });
    assert.deepEqual(receivers(post.publish(author, own).effects), [reader, peer, otherPeer]);
    assert.equal(post.publish(peer, own).outcome, "repeated", "what comes back is recognised");
    assert.deepEqual(receivers(post.publish(author, own).effects), [reader, peer, otherPeer], "an author may repeat");
  });

  test("that hide what they are cannot make a circle either", () => {
    // Two relays take each other for clients, and each has a reader of its own. What one sends the other is passed back once.
    const rooms = [room(), room()] as const;
    const seats = rooms.map((post) => ({ reader: post.client(), other: post.client(), link: post.peer() }));
    for (const [i, post] of rooms.entries()) {
      post.frame(seats[i]!.reader, questionFor(mail, 60, FLAG_MAILBOX));
      post.frame(seats[i]!.other, questionFor(mail, 60, FLAG_MAILBOX));
    }
    const author = rooms[0].client();
    let at = 0;
    let effects = rooms[0].publish(author, mail).effects;
    let hops = 0;
    while (receivers(effects).includes(seats[at]!.other)) {
      hops += 1;
      assert.ok(hops < 5, "the message goes around");
      at = 1 - at;
      effects = rooms[at]!.publish(seats[at]!.link, mail).effects;
    }
    assert.equal(hops, 2);
  });

  test("that bring one message twice do not leave a copy behind", () => {
    const post = room();
    const [reader, peer, otherPeer] = [post.client(), post.peer(), post.peer()];
    const message = letter({ flags: FLAG_ONE_RECEIVER });
    post.frame(reader, questionFor(message));
    assert.deepEqual(receivers(post.publish(peer, message).effects), [reader]);
    assert.equal(post.publish(otherPeer, message).outcome, "repeated");
    assert.equal(post.mailroom.stats.messages, 0);
  });
});

describe("a restart", () => {
  test("brings back what was kept, in order, with the time that is left", () => {
    const before = room();
    const author = before.client();
    const kept = [1, 2, 3].map((text) => letter({ flags: FLAG_MAILBOX, payload: Uint8Array.of(text), ttlSeconds: 9 }));
    for (const message of [...kept, letter({ tag: 4, ttlSeconds: 2 })]) before.frame(author, message);
    const records = [...before.mailroom.kept()];
    const after = room();
    const restored = records.map(({ bytes, untilSecond }) =>
      after.mailroom.restore(bytes, untilSecond, before.nowMs + 3_000),
    );
    assert.deepEqual(restored, [true, true, true, false]);
    after.nowMs = before.nowMs + 3_000;
    const reader = after.client();
    const effects = after.frame(reader, questionFor(kept[0]!, 1, FLAG_MAILBOX));
    assert.deepEqual(
      effects.flatMap((effect) => (effect.kind === "deliver" ? [effect.bytes] : [])),
      kept,
    );
  });
});
