import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { nodeEngine } from "@conclave/engine-node";
import { FLAG_MAILBOX } from "./index.ts";
import { letterWriter, questionFor } from "./testing/letters.ts";
import { Post, receivers, refusals } from "./testing/post.ts";

const letter = letterWriter(nodeEngine);
const KIB = 1_024;
const big = (tag: number, sender = 1): Uint8Array => letter({ tag, sender, payload: new Uint8Array(KIB) });

describe("a full house", () => {
  test("a sender with as many messages as it may have is told, and others are not harmed", () => {
    const post = new Post(nodeEngine, { senderMessages: 2 });
    const [author, other] = [post.client(), post.client()];
    for (const tag of [1, 2]) assert.equal(post.publish(author, letter({ tag })).outcome, "accepted");
    assert.deepEqual(refusals(post.frame(author, letter({ tag: 3 }))), ["sender-quota"]);
    assert.equal(post.publish(other, letter({ sender: 2 })).outcome, "accepted");
    assert.equal(post.mailroom.stats.messages, 3);
  });

  test("a sender with as many bytes as it may have is told, until they expire", () => {
    const post = new Post(nodeEngine, { senderBytes: 3 * KIB });
    const author = post.client();
    for (const tag of [1, 2]) assert.equal(post.publish(author, big(tag)).outcome, "accepted");
    assert.equal(post.publish(author, big(3)).outcome, "sender-quota");
    post.wait(61);
    assert.equal(post.publish(author, big(3)).outcome, "accepted");
    assert.deepEqual(
      [post.mailroom.stats.messages, post.mailroom.stats.bytes],
      [1, big(3).length],
      "what has expired is not counted",
    );
  });

  test("a full mailbox refuses, and its sender's other messages do not mind", () => {
    const post = new Post(nodeEngine, { mailboxBytes: 2 * KIB });
    const author = post.client();
    const mail = (text: number): Uint8Array => letter({ flags: FLAG_MAILBOX, payload: new Uint8Array(KIB).fill(text) });
    assert.equal(post.publish(author, mail(1)).outcome, "accepted");
    assert.equal(post.publish(author, mail(2)).outcome, "mailbox-full");
    assert.equal(post.publish(author, big(7)).outcome, "accepted");
  });

  for (const [what, limits] of [
    ["bytes", { bytes: 3 * KIB, sourceShare: 1 }],
    ["messages", { messages: 2, sourceShare: 1 }],
  ] as const) {
    test(`in ${what}: refuses to keep, keeps what it has, and still hands out to those who wait`, () => {
      const post = new Post(nodeEngine, limits);
      const [author, reader] = [post.client(), post.client()];
      for (const sender of [1, 2]) assert.equal(post.publish(author, big(1, sender)).outcome, "accepted");
      post.frame(reader, questionFor(big(1, 3)));
      const { outcome, delivered, effects } = post.publish(author, big(1, 3));
      assert.deepEqual([outcome, delivered, receivers(effects)], ["full", 1, [reader]]);
      for (const sender of [1, 2])
        assert.deepEqual(receivers(post.frame(reader, questionFor(big(1, sender)))), [reader]);
    });
  }

  test("one address fills no more than its share, under however many keys", () => {
    const post = new Post(nodeEngine, { messages: 8 });
    const [stranger, honest] = [post.client("mallory"), post.client("alice")];
    const outcomes = Array.from({ length: 8 }, (_, i) => post.publish(stranger, letter({ sender: 100 + i })).outcome);
    assert.deepEqual(outcomes, [...Array(4).fill("accepted"), ...Array(4).fill("source-quota")]);
    assert.equal(post.publish(honest, letter()).outcome, "accepted");
  });

  test("one address fills no more than its share of bytes", () => {
    const post = new Post(nodeEngine, { bytes: 4 * KIB });
    const stranger = post.client("mallory");
    assert.equal(post.publish(stranger, big(1, 100)).outcome, "accepted");
    assert.equal(post.publish(stranger, big(1, 101)).outcome, "source-quota");
    assert.equal(post.publish(post.client("alice"), big(1)).outcome, "accepted");
  });
});

describe("too many new senders", () => {
  test("from one address wait for the next second; known ones, and other addresses, do not", () => {
    const post = new Post(nodeEngine, { newSendersPerSecond: 3 });
    const [mallory, alice] = [post.client("mallory"), post.client("alice")];
    const outcome = (from: number, sender: number, tag: number): string =>
      post.publish(from, letter({ sender, tag })).outcome;
    const forged = letter({ sender: 12 }).map((byte, at) => (at === 150 ? byte ^ 1 : byte));
    assert.equal(post.publish(mallory, forged).outcome, "bad-signature", "which cost as much");
    assert.deepEqual(
      [10, 11, 13].map((sender) => outcome(mallory, sender, 1)),
      ["accepted", "accepted", "too-many-senders"],
    );
    assert.equal(outcome(mallory, 10, 2), "accepted");
    assert.equal(outcome(alice, 13, 1), "accepted");
    assert.equal(outcome(mallory, 13, 2), "accepted", "it is known now");
    post.wait(1);
    assert.equal(outcome(mallory, 14, 1), "accepted");
  });
});

describe("too many questions", () => {
  const ask = (post: Post, from: number, tag: number): readonly string[] =>
    refusals(post.frame(from, questionFor(letter({ tag }))));

  test("on one connection are refused, and those before are answered", () => {
    const post = new Post(nodeEngine, { connectionAsks: 2 });
    const [reader, other] = [post.client(), post.client()];
    assert.deepEqual(
      [1, 2, 3, 2].flatMap((tag) => ask(post, reader, tag)),
      ["too-many-asks"],
    );
    assert.deepEqual(receivers(post.frame(other, letter({ tag: 1 }))), [reader]);
    assert.deepEqual(ask(post, reader, 3), [], "an answer makes room");
  });

  test("in all, or from one address, are refused; others still may ask", () => {
    const post = new Post(nodeEngine, { asks: 4 });
    const [mallory, again, alice, bob] = [post.client("m"), post.client("m"), post.client("a"), post.client("b")];
    assert.deepEqual([ask(post, mallory, 1), ask(post, again, 1), ask(post, again, 2)], [[], [], ["too-many-asks"]]);
    assert.deepEqual([ask(post, alice, 1), ask(post, alice, 2), ask(post, bob, 3)], [[], [], ["too-many-asks"]]);
    post.mailroom.disconnect(mallory);
    assert.deepEqual(ask(post, bob, 3), []);
  });
});
