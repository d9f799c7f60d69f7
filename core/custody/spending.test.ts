/** Limits and approvals by hand: decided from the journal, durable before the vote, and never taken back by a restart. */
import { DAY_MS, defaultFeePolicy, NO_SPENDING_LIMITS, sats, type SpendingPolicy } from "@conclave/bitcoin";
import { signedVoteCodec } from "@conclave/consensus";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { CustodyEvent } from "./events.ts";
import { lockRecordCodec } from "./locks/index.ts";
import { checkSettings, policyHash, type CustodySettings } from "./settings.ts";
import type { ByHand } from "./spending.ts";
import { Cluster } from "./testing/cluster.ts";
import { abandon, approve, coin, payment, propose, revisionOf, vote, type Payment } from "./testing/payments.ts";

const clusterWith = (spending: Partial<SpendingPolicy>, n = 4): Cluster =>
  new Cluster({ n, t: 3, settings: { spending: { ...NO_SPENDING_LIMITS, ...spending } } }).start();

let requests = 0;
/** A payment of its own, with a coin of its own, that everybody knows. */
function fresh(cluster: Cluster, amount: bigint): Payment {
  requests += 1;
  const paid = payment(cluster, { coins: [coin(requests)], idempotencyKey: `request ${requests}`, amount });
  propose(cluster, paid);
  return paid;
}

const codesOf = (events: readonly CustodyEvent[]): readonly string[] =>
  events.flatMap((event) => (event.kind === "objected" ? event.objections.map(({ code }) => code) : []));
const hasVoted = (events: readonly CustodyEvent[]): boolean => events.some(({ kind }) => kind === "voted");
const yes: ByHand = { approved: true, maxFee: null, reason: "invoice 7" };
const no: ByHand = { approved: false, maxFee: null, reason: "never heard of them" };
const decide = (cluster: Cluster, party: number, { id }: Payment, how: ByHand): readonly CustodyEvent[] =>
  cluster.do(party, (custody, nowMs) => custody.decide(nowMs, id, how));
const recordsAt = (cluster: Cluster, party: number) =>
  cluster.node(party).journalDisk.records.map((record) => lockRecordCodec.decode(record));

