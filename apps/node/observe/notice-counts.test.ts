/** What can go wrong, and what it changes on `/metrics`. What goes right is counted on real nodes in `cluster.test.ts`. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { memoryStore } from "@conclave/node/testing";
import { createMetrics } from "./metrics.ts";
import { NoticeCounts } from "./notice-counts.ts";
import { Requests } from "./requests.ts";
import { Sessions } from "./sessions.ts";
import { parseExposition } from "./testing/exposition.ts";
import { aborted, joined, messageSigned, nameOf, NODES, proposed, verdict, voted } from "./testing/notices.ts";

/** A node's counts, and a clock in a test's hand. */
function open() {
  const metrics = createMetrics();
  const clock = { ms: 0 };
  const requests = new Requests(memoryStore());
  const counts = new NoticeCounts({ self: NODES[0], metrics, requests, nameOf, nowMs: () => clock.ms });
  const read = async (name: string): Promise<number | undefined> =>
    parseExposition(await metrics.registry.metrics()).get(name);
  return { counts, clock, read };
}

describe("votes", () => {
  test("a node's second, other vote is contradictory, and the first one stays counted", async () => {
    const { counts, read } = open();
    await counts.heard(voted(NODES[0], true));
    await counts.heard(voted(NODES[1], true));
    await counts.heard(voted(NODES[1], false));
    assert.equal(await read('mpc_votes_total{value="approve",result="cast"}'), 1);
    assert.equal(await read('mpc_votes_total{value="approve",result="counted"}'), 1);
    assert.equal(await read('mpc_votes_total{value="reject",result="contradictory"}'), 1);
    assert.equal(await read('mpc_votes_total{value="reject",result="counted"}'), undefined);
  });

  test("their waits are measured from the proposal", async () => {
    const { counts, clock, read } = open();
    await counts.heard(proposed());
    clock.ms = 200;
    await counts.heard(voted(NODES[0], true));
    clock.ms = 2_000;
    await counts.heard(verdict("approved"));
    assert.equal(await read("mpc_vote_processing_seconds_sum"), 0.2);
    assert.equal(await read("mpc_consensus_round_seconds_sum"), 2);
    assert.equal(await read('mpc_consensus_round_seconds_bucket{le="2.5"}'), 1);
    assert.equal(await read('mpc_consensus_round_seconds_bucket{le="1"}'), 0);
  });

  test("why this node did not approve is counted by reason", async () => {
    const { counts, read } = open();
    const objections = [{ code: "policy-limit", message: "above the limit of a day" }];
    await counts.heard({ kind: "objected", request: new Uint8Array(32), revision: 1, objections });
    assert.equal(await read('mpc_vote_objections_total{code="policy-limit"}'), 1);
  });
});

describe("violations", () => {
  test("are counted by type", async () => {
    const { counts, read } = open();
    await counts.heard({ kind: "violation", node: NODES[1], violation: "DoubleVote", evidence: new Uint8Array() });
    assert.equal(await read('mpc_byzantine_violations_total{type="DoubleVote"}'), 1);
  });
});

describe("a second use of a one-use secret", () => {
  test("is counted by its purpose", async () => {
    const { counts, read } = open();
    assert.equal(await read('mpc_secret_reuse_refused_total{purpose="presignature"}'), 0);
    const reason = "this presignature was used before";
    await counts.heard({ kind: "reuseRefused", purpose: "presignature", id: new Uint8Array(32), reason });
    assert.equal(await read('mpc_secret_reuse_refused_total{purpose="presignature"}'), 1);
    assert.equal(await read('mpc_secret_reuse_refused_total{purpose="nonce"}'), 0);
  });
});

test("what alerts wait for is 0 before it happens: a series that begins with its first event has not increased by it", async () => {
  const { read } = open();
  for (const series of [
    'mpc_byzantine_violations_total{type="DoubleVote"}',
    'mpc_byzantine_violations_total{type="Equivocation"}',
    'mpc_coordination_reports_total{kind="lied"}',
    'mpc_esplora_errors_total{kind="lied"}',
  ])
    assert.equal(await read(series), 0, series);
});

describe("what operators should look at", () => {
  test("dissent by node, alerts by code, a wallet that is frozen, not one that is free again", async () => {
    const { counts, read } = open();
    const dissent = { request: new Uint8Array(32), revision: 1, round: 1, value: false, evidence: null };
    await counts.heard({ kind: "dissent", node: NODES[2], ...dissent });
    await counts.heard({ kind: "alert", code: "halted", message: "too few nodes" });
    for (const frozen of [true, false])
      await counts.heard({ kind: "wallet", account: "taproot", frozen, txid: "ab", reason: "nobody knows why" });
    assert.equal(await read('mpc_dissent_total{party="node3"}'), 1);
    assert.equal(await read('mpc_alerts_total{code="halted"}'), 1);
    assert.equal(await read('mpc_alerts_total{code="wallet-frozen"}'), 1);
  });
});

