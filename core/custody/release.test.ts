/** Coins come free by proof only: real headers, real Merkle branches, real work. */
import { concatBytes, toHex } from "@conclave/bytes";
import { hash256, parseTransaction, sats, serializeTransaction, txidBytes, txidOf } from "@conclave/bitcoin";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { merkleTree, mineHeader, mineOn, proofOf } from "../bitcoin/testing/small-chain.ts";
import { Cluster } from "./testing/cluster.ts";
import { approve, coin, payment, propose, revisionOf, sign, vote, type Payment } from "./testing/payments.ts";

const DEPTH = 3;

interface Claim {
  readonly rawTx: Uint8Array;
  readonly proof: ReturnType<typeof proofOf>;
  readonly headers: readonly Uint8Array[];
}

/** A block with this transaction between others, and `depth` − 1 blocks on top. */
function buried(rawTx: Uint8Array, depth = DEPTH): Claim {
  const others = [1, 2, 3, 4].map((fill) => new Uint8Array(32).fill(fill));
  const txids = [...others.slice(0, 2), txidBytes(txidOf(parseTransaction(rawTx))), ...others.slice(2)];
  const { root } = merkleTree(txids, 2);
  const first = mineHeader({ previous: new Uint8Array(32), merkleRoot: root });
  return { rawTx, proof: proofOf(txids, 2, 100), headers: mineOn(first, depth - 1) };
}

const release = (cluster: Cluster, party: number, paid: Payment, claim: Claim) =>
  cluster.do(party, (custody, nowMs) => custody.release(nowMs, paid.id, claim));

const lockedAt = (cluster: Cluster, party: number): readonly string[] =>
  cluster
    .node(party)
    .custody.lockedCoins(cluster.key)
    .map(({ outpoint }) => outpoint);

/** A payment that everybody signed, with its transaction. */
function signed() {
  const cluster = new Cluster({ n: 2, t: 2, settings: { burialDepth: DEPTH } }).start();
  const paid = payment(cluster);
  propose(cluster, paid);
  approve(cluster, paid);
  sign(cluster, paid);
  return { cluster, paid, rawTx: cluster.events(1, "signed")[0]!.rawTx };
}

/** Another transaction that spends the same coin, by somebody who has the key, too. */
function foreignSpend(rawTx: Uint8Array): Uint8Array {
  const transaction = parseTransaction(rawTx);
  const [first, ...others] = transaction.outputs;
  return serializeTransaction({ ...transaction, outputs: [{ ...first!, value: sats(first!.value - 1n) }, ...others] });
}

