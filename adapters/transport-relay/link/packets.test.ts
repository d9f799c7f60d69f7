import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { toHex, transcript } from "@conclave/bytes";
import { nodeEngine as engine } from "@conclave/engine-node";
import { actor, machineRandom, ROSTER, type Actor } from "../testing/cast.ts";
import { PairKeys, type Life } from "./keys.ts";
import {
  decodeNote,
  encodeNote,
  openGreeting,
  openPacket,
  readPacket,
  sealGreeting,
  sealPacket,
  type Packet,
  type SessionKind,
} from "./packets.ts";
import { fitting, pack, unpack } from "./packing.ts";
import { MAX_UNDER_WAY, ReceiveWindow, SendWindow } from "./windows.ts";

const [ONE, TWO, EVE] = [actor("one"), actor("two"), actor("eve")];

const pairOf = (self: Actor, peer: Actor, rosterHash = ROSTER): PairKeys =>
  new PairKeys({
    engine,
    self: self.node,
    peer: peer.node,
    sealSecret: self.sealSecret,
    peerSealKey: peer.sealKey,
    rosterHash,
  });

function life(): Life {
  const secret = machineRandom(32);
  return { secret, public: engine.x25519Public(secret) };
}

const [ones, twos] = [pairOf(ONE, TWO), pairOf(TWO, ONE)];
const [oneLife, twoLife] = [life(), life()];
const fromOne = ones.session(oneLife, twoLife.public);
const toTwo = twos.session(twoLife, oneLife.public);

const readSession = (bytes: Uint8Array): Extract<Packet, { kind: SessionKind }> => {
  const packet = readPacket(bytes);
  assert(packet !== null && packet.kind !== "greeting");
  return packet;
};

describe("keys of a pair", () => {
  it("are the same at both ends, one for each direction and use", () => {
    assert.deepEqual([ones.mailbox.send, ones.greeting.send], [twos.mailbox.receive, twos.greeting.receive]);
    assert.deepEqual([fromOne.send, fromOne.receive, fromOne.id], [toTwo.receive, toTwo.send, toTwo.id]);
    const all = [ones.mailbox.send, ones.mailbox.receive, ones.greeting.send, ones.greeting.receive];
    all.push(fromOne.send, fromOne.receive);
    assert.equal(new Set(all.map(toHex)).size, all.length);
  });

  it("are others for other peers, rosters and lives", () => {
    const elsewhere = pairOf(ONE, TWO, transcript("testing/relay/elsewhere", {}));
    for (const other of [pairOf(ONE, EVE), pairOf(EVE, TWO), elsewhere]) {
      assert.notDeepEqual(other.mailbox.send, ones.mailbox.send);
      assert.notDeepEqual(other.greeting.send, ones.greeting.send);
    }
    assert.notDeepEqual(ones.session(life(), twoLife.public).send, fromOne.send);
    assert.notDeepEqual(ones.session(oneLife, life().public).send, fromOne.send);
  });

  it("are not made with a key of small order", () => {
    const nothing = { ...TWO, sealKey: new Uint8Array(32) };
    assert.throws(() => pairOf(ONE, nothing), RangeError);
    assert.throws(() => ones.session(oneLife, new Uint8Array(32)), RangeError);
  });
});