describe("attempts", () => {
  test("one that fails by silence has expired, and names whom it waited for, once each", async () => {
    const { counts, read } = open();
    await counts.heard(proposed());
    await counts.heard(aborted({ culprits: [NODES[1]], suspects: [NODES[1], NODES[2]] }));
    assert.equal(await read("mpc_session_expired_total"), 1);
    assert.equal(await read('mpc_participant_failures_total{party="node2"}'), 1);
    assert.equal(await read('mpc_participant_failures_total{party="node3"}'), 1);
    assert.equal(await read('mpc_signatures_total{suite="unknown",result="failed"}'), 1);
  });

  test("one that fails by a proven fault has not expired", async () => {
    const { counts, read } = open();
    await counts.heard(aborted({ fault: "public", culprits: [NODES[1]] }));
    assert.equal(await read("mpc_session_expired_total"), 0);
    assert.equal(await read('mpc_participant_failures_total{party="node2"}'), 1);
  });

  test("a failed key generation is no failed signature", async () => {
    const { counts, read } = open();
    const wish = { cluster: "test", idempotencyKey: "key", origin: NODES[0], height: 1, expiresHeight: 2 };
    const scheme = "frost-secp256k1-taproot" as const;
    await counts.heard(
      proposed({ ...wish, kind: "keygen", scheme, purpose: "wallet/regtest", threshold: 2, quorum: 2 }),
    );
    await counts.heard(aborted({}));
    assert.equal(await read(`mpc_signatures_total{suite="${scheme}",result="failed"}`), undefined);
    assert.equal(await read("mpc_session_expired_total"), 1);
  });

  test("a signature counts its attempts, and counts once however often it is told", async () => {
    const { counts, clock, read } = open();
    await counts.heard(proposed());
    await counts.heard(verdict("approved"));
    for (const attempt of [0, 3, 4]) await counts.heard(joined(attempt));
    clock.ms = 1_500;
    await counts.heard(messageSigned());
    await counts.heard(messageSigned());
    assert.equal(await read("mpc_attempts_per_signature_sum"), 3);
    assert.equal(await read('mpc_signatures_total{suite="unknown",result="success"}'), 1);
    assert.equal(await read('mpc_signature_seconds_sum{suite="unknown"}'), 1.5);
  });

  test("are shown by phase while they are under way", () => {
    const sessions = new Sessions();
    const count = (): readonly number[] => [...sessions.counts().values()];
    sessions.heard(joined(0));
    assert.deepEqual(count(), [1, 0, 0]);
    sessions.heard({ kind: "begun", attemptId: "attempt 0", signers: [NODES[0]], signing: true });
    assert.deepEqual(count(), [0, 1, 0]);
    sessions.heard(joined(1));
    assert.deepEqual(count(), [1, 0, 0], "a later attempt takes the place of the earlier one");
    sessions.heard({ kind: "begun", attemptId: "attempt 1", signers: [NODES[1]], signing: false });
    assert.deepEqual(count(), [0, 0, 1]);
    sessions.heard({ kind: "close", topic: "attempt 1" });
    assert.deepEqual(count(), [0, 0, 0]);
    sessions.heard(joined(2));
    sessions.heard(messageSigned());
    assert.deepEqual(count(), [0, 0, 0]);
    sessions.heard(joined(3));
    sessions.heard({ ...aborted({}), attemptId: "attempt 3" });
    assert.deepEqual(count(), [0, 0, 0]);
  });
});

describe("states and troubles", () => {
  test("a state is counted when it is entered, not again with every confirmation", async () => {
    const { counts, read } = open();
    const state = { kind: "state", request: "ab", reason: null, bitcoinTxid: null } as const;
    await counts.heard({ ...state, state: "confirmed", confirmations: 1 });
    await counts.heard({ ...state, state: "confirmed", confirmations: 2 });
    await counts.heard({ ...state, state: "replaced", confirmations: 0 });
    assert.equal(await read('mpc_transactions_total{state="confirmed"}'), 1);
    assert.equal(await read('mpc_transactions_total{state="replaced"}'), 1);
  });

  test("messages have a family of their own", async () => {
    const { counts, read } = open();
    await counts.heard({ kind: "message", request: "cd", state: "signed", reason: null });
    assert.equal(await read('mpc_messages_total{state="signed"}'), 1);
  });

  test("dropped messages, problems and lost links are counted", async () => {
    const { counts, read } = open();
    await counts.heard({ kind: "dropped", from: NODES[1], reason: "garbage" });
    await counts.heard({ kind: "problem", message: "the disk is full" });
    await counts.heard({ kind: "link", node: NODES[2], up: true });
    await counts.heard({ kind: "link", node: NODES[2], up: false });
    assert.equal(await read("mpc_messages_dropped_total"), 1);
    assert.equal(await read("mpc_problems_total"), 1);
    assert.equal(await read('mpc_network_errors_total{peer="node3"}'), 1);
  });
});
