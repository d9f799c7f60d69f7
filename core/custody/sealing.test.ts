/** Sealed parts open for one receiver, in one place; and nothing secret ever travels in the clear. */
import { concatBytes, toHex } from "@conclave/bytes";
import type { NodeId } from "@conclave/consensus";
import { isShareOf, portableEngine, secp256k1Group, type Commitment, type Engine, type Group } from "@conclave/crypto";
import { seededRng } from "@conclave/crypto/testing";
import { nodeEngine } from "@conclave/engine-node";
import { keygenProtocol, keyShareCodec } from "@conclave/keys";
import { roundOf } from "@conclave/protocol";
import { taprootScheme } from "@conclave/frost";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { SigningScheme } from "./index.ts";
import { openChannel, type Channel, type SealingPeer } from "./sealing.ts";
import { Cluster } from "./testing/cluster.ts";
import { runKeygen } from "./testing/keygens.ts";

const rng = seededRng("sealing");

type Party = SealingPeer & { readonly secret: Uint8Array };

const party = (): Party => {
  const secret = rng(32);
  return { id: toHex(rng(32)) as NodeId, ephemeral: nodeEngine.x25519Public(secret), secret };
};
const [alice, bob] = [party(), party()];
const ssid = rng(32);
const header = rng(100);
const plain = rng(40);

const channels = (session = ssid): { a: Channel; b: Channel } => ({
  a: openChannel(nodeEngine, session, alice, bob),
  b: openChannel(nodeEngine, session, bob, alice),
});

describe("a sealed part", () => {
  test("opens for its receiver, and is 16 bytes longer than what it hides", () => {
    const { a, b } = channels();
    const sealed = a.seal(1, header, plain);
    assert.equal(sealed.length, plain.length + 16);
    assert.deepEqual(b.open(1, header, sealed), plain);
    assert.deepEqual(a.open(1, header, b.seal(1, header, plain)), plain);
  });

  test("does not open in another session, round or direction, under another header, or changed", () => {
    const { a, b } = channels();
    const sealed = a.seal(1, header, plain);
    const changed = (at: number): Uint8Array => sealed.map((byte, i) => (i === at ? byte ^ 1 : byte));
    const refused: readonly (readonly [string, Uint8Array | null])[] = [
      ["other session", channels(rng(32)).b.open(1, header, sealed)],
      ["other round", b.open(2, header, sealed)],
      ["reflected", a.open(1, header, sealed)],
      [
        "other header",
        b.open(
          1,
          header.map((byte, i) => (i === 99 ? byte ^ 1 : byte)),
          sealed,
        ),
      ],
      ["no header", b.open(1, new Uint8Array(0), sealed)],
      ["first byte", b.open(1, header, changed(0))],
      ["tag", b.open(1, header, changed(sealed.length - 1))],
      ["cut", b.open(1, header, sealed.subarray(0, -1))],
      ["longer", b.open(1, header, concatBytes(sealed, Uint8Array.of(0)))],
      ["nothing", b.open(1, header, new Uint8Array(0))],
      ["shorter than a tag", b.open(1, header, sealed.subarray(0, 15))],
    ];
    for (const [name, opened] of refused) assert.equal(opened, null, name);
  });

  test("does not open for somebody else, nor between other identities with the same keys", () => {
    const { a } = channels();
    const sealed = a.seal(1, header, plain);
    const eve = party();
    assert.equal(openChannel(nodeEngine, ssid, eve, alice).open(1, header, sealed), null);
    const renamed = { ...alice, id: toHex(rng(32)) as NodeId };
    assert.equal(openChannel(nodeEngine, ssid, bob, renamed).open(1, header, sealed), null);
  });

  test("is sealed with a key of its own in each direction and session", () => {
    const { a, b } = channels();
    const sealed = [a.seal(1, header, plain), b.seal(1, header, plain), channels(rng(32)).a.seal(1, header, plain)];
    assert.equal(new Set(sealed.map(toHex)).size, 3);
    // Equal keys would give equal key streams: their difference would be that of the plain texts, which is zero.
    const [forth, back] = sealed as [Uint8Array, Uint8Array];
    assert.ok(forth.subarray(0, plain.length).some((byte, i) => byte !== back[i]));
  });

  test("is closed for ever once the channel was wiped", () => {
    const { a, b } = channels();
    const sealed = a.seal(1, header, plain);
    b.wipe();
    assert.equal(b.open(1, header, sealed), null);
  });

  test("is never sealed to a key of small order: the shared secret would be zero", () => {
    for (const engine of [nodeEngine, portableEngine]) {
      for (const small of [new Uint8Array(32), Uint8Array.of(1, ...new Uint8Array(31))]) {
        const peer = { id: bob.id, ephemeral: small };
        assert.throws(() => openChannel(engine, ssid, alice, peer), RangeError, engine.name);
      }
    }
  });

  test("opens across engines", () => {
    const sealed = openChannel(portableEngine, ssid, alice, bob).seal(3, header, plain);
    assert.deepEqual(channels().b.open(3, header, sealed), plain);
  });
});

