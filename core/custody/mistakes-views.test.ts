/** The mistakes that would cost money, continued: views, echoes, parity and tweaks. Numbers as in the safety rules. */
import { rawCbor } from "@conclave/bytes";
import { resolveTweak, secp256k1Group } from "@conclave/crypto";
import { keygenProtocol } from "@conclave/keys";
import { roundOf } from "@conclave/protocol";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { beginCodec } from "./attempts.ts";
import { Cluster, taproot } from "./testing/cluster.ts";
import { keygenAttempt, keygenRequest, runKeygen } from "./testing/keygens.ts";
import { approve, attemptName, coin, paidAt, payment, propose, sign } from "./testing/payments.ts";
import { transactionsOf } from "./testing/promises.ts";
import { headerBytes, resign } from "./testing/wires.ts";

const bansOf = (cluster: Cluster): readonly number[][] =>
  cluster.nodes.map(({ custody }) => custody.status().bans.map(({ node }) => cluster.partyOf(node)));

/** Nobody whom the test did not make lie may be blamed by anybody. */
const nobodyHonestIsBlamed = (cluster: Cluster, liar: number): void => {
  for (const party of cluster.all.filter((one) => one !== liar)) {
    for (const { culprits, reason } of cluster.events(party, "aborted")) {
      assert.ok(
        culprits.every((node) => node === cluster.idOf(liar)),
        `party ${party}: ${reason}`,
      );
    }
    for (const { node } of cluster.events(party, "violation")) assert.equal(cluster.partyOf(node), liar);
  }
};

describe("mistake 7: a check that depends on the view blames the honest", () => {
  const liar = 2;
  const commitments = roundOf(taproot.protocol, "frost/sign/1")!.broadcast!;

  test("other FROST commitments for one signer: no honest party is blamed, and the two signed versions convict", () => {
    const cluster = new Cluster({ n: 4, t: 3 }).start();
    const paid = payment(cluster);
    propose(cluster, paid);
    approve(cluster, paid);
    let lies = 0;
    cluster.route = (frame, envelope) => {
      const { header, body } = envelope;
      if (frame.from !== liar || header.round !== "frost/sign/1" || lies > 0) return [frame];
      lies += 1;
      const { hiding, binding } = commitments.decode(body) as { hiding: never; binding: never };
      const swapped = commitments.encode({ hiding: binding, binding: hiding });
      return [{ ...frame, wire: resign(cluster.node(liar).identity, headerBytes(envelope), swapped) }];
    };
    // Until an attempt has the liar among its signers.
    for (let attempt = 0; attempt < 6 && bansOf(cluster)[0]!.length === 0; attempt++) sign(cluster, paid, { attempt });
    nobodyHonestIsBlamed(cluster, liar);
    for (const party of [1, 3, 4]) assert.deepEqual(bansOf(cluster)[party - 1], [liar], `party ${party}`);
    assert.equal(transactionsOf(cluster).size, 0);
    // The three honest ones go on without it.
    cluster.route = null;
    sign(cluster, paid, { attempt: 20, members: [1, 3, 4] });
    assert.deepEqual(
      [1, 3, 4].filter((party) => !paidAt(cluster, paid).includes(party)),
      [],
    );
  });

  test("a partial made for another list fails in its own view: the liar is convicted, nobody else", () => {
    const cluster = new Cluster({ n: 4, t: 3 }).start();
    const paid = payment(cluster);
    propose(cluster, paid);
    approve(cluster, paid);
    cluster.route = (frame, envelope) => {
      const { header } = envelope;
      if (frame.from !== liar || header.round !== "frost/sign/2") return [frame];
      const body = rawCbor.encode([Uint8Array.of(...new Uint8Array(31), 1)]);
      const wire = resign(cluster.node(liar).identity, headerBytes(envelope), body);
      return [{ ...frame, wire }];
    };
    for (let attempt = 0; attempt < 6 && bansOf(cluster)[0]!.length === 0; attempt++) sign(cluster, paid, { attempt });
    nobodyHonestIsBlamed(cluster, liar);
    for (const party of [1, 3, 4]) assert.deepEqual(bansOf(cluster)[party - 1], [liar]);
  });

  test("a coordinator that begins with different lists stalls its attempt and blames nobody; the next one signs", () => {
    const cluster = new Cluster({ n: 4, t: 3 }).start();
    const paid = payment(cluster);
    propose(cluster, paid);
    approve(cluster, paid);
    let turn = 0;
    cluster.route = (frame, { header, body }) => {
      if (header.kind !== "begin") return [frame];
      turn += 1;
      const list = beginCodec.decode(body);
      const acks = list.acks.filter((_, i) => i !== turn % list.acks.length);
      const fields = { kind: "begin" as const, request: header.request, attempt: header.attempt, round: header.round };
      return [{ ...frame, wire: cluster.forge(frame.from, fields, beginCodec.encode({ ...list, acks })) }];
    };
    sign(cluster, paid);
    cluster.route = null;
    for (const party of cluster.all) cluster.do(party, (custody, nowMs) => custody.expire(nowMs, attemptName(paid)));
    cluster.pump();
    nobodyHonestIsBlamed(cluster, 1);
    assert.equal(transactionsOf(cluster).size, 0);
    sign(cluster, paid, { attempt: 1 });
    assert.deepEqual(paidAt(cluster, paid), cluster.all);
  });
});

