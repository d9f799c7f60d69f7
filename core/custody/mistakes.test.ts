/** The mistakes that would cost money, and the test that catches each. Numbers as in the safety rules. */
import { concatBytes, rawCbor, toHex, utf8 } from "@conclave/bytes";
import { inputDigests } from "@conclave/bitcoin";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { proposalCodec, requestCodec, requestId } from "./request.ts";
import { Cluster } from "./testing/cluster.ts";
import { beginKeygen, keygenRequest, openKeygen, proposeKeygen, runKeygen } from "./testing/keygens.ts";
import {
  abandon,
  approve,
  attemptName,
  begin,
  coin,
  open,
  paidAt,
  payment,
  propose,
  revisionOf,
  sign,
  vote,
  type Payment,
} from "./testing/payments.ts";
import { brokenPromises, transactionsOf } from "./testing/promises.ts";

/** Who signs in an attempt, as everybody computes it. */
const signersOf = (cluster: Cluster, paid: Payment, attempt = 0): readonly number[] => {
  const id = attemptName(paid, { attempt });
  const begun = cluster.all
    .flatMap((party) => cluster.events(party, "begun"))
    .find(({ attemptId }) => attemptId === id);
  assert.ok(begun !== undefined, "the attempt began");
  return begun.signers.map((node) => cluster.partyOf(node));
};

describe("mistake 1: a retry pays twice", () => {
  /** An approved payment whose partials are all out, while a liar withholds the last one. */
  const withheld = () => {
    const cluster = new Cluster().start();
    const paid = payment(cluster);
    propose(cluster, paid);
    approve(cluster, paid);
    open(cluster, paid);
    const last: { from: number; to: number; wire: Uint8Array }[] = [];
    let liar = 0;
    cluster.route = (frame, { header }) => {
      if (header.kind === "result") return [];
      if (header.round !== "frost/sign/2") return [frame];
      if (liar === 0) liar = signersOf(cluster, paid).find((party) => party !== 1)!;
      if (frame.from !== liar) return [frame];
      last.push(frame);
      return [];
    };
    begin(cluster, 1, attemptName(paid));
    cluster.route = null;
    const honest = cluster.all.filter((party) => party !== liar);
    for (const party of honest) {
      cluster.do(party, (custody, nowMs) => custody.expire(nowMs, attemptName(paid)));
    }
    return { cluster, paid, liar, honest, last, signers: signersOf(cluster, paid) };
  };

  test("the last partial is withheld, the request expires, other coins are chosen: who signed refuses, so nothing is approved", () => {
    const { cluster, paid, liar, honest, signers, last } = withheld();
    assert.equal(last.length, 3);
    assert.deepEqual(paidAt(cluster, paid), [liar]);
    // The outcome is open, and its coins are held.
    const { custody } = cluster.node(signers.find((party) => party !== liar)!);
    assert.deepEqual(custody.unresolved(), [toHex(paid.id)]);
    assert.deepEqual(
      custody.lockedCoins(cluster.key).map(({ txid }) => txid),
      [paid.view.txid],
    );

    const retry = revisionOf(cluster, paid.request, { number: 2, coins: [coin(2)] });
    propose(cluster, retry);
    for (const party of honest) vote(cluster, party, retry);
    vote(cluster, liar, retry);
    cluster.pump();
    for (const party of signers) {
      const [objected] = cluster.events(party, "objected");
      assert.match(objected!.objections[0]!.message, /signed an earlier revision: a replacement has to spend/);
    }
    for (const party of honest) {
      assert.ok(
        !cluster.events(party, "verdict").some(({ revision, verdict }) => revision === 2 && verdict === "approved"),
      );
    }
    sign(cluster, retry);

    // Now the liar lets go of its transaction.
    cluster.inject(...last);
    cluster.pump();
    for (const { wire } of cluster.sent.filter(({ from }) => from === liar)) {
      for (const party of honest) cluster.deliver(party, wire);
    }
    assert.deepEqual([...transactionsOf(cluster)], [paid.view.txid]);
    for (const party of cluster.all) assert.deepEqual(brokenPromises(cluster, party), []);
  });

  test("nor does who signed abandon: its promise would be a lie", () => {
    const { cluster, paid, liar, signers } = withheld();
    for (const party of signers.filter((one) => one !== liar)) {
      const objected = abandon(cluster, party, paid).find((event) => event.kind === "objected");
      assert.match(objected!.objections[0]!.message, /a partial signature of revision 1 may have left this node/);
    }
  });

  test("a replacement that spends the anchor is voted for and signed; only one of the two can ever confirm", () => {
    const { cluster, paid, liar } = withheld();
    const replacement = revisionOf(cluster, paid.request, { number: 2, coins: [coin(1), coin(2)] });
    propose(cluster, replacement);
    // Who did not sign has promised the first revision nothing but its vote: it takes that back.
    for (const party of cluster.all) abandon(cluster, party, paid);
    cluster.pump();
    approve(cluster, replacement);
    sign(cluster, replacement);
    assert.ok(paidAt(cluster, replacement).length >= 4, `liar ${liar}`);
    const spent = (of: Payment): readonly string[] => of.view.inputs.map(({ outpoint }) => outpoint.txid);
    assert.ok(spent(replacement).includes(spent(paid)[0]!));
  });

  test("another request cannot have its coins either", () => {
    const { cluster, liar, signers } = withheld();
    const other = payment(cluster, { idempotencyKey: "invoice 8" });
    propose(cluster, other);
    for (const party of signers.filter((one) => one !== liar)) {
      const objected = vote(cluster, party, other).find((event) => event.kind === "objected");
      assert.match(objected!.objections[0]!.message, /is promised to request/);
    }
  });
});

