import { codec, CodecError, toHex } from "@conclave/bytes";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ascending, MAX_PARTIES, partyIndex, ssidFromAcks, viewHash } from "./index.ts";
import { parties } from "./testing/index.ts";

const ack = (fill: number): Uint8Array => new Uint8Array(100).fill(fill);

describe("a session id", () => {
  const id = (
    ...changes: Partial<{ tag: "ssid/keygen" | "ssid/session"; n: number; acks: Uint8Array[] }>[]
  ): string => {
    const { tag, n, acks } = Object.assign(
      { tag: "ssid/session" as const, n: 3, acks: [ack(1), ack(2), ack(3)] },
      ...changes,
    );
    return toHex(ssidFromAcks(tag, { n }, acks));
  };

  test("changes with its purpose, its fields, and every ack", () => {
    const ids = [
      id(),
      id({ tag: "ssid/keygen" }),
      id({ n: 4 }),
      id({ acks: [ack(9), ack(2), ack(3)] }),
      id({ acks: [ack(1), ack(9), ack(3)] }),
      id({ acks: [ack(1), ack(2), ack(9)] }),
      id({ acks: [ack(1), ack(2)] }),
      id({ acks: [ack(2), ack(1), ack(3)] }),
    ];
    assert.equal(new Set(ids).size, ids.length);
    assert.equal(id(), id());
    assert.equal(id().length, 64);
  });

  test("does not confuse where one ack ends and the next begins", () => {
    const [long, short] = [Uint8Array.of(1, 2, 3), Uint8Array.of(1, 2)];
    assert.notEqual(id({ acks: [long, Uint8Array.of(4)] }), id({ acks: [short, Uint8Array.of(3, 4)] }));
  });

  test("cannot be made from fewer than two acks, so no party makes one alone", () => {
    assert.throws(() => id({ acks: [ack(1)] }), /at least two acks/);
    assert.throws(() => id({ acks: [] }), /at least two acks/);
  });
});

describe("a view", () => {
  test("changes with session, round and public state, and confuses none of them", () => {
    const [a, b] = [Uint8Array.of(1), Uint8Array.of(2)];
    const views = [
      viewHash(a, "r", b),
      viewHash(b, "r", b),
      viewHash(a, "s", b),
      viewHash(a, "r", a),
      viewHash(a, "", b),
    ];
    assert.equal(new Set(views.map(toHex)).size, views.length);
  });
});

describe("a party number", () => {
  const party = codec(partyIndex);

  test("is 1 to the largest committee", () => {
    assert.equal(party.decode(party.encode(parties(1)[0]!)), 1);
    assert.equal(party.decode(Uint8Array.of(0x18, MAX_PARTIES)), MAX_PARTIES);
    // 0; one too many; −1; 256 + 1; 1.0 as a half float; text.
    for (const bytes of [
      [0x00],
      [0x18, MAX_PARTIES + 1],
      [0x20],
      [0x19, 0x01, 0x01],
      [0xf9, 0x3c, 0x00],
      [0x61, 0x31],
    ]) {
      assert.throws(() => party.decode(Uint8Array.from(bytes)), CodecError);
    }
  });

  test("is ordered as a number, not as text", () => {
    assert.deepEqual(ascending(parties(10, 9, 1, 32, 2)), [1, 2, 9, 10, 32]);
  });
});
