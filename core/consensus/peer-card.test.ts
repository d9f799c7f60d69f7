import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { CodecError, fromHex, rawCbor, type Cbor } from "@conclave/bytes";
import { portableEngine as engine } from "@conclave/crypto";
import {
  checkCard,
  peerCardCodec,
  signCard,
  signedCardCodec,
  verifyCard,
  type PeerCard,
  type SignedCard,
} from "./peer-card.ts";
import { testCard, envelopeSigner } from "./testing/cards.ts";
import { testCluster } from "./testing/cluster.ts";

const NODES = 3;
const { roster, signers } = testCluster(NODES);
const card = testCard(0, NODES);
const good = signCard(envelopeSigner(0, NODES), card);

/** y = 2 is on no point of the curve. */
const NOT_ON_CURVE = fromHex(`02${"00".repeat(31)}`);
/** The point of order 2 (RFC 8032: y = −1): canonical, on the curve, and of small order. */
const SMALL_ORDER = fromHex(`ec${"ff".repeat(30)}7f`);

const plain = (of: PeerCard): Readonly<Record<keyof PeerCard, Cbor>> => ({
  ...of,
  node: fromHex(of.node),
  endpoints: [[...of.endpoints.quic], [...of.endpoints.libp2p]],
});
/** The encoding that a card would have if nobody checked it. */
const unchecked = (changes: Partial<Record<keyof PeerCard, Cbor>> = {}): Uint8Array =>
  rawCbor.encode(Object.values({ ...plain(card), ...changes }));

/** Every field, each changed to something that is still a card. */
const CHANGES: { readonly [F in keyof PeerCard]: PeerCard[F] } = {
  cluster: "other",
  node: roster.nodes[1]!.id,
  name: "node-01",
  voteKey: roster.nodes[1]!.voteKey,
  serial: 2,
  libp2pKey: testCard(1, NODES).libp2pKey,
  relaySignKey: testCard(1, NODES).relaySignKey,
  relaySealKey: testCard(1, NODES).relaySealKey,
  tlsKey: card.tlsKey.with(90, 1),
  endpoints: { ...card.endpoints, quic: ["10.6.6.6:9000"] },
};
const FIELDS = Object.keys(CHANGES) as (keyof PeerCard)[];

describe("a card", () => {
  test("survives its encoding, with and without a signature", () => {
    assert.deepEqual(peerCardCodec.decode(peerCardCodec.encode(card)), card);
    assert.deepEqual(peerCardCodec.encode(card), unchecked());
    assert.deepEqual(signedCardCodec.decode(signedCardCodec.encode(good)), good);
    assert.deepEqual(FIELDS.toSorted(), Object.keys(card).toSorted());
  });

  test("may name no address, and IPv6, host names and several of each", () => {
    const endpoints = { quic: ["[2001:db8::1]:9000", "10.0.0.1:1"], libp2p: ["/ip6/::1/tcp/9001/ws"] };
    for (const each of [endpoints, { quic: [], libp2p: [] }])
      assert.deepEqual(peerCardCodec.decode(peerCardCodec.encode({ ...card, endpoints: each })).endpoints, each);
  });

  const refusals: readonly (readonly [what: string, changes: Partial<Record<keyof PeerCard, Cbor>>, reason: RegExp])[] =
    [
      ["a name in capitals", { name: "Node" }, /name/],
      ["a name of 33 letters", { name: "a".repeat(33) }, /name/],
      ["no cluster", { cluster: "" }, /cluster/],
      ["serial 0", { serial: 0 }, /serial/],
      ["a node id of 31 bytes", { node: fromHex(card.node).subarray(1) }, /node/],
      ["a vote key on no point", { voteKey: NOT_ON_CURVE }, /not a point/],
      ["a libp2p key on no point", { libp2pKey: NOT_ON_CURVE }, /not a point/],
      ["a libp2p key of small order", { libp2pKey: SMALL_ORDER }, /prime-order/],
      ["a relay key of small order", { relaySignKey: SMALL_ORDER }, /prime-order/],
      ["a relay key on no point", { relaySignKey: NOT_ON_CURVE }, /not a point/],
      ["a sealing key of 33 bytes", { relaySealKey: new Uint8Array(33) }, /relaySealKey/],
      ["a TLS key of 90 bytes", { tlsKey: card.tlsKey.subarray(1) }, /tlsKey/],
      ["a TLS key of 92 bytes", { tlsKey: new Uint8Array(92) }, /tlsKey/],
      ["an address without a port", { endpoints: [["node.example.org"], []] }, /quic/],
      ["an address with a path", { endpoints: [["node.example.org:9000/x"], []] }, /quic/],
      ["an address with a line break", { endpoints: [["10.0.0.1:9000\n"], []] }, /quic/],
      ["an address that is too long", { endpoints: [[`${"a".repeat(296)}:9000`], []] }, /quic/],
      ["nine addresses", { endpoints: [Array.from({ length: 9 }, (_, i) => `10.0.0.${i}:9000`), []] }, /quic/],
      ["a multiaddr without a slash", { endpoints: [[], ["ip4/10.0.0.1/tcp/1"]] }, /libp2p/],
      ["a multiaddr with a blank", { endpoints: [[], ["/ip4/10.0.0.1 /tcp/1"]] }, /libp2p/],
    ];
  for (const [what, changes, reason] of refusals) {
    test(`with ${what} is refused`, () => {
      assert.throws(
        () => peerCardCodec.decode(unchecked(changes)),
        (error) => error instanceof CodecError && reason.test(error.message),
      );
      assert.throws(
        () => signedCardCodec.decode(rawCbor.encode([Object.values({ ...plain(card), ...changes }), good.signature])),
        CodecError,
      );
    });
  }

  test("with one key for two purposes is refused, read or written", () => {
    const keys = { voteKey: 0, libp2pKey: 0, relaySignKey: 0, relaySealKey: 0 };
    const fields = Object.keys(keys) as (keyof typeof keys)[];
    const values: readonly Uint8Array[] = [fromHex(card.node), ...fields.map((field) => card[field])];
    for (const [i, field] of fields.entries())
      for (const value of values.slice(0, i + 1)) {
        const words = /two keys of node-00's card are the same key/;
        assert.throws(() => peerCardCodec.decode(unchecked({ [field]: value })), words, field);
        assert.throws(() => signCard(envelopeSigner(0, NODES), { ...card, [field]: value }), words, field);
      }
  });

  test("cut anywhere, or with something behind it, is refused", () => {
    const bytes = signedCardCodec.encode(good);
    for (let length = 0; length < bytes.length; length += 5)
      assert.throws(() => signedCardCodec.decode(bytes.subarray(0, length)), CodecError);
    assert.throws(() => signedCardCodec.decode(Uint8Array.of(...bytes, 0)), CodecError);
  });
});