describe("mistake 8: the echo is forgotten", () => {
  test("two views of round 1 or 3 of key generation: nobody stores a share, and the two signed versions convict", () => {
    const rounds = keygenProtocol(secp256k1Group);
    for (const [name, change] of [
      ["keygen/1-commit", () => ({ V: new Uint8Array(32) })],
      ["keygen/3-prove", (honest: object) => ({ ...honest, complaints: [2] })],
    ] as const) {
      const cluster = new Cluster({ n: 3, t: 2, withKey: false }).start();
      const codec = roundOf(rounds, name)!.broadcast!;
      cluster.route = (frame, { header, body }) => {
        const isTarget = header.sender === cluster.idOf(3) && frame.to === 1 && header.kind === "step/broadcast";
        if (frame.from !== 3 || !isTarget || header.round !== name) return [frame];
        const { sender: _, length: __, version: ___, roster: ____, ...fields } = header;
        return [{ ...frame, wire: cluster.forge(3, fields, codec.encode(change(codec.decode(body) as object))) }];
      };
      assert.equal(runKeygen(cluster), null);
      for (const { vaultDisk } of cluster.nodes) {
        assert.ok(![...vaultDisk.records.keys()].some((file) => file.startsWith("share/")), name);
      }
      nobodyHonestIsBlamed(cluster, 3);
      for (const party of [1, 2]) assert.deepEqual(bansOf(cluster)[party - 1], [3], name);
      assert.ok(
        cluster.events(1, "aborted").some(({ attemptId }) => attemptId === keygenAttempt(keygenRequest(cluster))),
      );
    }
  });
});

describe("mistake 10: parity and tweaks", () => {
  /** A scheme in which one party signs something else than the others. */
  const odd = (change: (order: Parameters<typeof taproot.config>[0]) => Parameters<typeof taproot.config>[0]) =>
    ({ ...taproot, config: (order) => taproot.config(change(order)) }) as typeof taproot;

  const lies: Readonly<Record<string, Parameters<typeof odd>[0]>> = {
    "another address index": (order) => ({ ...order, tweak: { ...order.tweak, path: [0, 1] } }),
    "no Taproot tweak": (order) => ({ ...order, tweak: { ...order.tweak, taproot: null } }),
    "a script tree": (order) => ({
      ...order,
      tweak: { ...order.tweak, taproot: { merkleRoot: new Uint8Array(32).fill(1) } },
    }),
    "another digest": (order) => ({ ...order, message: order.message.map((byte) => byte ^ 1) }),
    "another approval": (order) => ({ ...order, approval: new Uint8Array(32) }),
  };

  for (const [name, change] of Object.entries(lies)) {
    test(`signers with ${name} never make a signature together, and nobody is blamed`, () => {
      const cluster = new Cluster({
        n: 2,
        t: 2,
        schemeOf: (party) => (party === 2 ? odd(change) : taproot),
      }).start();
      const paid = payment(cluster);
      propose(cluster, paid);
      approve(cluster, paid);
      for (const attempt of [0, 1]) sign(cluster, paid, { attempt });
      assert.equal(transactionsOf(cluster).size, 0);
      for (const { custody } of cluster.nodes) assert.deepEqual(custody.status().bans, []);
      assert.ok(
        cluster.events(1, "aborted").every(({ fault, culprits }) => fault === "mismatch" && culprits.length === 0),
      );
      assert.ok(cluster.events(1, "aborted").length > 0);
    });
  }

  test("both parities of the output key are signed for, at several addresses", () => {
    const cluster = new Cluster({ n: 2, t: 2 }).start();
    const parities = new Set<boolean>();
    const key = { publicKey: cluster.shares[0]!.record.publicKey, chainCode: cluster.wallet.chainCode };
    for (let index = 0; index < 6; index++) {
      const tweak = { path: [0, index], taproot: { merkleRoot: null } };
      parities.add(resolveTweak(secp256k1Group, key, tweak, { evenY: true }).sign === 1n);
      const paid = payment(cluster, { coins: [{ ...coin(index), index }], idempotencyKey: `at ${index}` });
      propose(cluster, paid);
      approve(cluster, paid);
      sign(cluster, paid);
      assert.deepEqual(paidAt(cluster, paid), cluster.all, `address ${index}`);
    }
    assert.equal(parities.size, 2);
  });
});
