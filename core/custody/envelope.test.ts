/** What may stand in an envelope, and what happens to everything else. */
import { CodecError, concatBytes, rawCbor, toHex } from "@conclave/bytes";
import { rosterHash, type NodeId } from "@conclave/consensus";
import { nodeEngine } from "@conclave/engine-node";
import { seededRng } from "@conclave/crypto/testing";
import { mutations, type Replacement } from "@conclave/protocol/testing";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { EnvelopeReader, EnvelopeRefused, headerCodec, KINDS, sealEnvelope, slotOf, type Kind } from "./envelope.ts";
import { createIdentity } from "./identity.ts";
import { Cluster } from "./testing/cluster.ts";
import { memoryVault } from "./testing/memory-vault.ts";
import { headerBytes, oneOfEachKind, resign, withHeader } from "./testing/wires.ts";

const cluster = new Cluster({ n: 4, t: 3, seed: "envelopes", withKey: false });
const samples = oneOfEachKind(cluster);
const sample = (kind: Kind) => {
  const found = samples.get(kind);
  assert.ok(found !== undefined, `the runs hold no ${kind}`);
  return found;
};
/** Never sent in these runs; the header is of the same form as in one that convicts. */
const evidence = { from: 1, envelope: cluster.reader.open(cluster.forge(1, { kind: "evidence" }, new Uint8Array(9))) };
/** Nor is this: the key of these runs has no edges. */
const fields = { kind: "edge" as const, key: cluster.key, epoch: 0 };
const edge = { from: 1, envelope: cluster.reader.open(cluster.forge(1, fields, new Uint8Array(9))) };
/** Nor this: nobody's approval is awaited in these runs. */
const wait = { kind: "waiting" as const, request: new Uint8Array(32).fill(7) };
const waiting = { from: 1, envelope: cluster.reader.open(cluster.forge(1, wait, new Uint8Array(0))) };
/** Nor this: audit logs are the hosts'. */
const checkpoint = {
  from: 1,
  envelope: cluster.reader.open(cluster.forge(1, { kind: "checkpoint" }, new Uint8Array(9))),
};
const made: Partial<Record<Kind, typeof edge>> = { evidence, edge, waiting, checkpoint };
const all = KINDS.map((kind) => [kind, made[kind] ?? sample(kind)] as const);

const otherKinds = (kind: string): readonly Replacement[] =>
  kind === "literal" ? KINDS.map((value) => ({ name: `a ${value}`, value, illegal: false })) : [];
const otherSenders = (kind: string, value: unknown): readonly Replacement[] =>
  kind === "bytes" && value instanceof Uint8Array && cluster.partyOf(toHex(value) as NodeId) > 0
    ? [{ name: "another member", value: cluster.node(4).identity.envelope.publicKey, illegal: false }]
    : [];
const rowsOf = (header: Uint8Array) =>
  mutations(headerCodec, header, { extra: (kind, value) => [...otherKinds(kind), ...otherSenders(kind, value)] });

const isRefused = (wire: Uint8Array): boolean => {
  try {
    cluster.reader.open(wire);
    return false;
  } catch (error) {
    assert.ok(error instanceof EnvelopeRefused, String(error));
    return true;
  }
};

describe("a header", () => {
  test("changed on the way is refused, in every field of every kind of message", () => {
    let count = 0;
    for (const [kind, { envelope }] of all) {
      for (const mutation of rowsOf(headerBytes(envelope))) {
        assert.ok(isRefused(withHeader(envelope, mutation.bytes)), `${kind}, ${mutation.path}: ${mutation.name}`);
        count += 1;
      }
    }
    console.log(`headers: ${count} changes on the way, all refused`);
    assert.ok(count > 1_000);
  });

  /** What each kind says beside who sent it. The rest of the header is empty, whoever signs something else. */
  const SAID: Readonly<Record<Kind, readonly string[]>> = {
    proposal: ["request", "round"],
    vote: ["request", "round"],
    abandon: ["request", "round"],
    setup: ["request", "attempt", "round"],
    ack: ["request", "attempt", "round", "receiver"],
    begin: ["request", "attempt", "round"],
    "step/broadcast": ["protocol", "ssid", "request", "attempt", "key", "epoch", "round", "view", "senderIndex"],
    "step/direct": [
      "protocol",
      "ssid",
      "request",
      "attempt",
      "key",
      "epoch",
      "round",
      "view",
      "senderIndex",
      "receiver",
      "receiverIndex",
    ],
    "step/echo": ["protocol", "ssid", "request", "attempt", "key", "epoch", "round", "view", "senderIndex"],
    result: ["request", "round"],
    edge: ["key", "epoch"],
    waiting: ["request", "round"],
    certificate: ["key", "epoch"],
    evidence: [],
    hello: [],
    witness: ["receiver"],
    checkpoint: [],
  };
  /** What its sender cannot change, though it signs. */
  const NEVER = ["", "version", "roster", "sender", "length"];
  /** Kinds whose headers look alike in a first attempt; what tells them apart is the body, which each decodes for itself. */
  const ALIKE: readonly (readonly Kind[])[] = [
    ["proposal", "vote", "abandon", "result", "setup", "begin", "waiting"],
    ["step/broadcast", "step/echo"],
    ["evidence", "hello", "checkpoint"],
    ["certificate", "edge"],
  ];

  const decodes = (bytes: Uint8Array): boolean => {
    try {
      headerCodec.decode(bytes);
      return true;
    } catch (error) {
      assert.ok(error instanceof CodecError);
      return false;
    }
  };

  test("says what its kind says and nothing else, even if its sender signs it: every field of every kind", () => {
    let [count, refused] = [0, 0];
    for (const [kind, { from, envelope }] of all) {
      for (const mutation of rowsOf(headerBytes(envelope))) {
        const { field, name, bytes } = mutation;
        const row = `${kind}, ${field}: ${name}`;
        count += 1;
        const readable = decodes(bytes);
        assert.ok(!(mutation.illegal && readable), `${row}: the codec accepts it`);
        const expected = ((): boolean => {
          if (!readable || NEVER.includes(field)) return true;
          if (field === "kind")
            return !ALIKE.some((kinds) => kinds.includes(kind) && kinds.some((k) => name === `a ${k}`));
          // A receiver has to be a member, and what a kind says it has to say.
          if (field === "receiver" && name !== "another member") return true;
          assert.ok(field in headerCodec.decode(bytes), `no verdict for ${row}`);
          return !SAID[kind].includes(field) || name === "absent";
        })();
        assert.equal(isRefused(resign(cluster.node(from).identity, bytes, envelope.body)), expected, row);
        if (expected) refused += 1;
      }
    }
    console.log(`headers: ${count} changes by their signer, ${refused} refused at the door`);
  });
});

