/** Frames that nobody of good will sends: none is stored, handed out or asked on, and none throws. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { nodeEngine } from "@conclave/engine-node";
import fc from "fast-check";
import { HEADER_BYTES, ID_BYTES } from "./index.ts";
import { letterWriter, questionFor } from "./testing/letters.ts";
import { forwards, isNoHeader, Post, receivers, refusals } from "./testing/post.ts";

const letter = letterWriter(nodeEngine);

test("frames of every length are refused, but for questions", () => {
  const post = new Post(nodeEngine);
  const stranger = post.client();
  const message = letter({ payload: new Uint8Array(100) });
  assert.equal(post.publish(stranger, letter({ tag: 2 })).outcome, "accepted", "the sender is known");
  for (let length = 0; length <= message.length + 20; length++) {
    const frame = new Uint8Array(length);
    frame.set(message.subarray(0, length));
    const effects = post.frame(stranger, frame);
    if (length === HEADER_BYTES || length === message.length) continue;
    const [refusal] = effects;
    assert.ok(refusal?.kind === "refuse" && effects.length === 1, `${length} bytes`);
    assert.deepEqual(refusal.id, length < ID_BYTES ? null : message.slice(0, ID_BYTES));
    assert.equal(refusal.error, length < 204 ? "malformed" : "bad-signature");
  }
  assert.equal(post.mailroom.stats.messages, 2, "the whole message was one");
});

test("questions with any flags and any time are taken or refused", () => {
  const post = new Post(nodeEngine);
  const stranger = post.client();
  const frame = new Uint8Array(HEADER_BYTES);
  const view = new DataView(frame.buffer);
  for (let flags = 0; flags <= 0xffff; flags += 0x0101) {
    for (const code of [0, 1, 255, 256, 0xffff]) {
      view.setUint16(ID_BYTES, code, true);
      view.setUint16(ID_BYTES + 2, flags, true);
      assert.deepEqual(refusals(post.frame(stranger, frame)), isNoHeader(frame) ? ["malformed"] : []);
    }
  }
  assert.ok(post.mailroom.stats.waiters <= 2, "one question at the message, one at the mailbox");
});

describe("random bytes", () => {
  test("store nothing and go nowhere", () => {
    const post = new Post(nodeEngine);
    const [reader, stranger] = [post.client(), post.client()];
    post.frame(reader, questionFor(letter()));
    const notQuestions = fc.uint8Array({ maxLength: 400 }).filter(({ length }) => length !== HEADER_BYTES);
    fc.assert(
      fc.property(notQuestions, (bytes) => {
        const effects = post.frame(stranger, bytes);
        assert.deepEqual([refusals(effects).length, receivers(effects).length, forwards(effects).length], [1, 0, 0]);
      }),
      { numRuns: 300 },
    );
    assert.equal(post.mailroom.stats.messages, 0);
  });

  test("put into a message are refused wherever they are", () => {
    const post = new Post(nodeEngine);
    const stranger = post.client();
    const message = letter();
    const patch = fc.record({ at: fc.nat(message.length - 1), bytes: fc.uint8Array({ minLength: 1, maxLength: 16 }) });
    fc.assert(
      fc.property(patch, ({ at, bytes }) => {
        const changed = Uint8Array.from(message);
        changed.set(bytes.subarray(0, message.length - at), at);
        fc.pre(Buffer.compare(changed, message) !== 0);
        assert.equal(refusals(post.frame(stranger, changed)).length, 1);
      }),
      { numRuns: 300 },
    );
    assert.equal(post.mailroom.stats.messages, 0);
  });
});

test("a view into a larger buffer is copied before it is kept", () => {
  const post = new Post(nodeEngine);
  const [author, reader] = [post.client(), post.client()];
  const message = letter();
  const pool = new Uint8Array(4_096);
  pool.set(message, 100);
  post.frame(author, pool.subarray(100, 100 + message.length));
  pool.fill(0);
  const [effect] = post.frame(reader, questionFor(message));
  assert.ok(effect?.kind === "deliver");
  assert.deepEqual(effect.bytes, message);
  assert.equal(effect.bytes.buffer.byteLength, message.length);
});
