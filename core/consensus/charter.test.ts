import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { CodecError, rawCbor, fromHex, toHex, type Cbor } from "@conclave/bytes";
import { portableEngine as engine } from "@conclave/crypto";
import {
  charterCodec,
  charterHash,
  checkSignatures,
  signCharter,
  signedCharterCodec,
  TRANSPORTS,
  unsignedBy,
  type Charter,
  type SignedCharter,
} from "./charter.ts";
import { checkQuorums, type Roster } from "./roster.ts";
import { testCluster } from "./testing/cluster.ts";
import { envelopeSigner } from "./testing/cards.ts";

const NODES = 4;
const { roster } = testCluster(NODES);
const charter: Charter = {
  version: 1,
  roster,
  network: "signet",
  threshold: 3,
  quorum: 3,
  genesisMs: 1_763_632_800_000,
  transport: "quic",
};

const signatureOf = (i: number, of = charter) => ({
  node: of.roster.nodes[i]!.id,
  signature: signCharter(envelopeSigner(i, NODES), of),
});
const whole: SignedCharter = { charter, signatures: roster.nodes.map((_, i) => signatureOf(i)) };

/** The encoding that a charter would have if nobody checked it. */
const unchecked = (fields: Readonly<Record<keyof Charter, Cbor>>): Uint8Array => rawCbor.encode(Object.values(fields));
const rosterCbor = ({ cluster, version, nodes }: Roster): Cbor => [
  cluster,
  version,
  nodes.map(({ id, name, voteKey }): Cbor => [fromHex(id), name, voteKey]),
];
const plain = (of: Charter): Readonly<Record<keyof Charter, Cbor>> => ({ ...of, roster: rosterCbor(of.roster) });

describe("a charter", () => {
  test("survives its encoding; its hash changes with every field", () => {
    assert.deepEqual(charterCodec.decode(charterCodec.encode(charter)), charter);
    assert.deepEqual(charterCodec.encode(charter), unchecked(plain(charter)));
    const others: readonly Charter[] = [
      { ...charter, roster: { ...roster, cluster: "other" } },
      { ...charter, roster: { ...roster, version: 2 } },
      { ...charter, roster: { ...roster, nodes: roster.nodes.slice(1) } },
      { ...charter, network: "mainnet" },
      { ...charter, threshold: 4 },
      { ...charter, quorum: 4 },
      { ...charter, genesisMs: charter.genesisMs + 1 },
      ...TRANSPORTS.filter((transport) => transport !== "quic").map((transport): Charter => ({
        ...charter,
        transport,
      })),
    ];
    const hashes = new Set([charter, ...others].map((each) => toHex(charterHash(each))));
    assert.equal(hashes.size, others.length + 1);
  });

  const refusals: readonly (readonly [field: keyof Charter, value: Cbor, reason: RegExp])[] = [
    ["version", 0, /version/],
    ["version", 2, /version/],
    ["roster", rosterCbor({ ...roster, nodes: roster.nodes.toReversed() }), /ascending order/],
    ["roster", rosterCbor({ ...roster, nodes: roster.nodes.slice(0, 1) }), /2 to 32 values/],
    ["network", "bitcoin", /network/],
    ["network", "", /network/],
    ["threshold", 1, /threshold/],
    ["threshold", 33, /threshold/],
    ["quorum", 1, /quorum/],
    ["quorum", 33, /quorum/],
    ["genesisMs", -1, /genesisMs/],
    ["genesisMs", "now", /genesisMs/],
    ["transport", "memory", /transport/],
    ["transport", 1, /transport/],
  ];
  for (const [field, value, reason] of refusals) {
    test(`with ${field} ${typeof value === "object" ? "out of order or too short" : JSON.stringify(value)} is refused`, () => {
      assert.throws(
        () => charterCodec.decode(unchecked({ ...plain(charter), [field]: value })),
        (error) => error instanceof CodecError && reason.test(error.message),
      );
    });
  }

  test("cut anywhere, or with something behind it, is refused", () => {
    const bytes = signedCharterCodec.encode(whole);
    for (let length = 0; length < bytes.length; length += 7)
      assert.throws(() => signedCharterCodec.decode(bytes.subarray(0, length)), CodecError);
    assert.throws(() => signedCharterCodec.decode(Uint8Array.of(...bytes, 0)), CodecError);
  });
});

