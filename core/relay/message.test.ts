import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, test } from "node:test";
import { CodecError, fromHex, toHex } from "@conclave/bytes";
import { portableEngine } from "@conclave/crypto";
import { nodeEngine } from "@conclave/engine-node";
import fc from "fast-check";
import {
  MAX_MESSAGE_BYTES,
  MESSAGE_OVERHEAD_BYTES,
  messageId,
  objection,
  readFrame,
  signMessage,
  type Message,
} from "./index.ts";
import { letterWriter } from "./testing/letters.ts";

const letter = letterWriter(nodeEngine);
const key = (fill: number): Uint8Array => new Uint8Array(32).fill(fill);

function read(bytes: Uint8Array): Message {
  const frame = readFrame(bytes);
  assert.ok(frame.kind === "publish");
  return frame.message;
}

describe("an id", () => {
  test("is the hash of tag, sender, receiver if there is one, and run", () => {
    const sha256 = (hex: string): string => createHash("sha256").update(hex, "hex").digest("hex");
    const address = { tag: 0x0102n, sender: key(1), receiver: key(2), instance: key(3) };
    const [sender, receiver, instance] = ["01", "02", "03"].map((byte) => byte.repeat(32));
    assert.equal(toHex(messageId(nodeEngine, address)), sha256(`0201000000000000${sender}${receiver}${instance}`));
    const broadcast = messageId(nodeEngine, { ...address, receiver: null });
    assert.equal(toHex(broadcast), sha256(`0201000000000000${sender}${instance}`));
  });

  test("needs a tag of 64 bits and keys of 32 bytes", () => {
    const address = { tag: 0n, sender: key(1), receiver: null, instance: key(3) };
    for (const tag of [-1n, 1n << 64n]) assert.throws(() => messageId(nodeEngine, { ...address, tag }), /64 bits/);
    for (const field of ["sender", "receiver", "instance"])
      assert.throws(() => messageId(nodeEngine, { ...address, [field]: new Uint8Array(31) }), /32 bytes/);
  });
});

describe("a message", () => {
  test("is read back as it was written, by any engine", () => {
    const parts = fc.record({
      tag: fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
      payload: fc.uint8Array({ maxLength: 300 }),
      receiver: fc.option(fc.constant(key(7))),
      flags: fc.integer({ min: 0, max: 0xfff }),
    });
    fc.assert(
      fc.property(parts, (wanted) => {
        const bytes = letter({ ...wanted, ttlSeconds: 30 });
        const message = read(bytes);
        assert.deepEqual(
          { tag: message.tag, payload: message.payload, receiver: message.receiver, flags: message.header.flags },
          { ...wanted },
        );
        assert.equal(objection(nodeEngine, bytes, message), null);
      }),
      { numRuns: 50 },
    );
    const bytes = letter();
    assert.equal(objection(portableEngine, bytes, read(bytes)), null);
  });

  test("changed anywhere does not stand under its id", () => {
    const bytes = letter({ receiver: key(9), payload: key(4) });
    for (let at = 0; at < bytes.length; at++) {
      const changed = Uint8Array.from(bytes);
      changed[at]! ^= 1;
      // The address and the id are bytes 0–31 and 36–139; the rest is the signature's.
      const expected = at < 32 || (at >= 36 && at < 140) ? "another id" : "bad signature";
      assert.equal(objection(nodeEngine, changed, read(changed)), expected, `byte ${at}`);
    }
  });

  test("in the name of a key that is none does not stand", () => {
    for (const sender of [key(0), fromHex("01".padEnd(64, "0")), key(0xff)]) {
      const bytes = Uint8Array.from(letter());
      bytes.set(sender, 44);
      bytes.set(messageId(nodeEngine, read(bytes)));
      assert.equal(objection(nodeEngine, bytes, read(bytes)), "bad signature", toHex(sender));
    }
  });

  test("signed for another purpose does not stand", () => {
    const bytes = Uint8Array.from(letter());
    const seed = new Uint8Array(32);
    seed[3] = 1;
    const signer = nodeEngine.ed25519Signer(seed);
    assert.deepEqual(read(bytes).sender, signer.publicKey);
    bytes.set(signer.sign(bytes.subarray(0, -64)), bytes.length - 64);
    assert.equal(objection(nodeEngine, bytes, read(bytes)), "bad signature");
  });

  test("has a longest length, for writers and readers", () => {
    const signer = nodeEngine.ed25519Signer(key(1));
    const most = MAX_MESSAGE_BYTES - MESSAGE_OVERHEAD_BYTES;
    const write = (length: number): Uint8Array =>
      signMessage(nodeEngine, signer, {
        tag: 1n,
        receiver: null,
        instance: key(2),
        ttlSeconds: 1,
        flags: 0,
        payload: new Uint8Array(length),
      });
    assert.equal(read(write(most)).payload.length, most);
    assert.throws(() => write(most + 1), /a message holds at most/);
    assert.throws(() => readFrame(new Uint8Array(MAX_MESSAGE_BYTES + 1)), CodecError);
  });

  test("between a question and the shortest message nothing is a frame", () => {
    for (let length = 0; length < 260; length++) {
      const bytes = new Uint8Array(length);
      if (length === 36) assert.equal(readFrame(bytes).kind, "ask");
      else if (length >= MESSAGE_OVERHEAD_BYTES) assert.equal(readFrame(bytes).kind, "publish");
      else assert.throws(() => readFrame(bytes), CodecError, `${length} bytes`);
    }
  });
});