describe("mistake 2: the message interface signs a spend", () => {
  const cluster = new Cluster({ n: 3, t: 2 }).start();

  test("what can be asked for is a closed list; who asks for a message's signature asks a message key (messages.test.ts)", () => {
    const variants = requestCodec.field;
    assert.ok(variants.kind === "oneOf");
    assert.deepEqual([...variants.variants.keys()], ["payment", "keygen", "message", "digest", "presign", "rekey"]);
    const [, body] = rawCbor.decode(requestCodec.encode(keygenRequest(cluster))) as readonly [string, never];
    for (const kind of ["raw", "hash", "sighash"]) {
      assert.throws(() => requestCodec.decode(rawCbor.encode([kind, body])), /payment or keygen/);
    }
  });

  test("a spend offered as a revision's bytes is refused: neither a digest, nor its preimage, nor a bare transaction", () => {
    const honest = payment(cluster);
    const { digest } = inputDigests(honest.view)[0]!;
    // BIP341's signature message begins with the epoch 0; BIP143's with the version.
    const preimages = [
      digest,
      concatBytes(Uint8Array.of(0, 0), digest),
      concatBytes(Uint8Array.of(2, 0, 0, 0), digest),
    ];
    for (const psbt of [...preimages, honest.psbt.slice(5), utf8("pay to bob"), new Uint8Array(0)]) {
      const request = { ...honest.request, idempotencyKey: `bytes ${psbt.length} ${psbt[0]}` };
      const revision = { request: requestId(request), number: 1, psbt };
      const proposal = proposalCodec.encode({ request, revision });
      cluster.do(1, (custody, nowMs) => custody.propose(nowMs, proposal));
      cluster.pump();
      assert.ok(!cluster.events(1, "proposed").some(({ request: id }) => toHex(id) === toHex(revision.request)));
    }
    assert.equal(cluster.dropped(1).length, 6);
  });

  test("a PSBT of another wallet is refused, and so is a payment from a key that is no wallet of this network", () => {
    const stranger = new Cluster({ n: 3, t: 2, seed: "another cluster" });
    const theirs = revisionOf(stranger, payment(cluster).request);
    cluster.do(1, (custody, nowMs) => custody.propose(nowMs, theirs.proposal));
    assert.match(cluster.dropped(1).at(-1)!, /wallet/);
    const unknown = payment(cluster, { wallet: new Uint8Array(32) });
    cluster.do(1, (custody, nowMs) => custody.propose(nowMs, unknown.proposal));
    assert.match(cluster.dropped(1).at(-1)!, /holds no share of the wallet's key/);
    assert.deepEqual(cluster.events(1, "voted"), []);
  });

  test("a message key never signs a payment", () => {
    const messages = new Cluster({ n: 3, t: 2, purpose: "messages" }).start();
    const paid = payment(messages);
    messages.do(1, (custody, nowMs) => custody.propose(nowMs, paid.proposal));
    assert.match(messages.dropped(1).at(-1)!, /holds no share of the wallet's key/);
  });
});

describe("mistake 4: a session id repeats", () => {
  test("the same attempt after a restart: no second ack for one slot, whoever asks", () => {
    const cluster = new Cluster({ n: 3, t: 2 }).start();
    const paid = payment(cluster);
    propose(cluster, paid);
    approve(cluster, paid);
    open(cluster, paid);
    const setup = cluster.sent.find(({ wire }) => cluster.reader.open(wire).header.kind === "setup")!;
    const acks = (party: number): number =>
      new Set(
        cluster.sent
          .filter(({ from, wire }) => from === party && cluster.reader.open(wire).header.kind === "ack")
          .map(({ wire }) => toHex(wire)),
      ).size;
    for (const party of [2, 3]) {
      cluster.restart(party);
      cluster.pump();
      cluster.deliver(party, setup.wire);
      assert.equal(acks(party), 1);
      assert.match(cluster.dropped(party).join(), /already entered attempt 0/);
    }
    cluster.restart(1);
    cluster.pump();
    open(cluster, paid);
    assert.match(cluster.dropped(1).join(), /attempt not opened: this node already entered attempt 0/);
  });

  test("ids, nonces and ephemeral keys differ over attempts, restarts and keys", () => {
    const cluster = new Cluster({ n: 3, t: 2, withKey: false }).start();
    assert.ok(runKeygen(cluster) !== null);
    const again = { ...keygenRequest(cluster, { idempotencyKey: "key 2" }), purpose: "messages" };
    proposeKeygen(cluster, again);
    openKeygen(cluster, again);
    beginKeygen(cluster, again);
    for (const attempt of [1, 2, 3]) {
      for (const party of cluster.all) cluster.restart(party);
      cluster.pump();
      openKeygen(cluster, again, attempt);
      beginKeygen(cluster, again, attempt);
    }
    const steps = cluster.sent
      .map(({ wire }) => cluster.reader.open(wire))
      .filter(({ header: { ssid } }) => ssid !== null);
    const runs = new Set(steps.map(({ header: { request, attempt } }) => `${toHex(request!)}/${attempt}`));
    const ssids = new Set(steps.map(({ header: { ssid } }) => toHex(ssid!)));
    assert.equal(runs.size, 5);
    assert.equal(ssids.size, runs.size);
    for (const party of cluster.all) assert.deepEqual(brokenPromises(cluster, party), []);
  });
});

describe("mistake 6: activation splits the cluster", () => {
  test("each certificate withheld in turn, its sender killed: the key is used by nobody until everybody is back, then by all", () => {
    for (const from of [1, 2, 3]) {
      for (const to of [1, 2, 3].filter((party) => party !== from)) {
        const cluster = new Cluster({ n: 3, t: 2, withKey: false }).start();
        cluster.route = (frame, { header }) =>
          header.kind === "certificate" && frame.from === from && frame.to === to ? [] : [frame];
        assert.equal(runKeygen(cluster), null);
        const waiting = cluster.node(to).custody.status();
        assert.deepEqual(waiting.keys, [], "no key, hence no address");
        assert.deepEqual(waiting.pendingKeys[0]?.missing, [cluster.idOf(from)]);
        cluster.kill(from);
        cluster.restart(to);
        cluster.pump();
        assert.deepEqual(cluster.node(to).custody.status().keys, []);
        // Back again: who is asked for a certificate gives it, active or not.
        cluster.route = null;
        cluster.restart(from);
        cluster.restart(to);
        cluster.pump();
        for (const { custody } of cluster.nodes) {
          assert.deepEqual(
            [custody.status().keys.length, custody.status().pendingKeys.length],
            [1, 0],
            `${from} > ${to}`,
          );
        }
      }
    }
  });

  test("then they sign with it", () => {
    const cluster = new Cluster({ n: 3, t: 2, withKey: false }).start();
    cluster.route = (frame, { header }) => (header.kind === "certificate" && frame.from === 2 ? [] : [frame]);
    assert.equal(runKeygen(cluster), null);
    for (const party of cluster.all) cluster.kill(party);
    cluster.route = null;
    for (const party of cluster.all) cluster.restart(party);
    cluster.pump();
    cluster.adoptKey();
    const paid = payment(cluster);
    propose(cluster, paid);
    approve(cluster, paid);
    sign(cluster, paid);
    assert.deepEqual(paidAt(cluster, paid), cluster.all);
  });

  test("a certificate for another hash, another key or by a stranger counts for nothing", () => {
    const cluster = new Cluster({ n: 3, t: 2, withKey: false }).start();
    cluster.route = (frame, { header }) => (header.kind === "certificate" && frame.from === 3 ? [] : [frame]);
    runKeygen(cluster);
    const sent = cluster.sent
      .map(({ wire }) => cluster.reader.open(wire))
      .find(({ header }) => header.kind === "certificate")!;
    const [key, epoch, transcript, collecting] = rawCbor.decode(sent.body) as [Uint8Array, number, Uint8Array, boolean];
    const flip = (bytes: Uint8Array): Uint8Array => bytes.map((byte, i) => (i === 0 ? byte ^ 1 : byte));
    for (const body of [
      [flip(key), epoch, transcript, collecting],
      [key, epoch, flip(transcript), collecting],
    ]) {
      cluster.deliver(1, cluster.forge(3, { kind: "certificate", key, epoch }, rawCbor.encode(body)));
      assert.deepEqual(cluster.node(1).custody.status().keys, []);
    }
    // Party 2's word is not party 3's, however often it is given.
    cluster.deliver(1, cluster.forge(2, { kind: "certificate", key, epoch }, sent.body));
    assert.deepEqual(cluster.node(1).custody.status().keys, []);
  });
});