describe("signing a charter", () => {
  test("is refused for numbers under which a payment could be made twice", () => {
    for (const [threshold, quorum] of [
      [2, 2],
      [3, 2],
      [2, 3],
    ] as const) {
      assert.throws(() => checkQuorums({ n: NODES, t: threshold, q: quorum }), RangeError);
      assert.throws(() => signCharter(envelopeSigner(0, NODES), { ...charter, threshold, quorum }), RangeError);
    }
    assert.throws(
      () => signCharter(envelopeSigner(0, NODES), { ...charter, threshold: 5, quorum: 5 }),
      /not safe for 4/,
    );
  });

  test("is refused for a roster that is broken", () => {
    const broken = { ...charter, roster: { ...roster, nodes: roster.nodes.toReversed() } };
    assert.throws(() => signCharter(envelopeSigner(0, NODES), broken), CodecError);
  });
});

describe("signatures of a charter", () => {
  const refused = (signed: SignedCharter, words: RegExp): void =>
    assert.throws(
      () => checkSignatures(engine, signed),
      (error) => error instanceof CodecError && words.test(error.message),
    );

  test("of all nodes are good, and survive their encoding", () => {
    checkSignatures(engine, whole);
    assert.deepEqual(unsignedBy(whole), []);
    assert.deepEqual(signedCharterCodec.decode(signedCharterCodec.encode(whole)), whole);
  });

  test("of some are good as far as they go, and it is known whose are missing", () => {
    const half: SignedCharter = { charter, signatures: [signatureOf(0), signatureOf(2)] };
    checkSignatures(engine, half);
    assert.deepEqual(unsignedBy(half), ["node-01", "node-03"]);
    assert.deepEqual(unsignedBy({ charter, signatures: [] }).length, NODES);
  });

  test("are refused where a node signed twice", () => {
    refused({ charter, signatures: [...whole.signatures, signatureOf(1)] }, /signed the charter twice/);
  });

  test("are refused from a node that the charter does not name", () => {
    const node = testCluster(NODES + 1).roster.nodes[0]!.id;
    const signature = signCharter(envelopeSigner(0, NODES + 1), charter);
    refused({ charter, signatures: [...whole.signatures, { node, signature }] }, /a node that it does not name/);
  });

  test("are refused if they were made by another node, or changed anywhere", () => {
    const [first, ...rest] = whole.signatures as [(typeof whole.signatures)[0], ...typeof whole.signatures];
    refused(
      { charter, signatures: [{ ...first, signature: rest[0]!.signature }, ...rest] },
      /node-00 signed another charter/,
    );
    for (const at of [0, 31, 32, 63]) {
      const signature = first.signature.with(at, first.signature[at]! ^ 1);
      refused({ charter, signatures: [{ ...first, signature }, ...rest] }, /node-00 signed another charter/);
    }
  });

  test("are refused on any other charter, naming whoever signed another one", () => {
    for (const other of [
      { ...charter, threshold: 4 },
      { ...charter, quorum: 4 },
      { ...charter, network: "mainnet" },
      { ...charter, genesisMs: 0 },
      { ...charter, transport: "relay" },
      { ...charter, roster: { ...roster, version: 2 } },
    ] satisfies readonly Charter[])
      refused({ charter: other, signatures: whole.signatures }, /node-00 signed another charter: compare/);
    const mixed = [signatureOf(0), signatureOf(1, { ...charter, quorum: 4 }), signatureOf(2), signatureOf(3)];
    refused({ charter, signatures: mixed }, /node-01 signed another charter/);
  });

  test("made with a node's vote key do not count", () => {
    const { signers } = testCluster(NODES);
    const signature = signCharter(signers[0]!, charter);
    refused({ charter, signatures: [{ node: roster.nodes[0]!.id, signature }] }, /node-00 signed another charter/);
  });
});