describe("a buried payment", () => {
  test("ends its request: nothing is held for it any more, and nothing is voted for in its name", () => {
    const { cluster, paid, rawTx } = signed();
    assert.equal(lockedAt(cluster, 1).length, 1);
    assert.deepEqual(
      release(cluster, 1, paid, buried(rawTx)).map((event) => event.kind === "released" && event.reason),
      ["buried-payment"],
    );
    assert.deepEqual([lockedAt(cluster, 1), cluster.node(1).custody.unresolved()], [[], []]);
    const again = revisionOf(cluster, paid.request, { number: 2, coins: [coin(2)] });
    propose(cluster, again);
    const [objected] = vote(cluster, 1, again);
    assert.ok(objected?.kind === "objected");
    assert.match(objected.objections[0]!.message, /this request was paid and the payment is buried/);
    // Told again, it has nothing to say.
    assert.deepEqual(release(cluster, 1, paid, buried(rawTx)), []);
    cluster.restart(1);
    assert.deepEqual([lockedAt(cluster, 1), cluster.node(1).custody.unresolved()], [[], []]);
  });

  test("is proven, not claimed: every altered proof is refused and releases nothing", () => {
    const { cluster, paid, rawTx } = signed();
    const good = buried(rawTx);
    const [first, second, ...rest] = good.headers as [Uint8Array, Uint8Array, ...Uint8Array[]];
    const flip = (bytes: Uint8Array, at: number): Uint8Array => bytes.map((byte, i) => (i === at ? byte ^ 1 : byte));
    const lazy = mineHeader({ previous: hash256(first), merkleRoot: new Uint8Array(32), worked: false });
    const stranger = mineHeader({ previous: new Uint8Array(32).fill(9), merkleRoot: new Uint8Array(32) });
    const { proof } = good;
    const other = foreignSpend(rawTx);
    const cases: Readonly<Record<string, Claim>> = {
      "too shallow": { ...good, headers: good.headers.slice(0, DEPTH - 1) },
      "no headers": { ...good, headers: [] },
      "a header without work": { ...good, headers: [first, lazy, ...rest] },
      "a header of another chain": { ...good, headers: [first, stranger, ...rest] },
      "a gap": { ...good, headers: [first, ...rest, second] },
      "headers downwards": { ...good, headers: good.headers.toReversed() },
      "a short header": { ...good, headers: [first.slice(1), second, ...rest] },
      "another root": { ...good, headers: [flip(first, 40), second, ...rest] },
      "another position": { ...good, proof: { ...proof, pos: proof.pos ^ 1 } },
      "a position out of range": { ...good, proof: { ...proof, pos: 1 << 10 } },
      "a shorter branch": { ...good, proof: { ...proof, merkle: proof.merkle.slice(1) } },
      "an altered branch": {
        ...good,
        proof: { ...proof, merkle: [toHex(new Uint8Array(32)), ...proof.merkle.slice(1)] },
      },
      "another transaction": { ...good, rawTx: other },
      "no transaction": { ...good, rawTx: new Uint8Array(10) },
      "two transactions": { ...good, rawTx: concatBytes(rawTx, rawTx) },
    };
    const before = cluster.node(1).journalDisk.records.length;
    for (const [name, claim] of Object.entries(cases)) {
      const events = release(cluster, 1, paid, claim);
      assert.deepEqual(
        events.map(({ kind }) => kind),
        ["dropped"],
        name,
      );
    }
    assert.equal(cluster.node(1).journalDisk.records.length, before);
    assert.equal(lockedAt(cluster, 1).length, 1);
    assert.equal(release(cluster, 1, paid, good).length, 1);
  });

  test("that was never approved as a revision of this request ends nothing, whoever proposed it", () => {
    const cluster = new Cluster({ n: 4, t: 3, settings: { burialDepth: DEPTH } }).start();
    const [january, february] = [1, 2].map((month) =>
      payment(cluster, { coins: [coin(month)], idempotencyKey: `${month}` }),
    );
    for (const paid of [january!, february!]) {
      propose(cluster, paid);
      approve(cluster, paid);
      sign(cluster, paid);
    }
    const rawTx = cluster.events(1, "signed")[0]!.rawTx;
    // The same recipient and amount each month: somebody offers January's transaction as February's second revision.
    const borrowed = revisionOf(cluster, february!.request, { number: 2, coins: january!.coins });
    assert.equal(borrowed.view.txid, january!.view.txid);
    propose(cluster, borrowed);
    assert.deepEqual(release(cluster, 1, february!, buried(rawTx)), []);
    assert.deepEqual(
      cluster.node(1).custody.unresolved().toSorted(),
      [january!, february!].map(({ id }) => toHex(id)).toSorted(),
    );
    assert.equal(release(cluster, 1, january!, buried(rawTx)).length, 1);
    assert.deepEqual(cluster.node(1).custody.unresolved(), [toHex(february!.id)]);
  });

  test("ends its request also at a node that never voted, once it knows the approval", () => {
    const cluster = new Cluster({ n: 4, t: 3, settings: { burialDepth: DEPTH } }).start();
    const paid = payment(cluster);
    propose(cluster, paid);
    approve(cluster, paid, { by: [1, 2, 3] });
    sign(cluster, paid);
    const claim = buried(cluster.events(4, "signed")[0]!.rawTx);
    assert.equal(release(cluster, 4, paid, claim).length, 1);
  });
});

describe("a foreign spend of the anchor", () => {
  test("frees the request for other coins, when it is buried", () => {
    const { cluster, paid, rawTx } = signed();
    const retry = revisionOf(cluster, paid.request, { number: 2, coins: [coin(2)] });
    propose(cluster, retry);
    assert.ok(vote(cluster, 1, retry).every(({ kind }) => kind === "objected"));
    const spend = foreignSpend(rawTx);
    assert.deepEqual(
      release(cluster, 1, paid, buried(spend)).map((event) => event.kind === "released" && event.reason),
      ["foreign-spend"],
    );
    assert.deepEqual(lockedAt(cluster, 1), []);
    assert.ok(vote(cluster, 1, retry).some(({ kind }) => kind === "voted"));
  });

  test("of other coins frees nothing", () => {
    const { cluster, paid } = signed();
    const other = payment(cluster, { coins: [coin(7)], idempotencyKey: "other" });
    propose(cluster, other);
    approve(cluster, other);
    sign(cluster, other);
    const rawTx = cluster.events(1, "signed").at(-1)!.rawTx;
    assert.deepEqual(release(cluster, 1, paid, buried(foreignSpend(rawTx))), []);
    assert.equal(lockedAt(cluster, 1).length, 2);
  });
});