describe("a card's signature", () => {
  test("covers every field", () => {
    assert.ok(verifyCard(engine, good));
    for (const field of FIELDS) {
      const changed: SignedCard = { ...good, card: { ...card, [field]: CHANGES[field] } };
      assert.ok(!verifyCard(engine, changed), field);
    }
    for (const changed of [
      { ...card, endpoints: { ...card.endpoints, libp2p: [] } },
      { ...card, endpoints: { quic: [...card.endpoints.quic, "10.0.0.1:1"], libp2p: card.endpoints.libp2p } },
    ])
      assert.ok(!verifyCard(engine, { ...good, card: changed }));
  });

  test("is the node's own: neither another node's, nor made with its vote key, nor changed anywhere", () => {
    assert.ok(!verifyCard(engine, signCard(envelopeSigner(1, NODES), card)));
    assert.ok(!verifyCard(engine, signCard(signers[0]!, card)));
    for (const at of [0, 31, 32, 63])
      assert.ok(!verifyCard(engine, { ...good, signature: good.signature.with(at, good.signature[at]! ^ 1) }));
  });
});

describe("a card in a cluster", () => {
  const refused = (signed: SignedCard, words: RegExp): void =>
    assert.throws(
      () => checkCard(engine, roster, signed),
      (error) => error instanceof CodecError && words.test(error.message),
    );
  const resigned = (changes: Partial<PeerCard>, i = 0): SignedCard =>
    signCard(envelopeSigner(i, NODES), { ...card, ...changes });

  test("of a node that the roster names as it is holds, whatever its addresses and number", () => {
    assert.deepEqual(checkCard(engine, roster, good), card);
    const moved = resigned({ serial: 9, endpoints: { quic: [], libp2p: [] } });
    assert.equal(checkCard(engine, roster, moved).serial, 9);
  });

  test("of another cluster, a stranger, another name or another vote key is refused, each in its words", () => {
    refused(resigned({ cluster: "other" }), /card is for the cluster other, and this is test/);
    const stranger = signCard(envelopeSigner(0, 5), testCard(0, 5));
    refused(stranger, /card is of a node that the roster does not name/);
    refused(resigned({ name: "node-77" }), /node-77's card contradicts the roster: there the node is node-00/);
    refused(resigned({ voteKey: CHANGES.voteKey }), /contradicts the roster/);
  });

  test("that the node did not sign is refused", () => {
    refused({ ...good, signature: good.signature.with(0, good.signature[0]! ^ 1) }, /is not signed by that node/);
    refused(resigned({}, 1), /is not signed by that node/);
    for (const field of ["libp2pKey", "relaySignKey", "relaySealKey", "tlsKey", "endpoints", "serial"] as const)
      refused({ ...good, card: { ...card, [field]: CHANGES[field] } }, /is not signed by that node/);
  });
});