describe("what travels in a key generation", () => {
  /** An engine that remembers every scalar that was encoded: the dealt shares are among them. */
  const remembering = (scalars: Set<bigint>): Engine => {
    const secp256k1: Group = {
      ...secp256k1Group,
      encodeScalar(k) {
        scalars.add(k);
        return secp256k1Group.encodeScalar(k);
      },
    };
    return { ...nodeEngine, secp256k1 };
  };

  test("holds no share, no dealt share, no seed and no storage key, in any wire", () => {
    const scalars = new Set<bigint>();
    const engine = remembering(scalars);
    const scheme = taprootScheme(engine) as SigningScheme;
    const cluster = new Cluster({ n: 3, t: 2, withKey: false, engine, schemeOf: () => scheme }).start();
    assert.ok(runKeygen(cluster) !== null);

    const openingCodec = roundOf(keygenProtocol(secp256k1Group), "keygen/2-open")!.broadcast!;
    const envelopes = cluster.sent.map(({ wire }) => cluster.reader.open(wire));
    const commitments = envelopes
      .filter(({ header: { kind, round } }) => kind === "step/broadcast" && round === "keygen/2-open")
      .map(({ body }) => (openingCodec.decode(body) as { F: Commitment }).F);
    const isDealt = (k: bigint): boolean =>
      commitments.some((F) => cluster.all.some((receiver) => isShareOf(secp256k1Group, F, receiver, k)));
    const dealt = [...scalars].filter(isDealt).map((k) => secp256k1Group.encodeScalar(k));
    // Three dealers, two receivers each.
    assert.equal(dealt.length, 6);

    const stored = cluster.nodes.flatMap(({ vaultDisk }) => [...vaultDisk.records]);
    const shares = stored
      .filter(([name]) => name.startsWith("share/"))
      .map(([, bytes]) => secp256k1Group.encodeScalar(keyShareCodec(secp256k1Group).decode(bytes).secret));
    const storageKeys = stored.filter(([name]) => name === "storage-key").map(([, bytes]) => bytes);
    // Two seeds of 32 bytes, each behind a head of two.
    const seeds = stored
      .filter(([name]) => name === "identity")
      .flatMap(([, bytes]) => [bytes.slice(3, 35), bytes.slice(37)]);
    const secrets = [...dealt, ...shares, ...storageKeys, ...seeds];
    assert.deepEqual([secrets.length, secrets.every(({ length }) => length === 32)], [6 + 3 + 3 + 6, true]);

    const traffic = cluster.sent.map(({ wire }) => toHex(wire)).join("|");
    for (const secret of secrets) {
      assert.ok(!traffic.includes(toHex(secret)));
      assert.ok(!traffic.includes(toHex(secret.toReversed())));
    }
    // The search does find what is there.
    assert.ok(traffic.includes(toHex(commitments.map((F) => secp256k1Group.encode(F[0]!))[0]!)));
  });
});