describe("limits", () => {
  test("per payment and by the address book are objections that promise nothing", () => {
    const cluster = clusterWith({ maxPayment: sats(10_000n), recipients: [] });
    const { length } = recordsAt(cluster, 1);
    assert.deepEqual(codesOf(vote(cluster, 1, fresh(cluster, 10_001n))), [
      "above-payment-limit",
      "recipient-not-listed",
    ]);
    assert.equal(recordsAt(cluster, 1).length, length);
  });

  test("per day count what was promised, across a restart, until a day has passed", () => {
    const cluster = clusterWith({ maxDaily: sats(50_000n) });
    assert.ok(hasVoted(vote(cluster, 1, fresh(cluster, 30_000n))));
    cluster.pump();
    const second = fresh(cluster, 20_001n);
    assert.deepEqual(codesOf(vote(cluster, 1, second)), ["above-daily-limit"]);
    cluster.restart(1);
    cluster.pump();
    assert.deepEqual(codesOf(vote(cluster, 1, second)), ["above-daily-limit"]);
    // A clock that goes back gives nothing back.
    cluster.nowMs = 0;
    assert.deepEqual(codesOf(vote(cluster, 1, second)), ["above-daily-limit"]);
    cluster.nowMs = DAY_MS;
    assert.deepEqual(codesOf(vote(cluster, 1, second)), ["above-daily-limit"]);
    cluster.nowMs = DAY_MS + 1;
    assert.ok(hasVoted(vote(cluster, 1, second)));
  });

  test("per day count a payment once, however many revisions of it this node votes for", () => {
    const cluster = clusterWith({ maxDaily: sats(50_000n) });
    const first = fresh(cluster, 30_000n);
    assert.ok(hasVoted(vote(cluster, 1, first)));
    abandon(cluster, 1, first);
    const second = revisionOf(cluster, first.request, { number: 2, coins: [coin(200)] });
    propose(cluster, second);
    assert.ok(hasVoted(vote(cluster, 1, second)));
    assert.equal(recordsAt(cluster, 1).filter(({ kind }) => kind === "promise").length, 1);
    assert.ok(hasVoted(vote(cluster, 1, fresh(cluster, 20_000n))));
  });

  test("per day count a payment again on the day of a later yes: that may be what completes it", () => {
    const cluster = clusterWith({ maxDaily: sats(50_000n) });
    const first = fresh(cluster, 30_000n);
    vote(cluster, 1, first);
    abandon(cluster, 1, first);
    cluster.nowMs += DAY_MS;
    const second = revisionOf(cluster, first.request, { number: 2, coins: [coin(201)] });
    propose(cluster, second);
    assert.ok(hasVoted(vote(cluster, 1, second)));
    assert.deepEqual(codesOf(vote(cluster, 1, fresh(cluster, 30_000n))), ["above-daily-limit"]);
  });

  test("per day give back what is proven dead, and nothing for a node's own abandon", () => {
    const cluster = clusterWith({ maxDaily: sats(50_000n) });
    const first = fresh(cluster, 30_000n);
    const second = fresh(cluster, 30_000n);
    vote(cluster, 1, first);
    abandon(cluster, 1, first);
    assert.deepEqual(codesOf(vote(cluster, 1, second)), ["above-daily-limit"]);
    for (const party of [2, 3, 4]) abandon(cluster, party, first);
    cluster.pump();
    assert.ok(hasVoted(vote(cluster, 1, second)));
  });

  test("are this node's own: where one refuses, the others approve", () => {
    const cluster = clusterWith({});
    const paid = fresh(cluster, 30_000n);
    approve(cluster, paid, { by: [2, 3, 4] });
    vote(cluster, 1, paid, { value: false });
    cluster.pump();
    assert.ok(cluster.events(1, "verdict").some(({ verdict }) => verdict === "approved"));
  });

  test("a no counts nothing", () => {
    const cluster = clusterWith({ maxDaily: sats(50_000n) });
    vote(cluster, 1, fresh(cluster, 50_000n), { value: false });
    assert.ok(hasVoted(vote(cluster, 1, fresh(cluster, 50_000n))));
  });

  test("the promise is in the write of the vote: a crash leaves both or neither", () => {
    for (const stored of [false, true]) {
      const cluster = clusterWith({ maxDaily: sats(50_000n) });
      const paid = fresh(cluster, 30_000n);
      cluster.crashAt(1, { at: 1, stored });
      vote(cluster, 1, paid);
      assert.equal(cluster.node(1).alive, false);
      const kinds = recordsAt(cluster, 1).map(({ kind }) => kind);
      assert.equal(kinds.filter((kind) => kind === "promise").length, stored ? 1 : 0);
      assert.equal(kinds.filter((kind) => kind === "vote").length, stored ? 1 : 0);
      cluster.restart(1);
      cluster.pump();
      assert.equal(hasVoted(vote(cluster, 1, fresh(cluster, 30_000n))), !stored);
    }
  });
});

