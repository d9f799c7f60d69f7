/** A stranger does what it can on every door; two honest parties go on, and nothing of it stays. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { randomInt } from "node:crypto";
import { test } from "node:test";
import { nodeEngine } from "@conclave/engine-node";
import { FLAG_ONE_RECEIVER, messageId, readFrame } from "@conclave/relay";
import { questionFor } from "@conclave/relay/testing";
import type { Relay } from "./index.ts";
import { letter, post, startAnywhere, TestClient, until } from "./testing/client.ts";

/** Random bytes that a seed brings back: a chain of hashes. */
function randomness(seed: number): (length: number) => Uint8Array {
  let state = nodeEngine.sha256(new TextEncoder().encode(String(seed)));
  return (length) => {
    const blocks = Array.from({ length: Math.ceil(length / 32) }, () => (state = nodeEngine.sha256(state)));
    return new Uint8Array(Buffer.concat(blocks)).subarray(0, length);
  };
}

type Random = (length: number) => Uint8Array;
const below = (random: Random, limit: number): number => new DataView(random(4).slice().buffer).getUint32(0) % limit;

/** A message with the right id, of a random key, with a signature that is none. */
function forged(random: Random): Uint8Array {
  const bytes = new Uint8Array(300);
  bytes.set(random(264), 36);
  bytes.set(random(1), 32);
  const frame = readFrame(bytes);
  assert.ok(frame.kind === "publish");
  bytes.set(messageId(nodeEngine, frame.message));
  return bytes;
}

async function garbageOverTcp(relay: Relay, random: Random): Promise<void> {
  const socket = connect(relay.port, "127.0.0.1");
  socket.on("error", () => {});
  socket.resume();
  const heads = ["", "GET / HTTP/1.1\r\n", "POST /v1/msg HTTP/1.1\r\nhost: x\r\ncontent-length: 99\r\n\r\n"];
  socket.write(heads[below(random, heads.length)]!);
  socket.end(random(below(random, 20_000)));
  await once(socket, "close");
}

async function garbageOverSocket(relay: Relay, random: Random): Promise<void> {
  const client = await TestClient.open(relay.url);
  for (let i = 0; i < 200 && client.socket.readyState === client.socket.OPEN; i++) {
    const kind = below(random, 10);
    if (kind < 3) client.send(forged(random));
    else if (kind < 6) client.send(random(below(random, 3_000)));
    else client.send(random(36));
    if (i % 20 === 0) await new Promise(setImmediate);
  }
  client.end();
}

async function questions(relay: Relay, random: Random): Promise<void> {
  const client = await TestClient.open(relay.url);
  const frame = questionFor(letter(), 600);
  for (let i = 0; i < 5_000; i++) {
    frame.set(random(32));
    client.send(Uint8Array.from(frame));
  }
  await client.settled();
  client.end();
}

test("a flood of garbage harms nobody and leaves nothing", async (t) => {
  const seed = Number(process.env["RELAY_SEED"] ?? randomInt(2 ** 31));
  t.diagnostic(`RELAY_SEED=${seed}`);
  const random = randomness(seed);
  const relay = await startAnywhere();
  t.after(() => relay.close());
  const [author, reader] = [await TestClient.open(relay.url), await TestClient.open(relay.url)];
  const count = 300;
  const messages = Array.from({ length: count }, (_, tag) => letter({ tag, flags: FLAG_ONE_RECEIVER }));
  for (const message of messages) reader.send(questionFor(message));
  await until(() => relay.stats().waiters === count, "the honest wait");
  const honest = (async () => {
    for (const message of messages) {
      author.send(message);
      await author.settled();
    }
  })();
  await Promise.all([
    honest,
    ...Array.from({ length: 30 }, () => garbageOverTcp(relay, random)),
    ...Array.from({ length: 15 }, () => garbageOverSocket(relay, random)),
    ...Array.from({ length: 100 }, () => post(relay.url, random(below(random, 2_000))).then((answer) => answer.text())),
    questions(relay, random),
  ]);
  assert.deepEqual(
    await reader.messages(count),
    messages.map((bytes) => Buffer.from(bytes)),
  );
  await until(() => relay.stats().waiters === 0 && relay.stats().connections === 2, "the strangers are gone");
  const { messages: kept, bytes, senders, backlogBytes } = relay.stats();
  assert.deepEqual({ kept, bytes, senders, backlogBytes }, { kept: 0, bytes: 0, senders: 0, backlogBytes: 0 });
  for (const client of [author, reader]) client.end();
});