describe("an envelope", () => {
  const { from, envelope } = sample("vote");
  const header = headerBytes(envelope);

  test("changed in body or signature is refused", () => {
    for (const at of [0, Math.floor(envelope.body.length / 2), envelope.body.length - 1]) {
      const body = envelope.body.slice();
      body[at]! ^= 1;
      assert.ok(isRefused(rawCbor.encode([header, body, envelope.signature])));
    }
    for (const at of [0, 31, 32, 63]) {
      const signature = envelope.signature.slice();
      signature[at]! ^= 1;
      assert.ok(isRefused(rawCbor.encode([header, envelope.body, signature])));
    }
    assert.ok(isRefused(rawCbor.encode([header, envelope.body, new Uint8Array(64)])));
    assert.equal(isRefused(envelope.wire), false);
  });

  test("as long as its header says, neither longer nor shorter, even if signed so", () => {
    for (const body of [envelope.body.slice(1), concatBytes(envelope.body, Uint8Array.of(0)), new Uint8Array(0)]) {
      const wire = resign(cluster.node(from).identity, header, body);
      assert.throws(() => cluster.reader.open(wire), /not as long as its header says/);
    }
  });

  test("of a stranger, in a stranger's name or in another member's name is refused", () => {
    const stranger = createIdentity(nodeEngine, memoryVault(), seededRng("stranger"));
    const own = sealEnvelope(stranger, cluster.rosterHash, { kind: "hello" }, new Uint8Array(1));
    assert.throws(() => cluster.reader.open(own.wire), /the sender is not in the roster/);
    const inName = resign(stranger, header, envelope.body);
    assert.throws(() => cluster.reader.open(inName), /bad signature/);
    const forged = resign(cluster.node(2).identity, headerBytes(sample("hello").envelope), envelope.body);
    assert.throws(() => cluster.reader.open(forged), EnvelopeRefused);
    const to = cluster.forge(1, { kind: "witness", receiver: stranger.id }, new Uint8Array(1));
    assert.throws(() => cluster.reader.open(to), /the receiver is not in the roster/);
  });

  test("made for another roster is refused", () => {
    const roster = { ...cluster.roster, version: 2 };
    const other = new EnvelopeReader(nodeEngine, roster, rosterHash(roster));
    assert.throws(() => other.open(envelope.wire), /made for another roster/);
  });

  test("with more than its kind may carry is refused, so that two of them always fit into a ban record", () => {
    const fields = { kind: "setup" as const, request: new Uint8Array(32), round: "1.1" };
    cluster.reader.open(cluster.forge(1, fields, new Uint8Array(100_000)));
    assert.throws(
      () => cluster.reader.open(cluster.forge(1, fields, new Uint8Array(100_001))),
      /a setup of 100001 bytes/,
    );
  });

  test("in other encodings of the same content is refused", () => {
    const parts = [header, envelope.body, envelope.signature];
    for (const bytes of [
      concatBytes(envelope.wire, Uint8Array.of(0)),
      rawCbor.encode([...parts, 0]),
      rawCbor.encode(parts.slice(1)),
      Uint8Array.of(0x9f, ...envelope.wire.subarray(1), 0xff),
      Uint8Array.of(0x98, 3, ...envelope.wire.subarray(1)),
    ]) {
      assert.ok(isRefused(bytes));
    }
  });

  test("fills a slot named by kind, session, request, attempt, round, sender and receiver", () => {
    const step = sample("step/direct").envelope.header;
    const slots = [
      step,
      { ...step, kind: "step/broadcast" as const },
      { ...step, ssid: new Uint8Array(32) },
      { ...step, request: new Uint8Array(32) },
      { ...step, attempt: step.attempt + 1 },
      { ...step, round: "another" },
      { ...step, sender: cluster.idOf(4) },
      { ...step, receiver: null },
    ].map((of) => toHex(slotOf(of)));
    assert.equal(new Set(slots).size, slots.length);
    assert.equal(toHex(slotOf({ ...step, view: new Uint8Array(32), length: 1 })), slots[0]);
  });
});