describe("approval by hand", () => {
  test("is awaited without a promise, told to the others once, and then voted on", () => {
    const cluster = clusterWith({ approval: "manual" });
    const paid = fresh(cluster, 30_000n);
    const { length } = recordsAt(cluster, 1);
    for (const _ of [1, 2]) assert.deepEqual(codesOf(vote(cluster, 1, paid)), ["waits-for-approval"]);
    cluster.pump();
    assert.equal(recordsAt(cluster, 1).length, length);
    for (const party of cluster.all)
      assert.deepEqual(
        cluster.events(party, "waits").map(({ node }) => cluster.partyOf(node)),
        [1],
      );
    assert.deepEqual(
      decide(cluster, 1, paid, yes).map((event) => event.kind === "decided" && [event.approved, event.isNew]),
      [[true, true]],
    );
    assert.ok(hasVoted(vote(cluster, 1, paid)));
  });

  test("is told again to a peer that was away", () => {
    const cluster = clusterWith({ approval: "manual" });
    const paid = fresh(cluster, 30_000n);
    vote(cluster, 1, paid);
    cluster.pump();
    cluster.do(1, (custody, nowMs) => custody.republish(nowMs, paid.id, cluster.idOf(2), null));
    cluster.pump();
    assert.equal(cluster.events(2, "waits").length, 2);
    decide(cluster, 1, paid, yes);
    vote(cluster, 1, paid);
    cluster.do(1, (custody, nowMs) => custody.republish(nowMs, paid.id, cluster.idOf(2), null));
    cluster.pump();
    assert.equal(cluster.events(2, "waits").length, 2);
  });

  test("is asked for above an amount only, and never for what is refused anyway", () => {
    const cluster = clusterWith({ approval: "manual", approveAbove: sats(20_000n), maxPayment: sats(40_000n) });
    assert.ok(hasVoted(vote(cluster, 1, fresh(cluster, 20_000n))));
    assert.deepEqual(codesOf(vote(cluster, 1, fresh(cluster, 20_001n))), ["waits-for-approval"]);
    assert.deepEqual(codesOf(vote(cluster, 1, fresh(cluster, 40_001n))), ["above-payment-limit"]);
  });

  test("survives a restart, and a restart right after it", () => {
    const cluster = clusterWith({ approval: "manual" });
    const paid = fresh(cluster, 30_000n);
    vote(cluster, 1, paid);
    cluster.crashAt(1, { at: 1, stored: true });
    assert.deepEqual(decide(cluster, 1, paid, yes), [], "a node that dies says nothing");
    cluster.restart(1);
    cluster.pump();
    assert.ok(hasVoted(vote(cluster, 1, paid)));
    const [again] = decide(cluster, 1, paid, yes);
    assert.deepEqual(again?.kind === "decided" && again.isNew, false);
  });

  test("holds for a later revision of the same payment, unless that costs more than was approved", () => {
    const cluster = clusterWith({ approval: "manual" });
    const first = fresh(cluster, 30_000n);
    vote(cluster, 1, first);
    decide(cluster, 1, first, yes);
    assert.ok(hasVoted(vote(cluster, 1, first)));
    abandon(cluster, 1, first);
    const second = revisionOf(cluster, first.request, { number: 2, coins: [coin(202)] });
    propose(cluster, second);
    assert.equal(second.view.fee, first.view.fee);
    assert.ok(hasVoted(vote(cluster, 1, second)));
    abandon(cluster, 1, second);
    const dearer = revisionOf(cluster, first.request, { number: 3, coins: [coin(203), coin(204)] });
    propose(cluster, dearer);
    const waits = vote(cluster, 1, dearer).find((event) => event.kind === "objected");
    assert.match(waits?.objections[0]?.message ?? "", /fee of 390 sat is above the 280 sat that was approved/);
    decide(cluster, 1, dearer, yes);
    assert.ok(hasVoted(vote(cluster, 1, dearer)));
  });

  test("lifts no limit", () => {
    const cluster = clusterWith({ approval: "manual", maxDaily: sats(30_000n) });
    const [first, second] = [fresh(cluster, 30_000n), fresh(cluster, 30_000n)];
    for (const paid of [first, second]) decide(cluster, 1, paid, yes);
    assert.ok(hasVoted(vote(cluster, 1, first)));
    assert.deepEqual(codesOf(vote(cluster, 1, second)), ["above-daily-limit"]);
  });

  test("can be refused: a signed no, whatever the host asks for afterwards; the reason stays here", () => {
    const cluster = clusterWith({ approval: "manual" });
    const paid = fresh(cluster, 30_000n);
    decide(cluster, 1, paid, no);
    cluster.restart(1);
    cluster.pump();
    const objected = vote(cluster, 1, paid);
    assert.deepEqual(codesOf(objected), ["rejected-by-hand"]);
    vote(cluster, 1, paid, { value: false });
    cluster.pump();
    const [heard] = cluster.events(2, "voted");
    assert.equal(heard?.value, false);
    assert.ok(signedVoteCodec.decode(heard.vote));
    const sent = cluster.sent.map(({ wire }) => Buffer.from(wire).toString("latin1"));
    assert.ok(
      sent.every((wire) => !wire.includes(no.reason)),
      "a reason is for this node's record",
    );
    // Before a vote an operator may think again, after it not.
    assert.deepEqual(
      decide(cluster, 1, paid, no).map((event) => event.kind === "decided" && event.isNew),
      [false],
    );
    const [late] = decide(cluster, 1, paid, yes);
    assert.ok(late?.kind === "undecided" && late.code === "over");
    assert.match(late.message, /has voted no, and a vote is not taken back/);
  });

  test("of what is over, or not known, is refused and promises nothing", () => {
    const cluster = clusterWith({});
    const voted = fresh(cluster, 30_000n);
    vote(cluster, 1, voted);
    const given = fresh(cluster, 30_000n);
    abandon(cluster, 1, given);
    const unknown = payment(cluster, { idempotencyKey: "unknown" });
    const { length } = recordsAt(cluster, 1);
    const cases: readonly (readonly [Payment, ByHand, string, RegExp])[] = [
      [voted, no, "over", /has voted yes/],
      [given, yes, "over", /has given the payment up/],
      [unknown, yes, "unknown", /knows no such payment/],
    ];
    for (const [paid, how, code, message] of cases) {
      const [refused] = decide(cluster, 1, paid, how);
      assert.ok(refused?.kind === "undecided" && refused.code === code);
      assert.match(refused.message, message);
    }
    assert.equal(recordsAt(cluster, 1).length, length);
  });

  test("is not taken from a node whose journal nobody confirmed", () => {
    const cluster = new Cluster({ n: 4, t: 3 });
    const paid = payment(cluster);
    cluster.do(1, (custody, nowMs) => custody.propose(nowMs, paid.proposal));
    const [dropped] = decide(cluster, 1, paid, yes);
    assert.ok(dropped?.kind === "dropped");
    assert.match(dropped.reason, /waiting for peers to confirm/);
  });

  test("in the name of a node that is no member, or about an unknown request, is not shown", () => {
    const cluster = clusterWith({});
    cluster.deliver(2, cluster.forge(1, { kind: "waiting", request: new Uint8Array(32) }, new Uint8Array(0)));
    assert.deepEqual(cluster.events(2, "waits"), []);
  });
});