describe("packets", () => {
  const plain = transcript("testing/relay/plain", {});

  it("open for their receiver, once whole and in place", () => {
    for (const kind of ["frames", "note"] as const) {
      const packet = sealPacket(fromOne, { kind, number: 7, plain });
      assert.deepEqual(openPacket(toTwo, readSession(packet)), plain);
    }
    const greeting = { life: oneLife.public, heard: twoLife.public };
    for (const said of [greeting, { ...greeting, heard: null }]) {
      const packet = readPacket(sealGreeting(ones.greeting, machineRandom, said));
      assert(packet?.kind === "greeting");
      assert.deepEqual(openGreeting(twos.greeting, packet), said);
    }
  });

  it("do not open with any bit changed", () => {
    const packet = sealPacket(fromOne, { kind: "frames", number: 7, plain });
    for (let at = 0; at < packet.length; at++) {
      const read = readPacket(packet.map((byte, i) => (i === at ? byte ^ (1 << (at % 8)) : byte)));
      if (read !== null && read.kind !== "greeting") assert.equal(openPacket(toTwo, read), null);
    }
    const greeting = sealGreeting(ones.greeting, machineRandom, { life: oneLife.public, heard: null });
    for (let at = 1; at < greeting.length; at++) {
      const read = readPacket(greeting.map((byte, i) => (i === at ? byte ^ 1 : byte)));
      assert(read?.kind === "greeting");
      assert.equal(openGreeting(twos.greeting, read), null);
    }
  });

  it("do not open for their own sender, for a stranger, or in another session", () => {
    const packet = readSession(sealPacket(fromOne, { kind: "frames", number: 0, plain }));
    assert.equal(openPacket(fromOne, packet), null);
    assert.equal(openPacket(pairOf(TWO, EVE).session(twoLife, oneLife.public), packet), null);
    assert.equal(openPacket(twos.session(life(), oneLife.public), packet), null);
    const greeting = readPacket(sealGreeting(ones.greeting, machineRandom, { life: oneLife.public, heard: null }));
    assert(greeting?.kind === "greeting");
    for (const keys of [ones.greeting, pairOf(TWO, EVE).greeting, pairOf(EVE, ONE).greeting])
      assert.equal(openGreeting(keys, greeting), null);
  });

  it("are read for what they are, whatever comes", () => {
    for (const bytes of [
      [],
      [0],
      [1],
      [2],
      [3, ...new Uint8Array(60)],
      [1, ...new Uint8Array(31)],
      [0, ...new Uint8Array(105)],
    ])
      assert.equal(readPacket(Uint8Array.from(bytes)), null);
    // A number beyond what can be counted exactly.
    assert.equal(
      readPacket(Uint8Array.from([1, ...new Uint8Array(8), ...new Uint8Array(8).fill(255), ...new Uint8Array(16)])),
      null,
    );
  });
});

describe("notes and frames", () => {
  it("come out as they went in", () => {
    const note = { next: 5, above: [7, 9], leaving: false };
    assert.deepEqual(decodeNote(encodeNote(note)), note);
    assert.equal(decodeNote(Uint8Array.of(1, 2, 3)), null);
    const frames = [new Uint8Array(), Uint8Array.of(1), machineRandom(70_000)];
    assert.deepEqual(unpack(pack(frames), 70_000), frames);
  });

  it("are refused if a length does not fit", () => {
    assert.equal(unpack(pack([machineRandom(11)]), 10), null);
    assert.equal(unpack(pack([machineRandom(10)]).subarray(0, 13), 10), null);
    assert.equal(unpack(Uint8Array.of(0, 0, 0), 10), null);
  });

  it("are packed many at a time if they are short, and one at least", () => {
    const short = Array.from({ length: 10_000 }, () => new Uint8Array(60));
    assert.equal(fitting(short, 0), 1_024);
    assert.equal(fitting(short, 9_999), 1);
    assert.equal(fitting([new Uint8Array(1 << 20), new Uint8Array(1)], 0), 1);
  });
});

describe("windows", () => {
  it("take each number once, and none that is far ahead", () => {
    const window = new ReceiveWindow();
    for (const number of [0, 2, 4]) window.took(number);
    assert.deepEqual(window.received, { next: 1, above: [2, 4] });
    assert.deepEqual(
      [0, 1, 2, 3, MAX_UNDER_WAY, MAX_UNDER_WAY + 1].map((number) => window.expects(number)),
      [false, true, false, true, true, false],
    );
    window.took(1);
    assert.deepEqual(window.received, { next: 3, above: [4] });
  });

  it("are full by packets and by bytes, until the peer has some", () => {
    const packets = new SendWindow();
    while (!packets.isFull) packets.add(new Uint8Array(1));
    assert.equal(packets.next, MAX_UNDER_WAY);
    packets.acknowledge({ next: 0, above: [5] });
    assert(packets.isFull, "the oldest is still under way");
    packets.acknowledge({ next: 1, above: [] });
    assert(!packets.isFull);
    const bytes = new SendWindow();
    while (!bytes.isFull) bytes.add(new Uint8Array(1 << 20));
    assert.equal(bytes.next, 2);
    bytes.acknowledge({ next: 0, above: [1, 1, 99] });
    assert(!bytes.isFull);
    assert.equal(bytes.notSentSince(-Infinity).length, 1);
  });
});
