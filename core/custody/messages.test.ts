/** Mistake 2: a message key that signs a spend. And what a message key does sign. */
import { fromHex, utf8 } from "@conclave/bytes";
import { hashMessage } from "@conclave/bitcoin";
import { secp256k1 } from "@noble/curves/secp256k1.js";
import { keccak_256 } from "@noble/hashes/sha3.js";
import { sha256 } from "@noble/hashes/sha2.js";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Cluster } from "./testing/cluster.ts";
import { memoryVault } from "./testing/memory-vault.ts";
import { bareDigest, message, signedAt } from "./testing/messages.ts";
import { approve, propose, sign, type Motion } from "./testing/payments.ts";

const messageKey = (seed: string, settings = {}): Cluster =>
  new Cluster({ n: 3, t: 2, ecdsa: true, purpose: "messages", seed, settings }).start();

function ask(cluster: Cluster, motion: Motion): void {
  propose(cluster, motion);
  approve(cluster, motion);
  sign(cluster, motion);
}

const objections = (cluster: Cluster, party: number): readonly string[] =>
  cluster.events(party, "objected").flatMap((event) => event.objections.map(({ code }) => code));

/** The first example of BIP143, "Native P2WPKH": what its second input signs. */
const BIP143_PREIMAGE = fromHex(
  "0100000096b827c8483d4e9b96712b6713a7b68d6e8003a781feba36c31143470b4efd3752b0a642eea2fb7ae638c36f6252b6750293dbe574a806984b8e4d8548339a3bef51e1b804cc89d182d279655c3aa89e815b1b309fe287d9b2b55d57b90ec68a010000001976a9141d0f172a0ecb48aeda1c3e0c5e7f0d7a9f1c9b5d88ac0046c32300000000ffffffff863ef3e1a92afbfdb97f31ad0fc7683ee943e9abcf2501590ff8f6551f47e5e51100000001000000",
);

describe("a message key", () => {
  for (const [hash, expected] of [
    ["sha256", sha256],
    ["sha256d", (bytes: Uint8Array) => sha256(sha256(bytes))],
    ["keccak256", keccak_256],
  ] as const) {
    test(`signs the ${hash} of what its voters saw, hashed by every signer itself`, () => {
      const cluster = messageKey(hash);
      const motion = message(cluster, { hash, message: utf8("Conclave, 2026") });
      ask(cluster, motion);
      assert.deepEqual(signedAt(cluster, motion), cluster.all);
      const [signed] = cluster.events(1, "messageSigned");
      assert.deepEqual(signed!.hash, expected(utf8("Conclave, 2026")));
      assert.ok(
        secp256k1.verify(signed!.signature.subarray(0, 64), signed!.hash, signed!.publicKey, { prehash: false }),
      );
    });
  }

  test("signs nothing that is a transaction's preimage", () => {
    const cluster = messageKey("preimage");
    const motion = message(cluster, { message: BIP143_PREIMAGE, hash: "sha256d" });
    ask(cluster, motion);
    assert.deepEqual(signedAt(cluster, motion), []);
    for (const party of cluster.all)
      assert.ok(objections(cluster, party).includes("bip143-preimage"), objections(cluster, party).join());
  });

  test("signs a bare digest only where its operator allows it", () => {
    const closed = messageKey("closed");
    const digest = hashMessage(utf8("unseen"), "sha256");
    const refused = bareDigest(closed, digest);
    ask(closed, refused);
    assert.deepEqual(signedAt(closed, refused), []);
    for (const party of closed.all) assert.deepEqual(objections(closed, party), ["raw-digest"]);

    const open = messageKey("open", { rawDigests: true });
    const allowed = bareDigest(open, digest);
    ask(open, allowed);
    assert.deepEqual(signedAt(open, allowed), open.all);
    assert.deepEqual(open.events(1, "messageSigned")[0]!.hash, digest);
  });

  test("needs the votes, like a payment", () => {
    const cluster = messageKey("votes");
    const motion = message(cluster);
    propose(cluster, motion);
    sign(cluster, motion);
    assert.deepEqual(signedAt(cluster, motion), []);
    approve(cluster, motion, { by: [1] });
    sign(cluster, motion, { attempt: 1 });
    assert.deepEqual(signedAt(cluster, motion), []);
    approve(cluster, motion, { by: [2, 3] });
    sign(cluster, motion, { attempt: 2 });
    assert.deepEqual(signedAt(cluster, motion), cluster.all);
  });

  test("goes on after a restart with what was approved before it", () => {
    const cluster = messageKey("restart");
    const motion = message(cluster);
    propose(cluster, motion);
    approve(cluster, motion);
    cluster.restart(2);
    cluster.pump();
    sign(cluster, motion, { attempt: 1 });
    assert.deepEqual(signedAt(cluster, motion), cluster.all);
  });
});

describe("a wallet key", () => {
  test("signs no message and no digest", () => {
    const cluster = new Cluster({ n: 3, t: 2, ecdsa: true, seed: "wallet", settings: { rawDigests: true } }).start();
    for (const motion of [message(cluster), bareDigest(cluster, new Uint8Array(32).fill(1))]) {
      ask(cluster, motion);
      assert.deepEqual(signedAt(cluster, motion), []);
    }
    for (const party of cluster.all)
      assert.deepEqual(objections(cluster, party), ["not-a-message-key", "not-a-message-key"]);
  });

  test("whose shares and edges are swapped with another key's is refused at the door", () => {
    const one = messageKey("one");
    const two = messageKey("two");
    const name = [...one.node(1).vaultDisk.records.keys()].find((record) => record.startsWith("edge/"));
    const foreign = [...two.node(1).vaultDisk.records].find(([record]) => record.startsWith("edge/"))![1];
    one.kill(1);
    memoryVault(one.node(1).vaultDisk).put(name!, foreign, { replace: true });
    one.restart(1);
    one.pump();
    const motion = message(one);
    propose(one, motion);
    approve(one, motion);
    for (const attempt of [0, 1, 2]) sign(one, motion, { attempt });
    // The acks name different setups: the pair does not sign together, and nobody is blamed for it.
    assert.deepEqual(signedAt(one, motion), one.all);
    for (const party of one.all) {
      for (const { fault } of one.events(party, "aborted")) assert.notEqual(fault, "cheat");
    }
  });
});