describe("the policy's hash", () => {
  const { settings } = new Cluster({ n: 2, t: 2 });

  test("changes with every field", () => {
    const spending = NO_SPENDING_LIMITS;
    const book = (...recipients: NonNullable<SpendingPolicy["recipients"]>) => ({
      spending: { ...spending, recipients },
    });
    const a = { address: "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080", label: null };
    const changes: readonly Partial<CustodySettings>[] = [
      {},
      { rawDigests: true },
      { minorityVotes: "enforce" },
      { policy: { ...settings.policy, maxInputs: 3 } },
      { policy: { ...settings.policy, minConfirmations: 9 } },
      { policy: { ...settings.policy, maxLocktimeAhead: 9 } },
      { policy: { ...settings.policy, fees: defaultFeePolicy.mainnet } },
      { spending: { ...spending, maxPayment: sats(1n) } },
      { spending: { ...spending, maxDaily: sats(1n) } },
      { spending: { ...spending, approval: "manual" } },
      { spending: { ...spending, approval: "manual", approveAbove: sats(1n) } },
      book(),
      book(a),
      book({ ...a, label: "" }),
      book({ ...a, label: "rent" }),
      book(a, a),
    ];
    const hashes = new Set(changes.map((change) => policyHash({ ...settings, ...change }).join()));
    assert.equal(hashes.size, changes.length);
  });

  test("is of settings that were checked", () => {
    const spending = { ...NO_SPENDING_LIMITS, approveAbove: sats(1n) };
    assert.throws(() => checkSettings({ ...settings, spending }), /approve_above_sats needs/);
  });
});
