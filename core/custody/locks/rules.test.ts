import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import { parseNodeId } from "@conclave/consensus";
import { memoryJournal } from "../testing/memory-journal.ts";
import { isEdgeDead, isSpent, lockedCoins, signedIntents } from "./queries.ts";
import { lockRecordCodec, type LockRecord } from "./records.ts";
import { MAX_REVISION_GAP, RULES, type SignAsk, type VoteAsk } from "./checks.ts";
import type { Decision } from "./decision.ts";
import { abandonsNeeded, decideRelease, type ReleaseEvidence } from "./release.ts";
import { decideAbandon, decideAttempt, decideSign, decideSpend, decideVote, MAX_ATTEMPTS } from "./rules.ts";
import { apply, emptyState, intentOf, replay, type LockState } from "./state.ts";

const bytes = (value: number): Uint8Array => new Uint8Array(32).fill(value);
const hex = (value: number): string => value.toString(16).padStart(2, "0").repeat(32);
const coin = (value: number) => ({ txid: hex(value), vout: 0 });
const node = (value: number) => parseNodeId(hex(value));
const [wallet, payment, otherPayment] = [bytes(1), bytes(2), bytes(3)];

/** Revision `revision` of `payment`, its digest made of its number, spending coin number `revision`. */
const name = (revision: number) => ({ wallet, intent: payment, revision, digest: bytes(100 + revision) });
const voteAsk = (revision: number, changes: Partial<VoteAsk> = {}): VoteAsk => ({
  ...name(revision),
  round: 1,
  value: true,
  context: bytes(9),
  outpoints: [coin(revision)],
  anchor: null,
  ...changes,
});
const signAsk = (revision: number, changes: Partial<SignAsk> = {}): SignAsk => ({
  ...name(revision),
  txid: hex(200 + revision),
  outpoints: [coin(revision)],
  anchor: null,
  tally: { ...name(revision), round: 1, approved: true },
  ...changes,
});
const abandonEvidence = (revisions: readonly number[], nodes: number): ReleaseEvidence => ({
  reason: "abandoned-by-quorum",
  wallet,
  intent: payment,
  proof: bytes(8),
  committee: { n: 5, t: 4, f: 1 },
  abandons: revisions.map((revision) => ({
    ...name(revision),
    nodes: Array.from({ length: nodes }, (_, i) => node(i)),
  })),
});
const spendEvidence = (outpoint: number, spender: number): ReleaseEvidence => ({
  reason: "foreign-spend",
  wallet,
  intent: payment,
  proof: bytes(8),
  outpoint: coin(outpoint),
  spender: hex(spender),
});
const burial: ReleaseEvidence = { reason: "buried-payment", wallet, intent: payment, proof: bytes(8) };

/** Asks in turn; every step must be granted. */
type Step = (state: LockState) => Decision<string>;
function after(...steps: readonly Step[]): LockState {
  const state = emptyState();
  for (const step of steps) {
    const decision = step(state);
    assert.ok(decision.ok, decision.ok ? "" : decision.reason);
    for (const record of decision.records) apply(state, record);
  }
  return state;
}
const vote =
  (revision: number, changes?: Partial<VoteAsk>): Step =>
  (state) =>
    decideVote(state, voteAsk(revision, changes));
const sign =
  (revision: number, changes?: Partial<SignAsk>): Step =>
  (state) =>
    decideSign(state, signAsk(revision, changes));
const abandon =
  (revision: number): Step =>
  (state) =>
    decideAbandon(state, name(revision));
const release =
  (evidence: ReleaseEvidence): Step =>
  (state) =>
    decideRelease(state, evidence);

const code = (decision: Decision<string>): string => (decision.ok ? "granted" : decision.code);

interface Case {
  readonly before: readonly Step[];
  readonly ask: Step;
}
const otherRequest = { intent: otherPayment, digest: bytes(50), outpoints: [coin(1)] };

const voteRefusals: Readonly<Record<keyof typeof RULES.vote, Case>> = {
  "slot-taken": { before: [vote(1)], ask: vote(1, { value: false }) },
  "old-round": { before: [vote(1, { round: 3 })], ask: vote(1, { round: 2 }) },
  "intent-ended": { before: [release(burial)], ask: vote(1) },
  "other-content": { before: [vote(1)], ask: vote(1, { round: 2, digest: bytes(99) }) },
  "too-far-ahead": { before: [vote(1), abandon(1)], ask: vote(2 + MAX_REVISION_GAP) },
  "anchor-not-spent": { before: [], ask: vote(1, { anchor: coin(7) }) },
  "not-newer": { before: [vote(2), abandon(2)], ask: vote(1) },
  abandoned: { before: [abandon(1)], ask: vote(1) },
  dead: { before: [release(abandonEvidence([1], 3))], ask: vote(1) },
  "misses-anchor": { before: [vote(1), sign(1)], ask: vote(2) },
  "not-abandoned": { before: [vote(1)], ask: vote(2) },
  "coin-locked": { before: [vote(1)], ask: vote(1, otherRequest) },
};

const recorded =
  (record: LockRecord): Step =>
  () => ({ ok: true, records: [record] });
const signRefusals: Readonly<Record<keyof typeof RULES.sign, Case>> = {
  "intent-ended": { before: [vote(1), release(burial)], ask: sign(1) },
  "never-voted-for": { before: [vote(1, { value: false })], ask: sign(1) },
  abandoned: { before: [vote(1), abandon(1)], ask: sign(1) },
  dead: { before: [vote(1), sign(1), release(abandonEvidence([1], 3))], ask: sign(1) },
  "not-last-vote": {
    before: [vote(1), sign(1), vote(2, { outpoints: [coin(1), coin(2)] })],
    ask: sign(1),
  },
  "last-vote-no": { before: [vote(1), vote(1, { round: 2, value: false })], ask: sign(1) },
  "other-tally": { before: [vote(1)], ask: sign(1, { tally: { ...name(2), round: 1, approved: true } }) },
  "old-tally": { before: [vote(1), vote(1, { round: 2 })], ask: sign(1) },
  "not-approved": { before: [vote(1)], ask: sign(1, { tally: { ...name(1), round: 1, approved: false } }) },
  "other-transaction": { before: [vote(1), sign(1)], ask: sign(1, { txid: hex(77) }) },
  "other-coins": { before: [vote(1)], ask: sign(1, { outpoints: [coin(1), coin(2)] }) },
  // The vote already asks for these two; only a journal that the rules did not write leads here.
  "misses-anchor": {
    before: [vote(1), sign(1), recorded({ kind: "vote", ...voteAsk(2) })],
    ask: sign(2),
  },
  "coin-locked": {
    before: [vote(1), recorded({ kind: "vote", ...voteAsk(1, otherRequest) })],
    ask: sign(1),
  },
};

void suite("every refusal by name", () => {
  for (const [expected, { before, ask }] of Object.entries(voteRefusals)) {
    test(`vote: ${expected}`, () => assert.equal(code(ask(after(...before))), expected));
  }
  for (const [expected, { before, ask }] of Object.entries(signRefusals)) {
    test(`sign: ${expected}`, () => assert.equal(code(ask(after(...before))), expected));
  }

  test("abandon: already-signed, and only for the content that was signed", () => {
    const state = after(vote(1), sign(1));
    assert.equal(code(decideAbandon(state, name(1))), "already-signed");
    assert.equal(code(decideAbandon(state, { ...name(1), digest: bytes(99) })), "granted");
    const released = after(vote(1), sign(1), release(abandonEvidence([1], 3)));
    assert.equal(code(decideAbandon(released, name(1))), "already-signed", "a release does not call the partial back");
  });

  test("attempt: attempt-used, too-many-attempts, too-many-of-one", () => {
    const slot = { request: payment, revision: 1, round: 1, input: 0, attempt: 0 };
    const enter =
      (changes: Partial<typeof slot>, coordinators = 1): Step =>
      (state) =>
        decideAttempt(state, { ...slot, ...changes }, coordinators);
    assert.equal(code(enter({})(after(enter({})))), "attempt-used");
    for (const changes of [{ revision: 2 }, { round: 2 }, { input: 1 }, { attempt: 1 }])
      assert.equal(code(enter(changes)(after(enter({})))), "granted");
    const full = after(...Array.from({ length: MAX_ATTEMPTS }, (_, attempt) => enter({ attempt })));
    assert.equal(code(enter({ attempt: MAX_ATTEMPTS })(full)), "too-many-attempts");
    assert.equal(code(enter({ request: otherPayment, attempt: MAX_ATTEMPTS })(full)), "granted");
    // Of four coordinators, the one whose turns are 1, 5, 9, … has 16 of the 64.
    const greedy = after(...Array.from({ length: 16 }, (_, turn) => enter({ attempt: 1 + 4 * turn }, 4)));
    assert.equal(code(enter({ attempt: 65 }, 4)(greedy)), "too-many-of-one");
    for (const attempt of [0, 2, 3]) assert.equal(code(enter({ attempt }, 4)(greedy)), "granted");
  });

  test("spend: already-spent, bound-elsewhere", () => {
    const nonce = { purpose: "frost-nonce", id: bytes(4), binding: bytes(5) };
    const spend =
      (changes: Partial<typeof nonce>): Step =>
      (state) =>
        decideSpend(state, { ...nonce, ...changes });
    const state = after(spend({}));
    assert.equal(code(spend({})(state)), "already-spent");
    assert.equal(code(spend({ binding: bytes(6) })(state)), "bound-elsewhere");
    assert.equal(code(spend({ id: bytes(7) })(state)), "granted");
    assert.equal(code(spend({ purpose: "presignature" })(state)), "granted");
    assert.deepEqual([isSpent(state, "frost-nonce", bytes(4)), isSpent(state, "frost-nonce", bytes(7))], [true, false]);
  });

  test("release: no-anchor, not-the-anchor, own-payment", () => {
    assert.equal(code(decideRelease(after(vote(1)), spendEvidence(1, 60))), "no-anchor");
    const state = after(vote(1, { outpoints: [coin(1), coin(2)] }), sign(1, { outpoints: [coin(1), coin(2)] }));
    assert.equal(code(decideRelease(state, spendEvidence(2, 60))), "not-the-anchor");
    assert.equal(code(decideRelease(state, spendEvidence(1, 201))), "own-payment");
    assert.equal(code(decideRelease(state, spendEvidence(1, 60))), "granted");
  });

  test("release: nothing-abandoned, too-few-abandons", () => {
    const both = [coin(1), coin(2)];
    const state = after(vote(1), sign(1), vote(2, { outpoints: both }), sign(2, { outpoints: both }));
    assert.equal(abandonsNeeded({ n: 5, t: 4, f: 1 }), 3);
    assert.equal(code(decideRelease(state, abandonEvidence([], 3))), "nothing-abandoned");
    assert.equal(code(decideRelease(state, abandonEvidence([1, 2], 2))), "too-few-abandons");
    const repeated = abandonEvidence([1, 2], 3);
    assert.ok(repeated.reason === "abandoned-by-quorum");
    const oneVoice = repeated.abandons.map((abandon) => ({ ...abandon, nodes: [node(1), node(1), node(1)] }));
    assert.equal(code(decideRelease(state, { ...repeated, abandons: oneVoice })), "too-few-abandons");
    assert.equal(code(decideRelease(state, abandonEvidence([1, 2], 3))), "granted");
  });

  test("every check has its case, and every refusal a reason", () => {
    assert.deepEqual(Object.keys(voteRefusals).sort(), Object.keys(RULES.vote).sort());
    assert.deepEqual(Object.keys(signRefusals).sort(), Object.keys(RULES.sign).sort());
    for (const { before, ask } of [...Object.values(voteRefusals), ...Object.values(signRefusals)]) {
      const decision = ask(after(...before));
      assert.ok(!decision.ok && decision.reason.length > 20);
    }
  });
});

void suite("what is granted", () => {
  test("the same vote again needs no record, even after the intent moved on", () => {
    const again = vote(1)(after(vote(1), abandon(1), vote(2)));
    assert.deepEqual(again, { ok: true, records: [] });
  });

  test("a vote with other circumstances is another vote", () =>
    assert.equal(code(vote(1, { context: bytes(10) })(after(vote(1)))), "slot-taken"));

  test("another input of the same transaction needs no record", () =>
    assert.deepEqual(sign(1)(after(vote(1), sign(1))), { ok: true, records: [] }));

  test("a change of mind is a new round, both ways", () => {
    const state = after(vote(1), vote(1, { round: 2, value: false }), vote(1, { round: 3 }));
    assert.equal(code(sign(1, { tally: { ...name(1), round: 3, approved: true } })(state)), "granted");
  });

  test("a no to a later revision holds no coins and does not stop the earlier one", () => {
    const state = after(vote(1), vote(2, { value: false }));
    assert.equal(code(sign(1)(state)), "granted");
    assert.deepEqual(
      lockedCoins(state, wallet).map(({ outpoint }) => outpoint),
      [`${hex(1)}:0`],
    );
  });

  test("the first anchor stays, and a replacement's signer takes the anchor it names", () => {
    const both = [coin(2), coin(1)];
    const state = after(vote(1), sign(1), vote(2, { outpoints: both }), sign(2, { outpoints: both, anchor: coin(2) }));
    assert.equal(intentOf(state, name(1))?.anchor, `${hex(1)}:0`);
    assert.equal(code(vote(3, { outpoints: [coin(2), coin(3)] })(state)), "misses-anchor");
    const late = after(vote(2, { outpoints: both, anchor: coin(1) }), sign(2, { outpoints: both, anchor: coin(1) }));
    assert.equal(intentOf(late, name(1))?.anchor, `${hex(1)}:0`);
  });

  test("an anchor the transaction does not spend is never taken", () => {
    const state = after(vote(1), sign(1, { anchor: coin(9) }));
    assert.equal(intentOf(state, name(1))?.anchor, `${hex(1)}:0`);
  });

  test("something signed that spends no coin is never replaced", () => {
    const state = after(vote(1, { outpoints: [] }), sign(1, { outpoints: [] }));
    assert.equal(intentOf(state, name(1))?.anchor, null);
    assert.equal(code(vote(2, { outpoints: [] })(state)), "not-abandoned");
  });

  test("an older signed revision binds although the latest was abandoned", () => {
    const both = [coin(1), coin(2)];
    const state = after(vote(1), sign(1), vote(2, { outpoints: both }), abandon(2));
    assert.equal(code(vote(3)(state)), "misses-anchor");
  });

  test("each of the three releases lets the wallet go on", () => {
    const signed = [vote(1), sign(1)];
    const other = vote(1, otherRequest);
    assert.equal(code(other(after(...signed))), "coin-locked");
    for (const evidence of [burial, spendEvidence(1, 60), abandonEvidence([1], 3)]) {
      const state = after(...signed, release(evidence));
      assert.equal(code(other(state)), "granted", evidence.reason);
      assert.deepEqual(lockedCoins(state, wallet), []);
      assert.deepEqual(signedIntents(state), []);
      assert.equal(code(vote(2)(state)), evidence.reason === "buried-payment" ? "intent-ended" : "granted");
    }
  });

  test("an own abandon frees a coin for the same request at once, for others when the revision is proven dead", () => {
    const same = vote(2, { outpoints: [coin(1)] });
    const [other, back] = [vote(1, otherRequest), vote(3, { outpoints: [coin(1)] })];
    assert.equal(code(same(after(vote(1), abandon(1)))), "granted");
    const abandoned = after(vote(1), abandon(1));
    assert.equal(code(other(abandoned)), "coin-locked");
    assert.deepEqual(lockedCoins(abandoned, wallet), [{ outpoint: `${hex(1)}:0`, intent: hex(2), txid: null }]);
    assert.deepEqual(lockedCoins(abandoned, wallet, hex(2)), []);
    const dead = after(vote(1), abandon(1), release(abandonEvidence([1], 3)));
    assert.deepEqual(lockedCoins(dead, wallet), []);
    assert.equal(code(other(dead)), "granted");
    assert.equal(code(back(after(vote(1), abandon(1), release(abandonEvidence([1], 3)), other))), "coin-locked");
  });

  test("every revision of a request holds its coins until it is dead itself", () => {
    const state = after(vote(1), abandon(1), vote(2), abandon(2), release(abandonEvidence([2], 3)));
    assert.equal(code(vote(1, otherRequest)(state)), "coin-locked");
    assert.equal(code(vote(1, { ...otherRequest, outpoints: [coin(2)] })(state)), "granted");
  });

  test("an anchor stays until every signed revision is dead; what only a dead one spends is free before", () => {
    const both = [coin(1), coin(2)];
    const signedTwice = [vote(1), sign(1), vote(2, { outpoints: both }), sign(2, { outpoints: both })];
    const state = after(...signedTwice, release(abandonEvidence([2], 3)));
    assert.equal(intentOf(state, name(1))?.anchor, `${hex(1)}:0`);
    assert.equal(code(vote(3)(state)), "misses-anchor");
    assert.equal(code(vote(1, otherRequest)(state)), "coin-locked");
    assert.equal(code(vote(1, { ...otherRequest, outpoints: [coin(2)] })(state)), "granted");
    const free = after(...signedTwice, release(abandonEvidence([2], 3)), release(abandonEvidence([1], 3)));
    assert.equal(intentOf(free, name(1))?.anchor, null);
    assert.equal(code(vote(3)(free)), "granted");
  });

  test("coin selection sees whose coins are locked and which are signed", () => {
    const state = after(vote(1), sign(1));
    const [locked] = lockedCoins(state, wallet);
    assert.deepEqual(locked, { outpoint: `${hex(1)}:0`, intent: hex(2), txid: hex(201) });
    assert.deepEqual(lockedCoins(state, wallet, hex(2)), []);
    assert.deepEqual(lockedCoins(state, bytes(42)), []);
    assert.deepEqual(
      signedIntents(state).map(({ id }) => id),
      [hex(2)],
    );
  });

  test("a dead edge has no direction and belongs to its setup", () => {
    const [a, b] = [node(1), node(2)];
    const state = after(
      recorded({ kind: "deadEdge", setup: bytes(1), a, b, reason: "wrong OT answer", evidence: bytes(2) }),
    );
    assert.equal(isEdgeDead(state, bytes(1), b, a), true);
    assert.equal(isEdgeDead(state, bytes(2), a, b), false);
  });

  test("a later epoch's active certificate ends the earlier ones", () => {
    const certificate = (epoch: number, state: "pending" | "signed" | "active"): Step =>
      recorded({ kind: "certificate", key: bytes(1), epoch, transcript: bytes(epoch), state });
    const slots = (...steps: readonly Step[]) => [...(after(...steps).certificates.get(hex(1)) ?? [])];
    assert.equal(slots(certificate(1, "active"), certificate(2, "pending"), certificate(2, "signed")).length, 2);
    assert.deepEqual(slots(certificate(1, "active"), certificate(2, "signed"), certificate(2, "active")), [
      [hex(2), { epoch: 2, state: "active" }],
    ]);
  });
});

/** A small world in which random asks meet often. */
const anyAsk: fc.Arbitrary<Step> = fc
  .record({
    kind: fc.constantFrom("vote", "vote", "sign", "abandon", "release", "attempt", "spend"),
    intent: fc.constantFrom(payment, otherPayment),
    revision: fc.integer({ min: 1, max: 3 }),
    round: fc.integer({ min: 1, max: 2 }),
    value: fc.boolean(),
    coins: fc.subarray([1, 2, 3], { minLength: 1 }),
    reason: fc.constantFrom("buried-payment", "foreign-spend", "abandoned-by-quorum"),
  })
  .map(({ kind, intent, revision, round, value, coins, reason }) => {
    const outpoints = coins.map(coin);
    const it = { ...name(revision), intent };
    const evidence = { "buried-payment": burial, "foreign-spend": spendEvidence(coins[0]!, 60) };
    return (state: LockState): Decision<string> => {
      switch (kind) {
        case "vote":
          return decideVote(state, voteAsk(revision, { intent, round, value, outpoints }));
        case "sign":
          return decideSign(state, signAsk(revision, { intent, outpoints, tally: { ...it, round, approved: true } }));
        case "abandon":
          return decideAbandon(state, it);
        case "attempt":
          return decideAttempt(state, { request: intent, revision, round, input: 0, attempt: coins.length }, 1);
        case "spend":
          return decideSpend(state, { purpose: "frost-nonce", id: bytes(revision), binding: bytes(round) });
        default:
          return reason === "abandoned-by-quorum"
            ? decideRelease(state, { ...abandonEvidence([revision], 3), intent })
            : decideRelease(state, { ...evidence[reason], intent });
      }
    };
  });

void suite("the journal is the state", () => {
  test("after a crash at any point every question gets the same answer", () => {
    fc.assert(
      fc.property(fc.array(anyAsk, { maxLength: 25 }), (asks) => {
        const { disk } = memoryJournal();
        let journal = memoryJournal(disk);
        const state = emptyState();
        for (const ask of asks) {
          journal = memoryJournal(disk);
          const restarted = replay(journal.read());
          assert.deepEqual(restarted, state);
          const decision = ask(state);
          assert.deepEqual(ask(restarted), decision);
          if (!decision.ok) continue;
          const position = journal.append(decision.records.map((record) => lockRecordCodec.encode(record)));
          for (const record of decision.records) apply(state, record);
          assert.equal(position, state.position);
        }
      }),
      { numRuns: 150 },
    );
  });

  test("a decision changes nothing by itself", () => {
    const state = after(vote(1), sign(1));
    const copy = structuredClone({ ...state, claims: undefined });
    for (const ask of [vote(2), sign(1), abandon(2), release(burial)]) ask(state);
    assert.deepEqual(structuredClone({ ...state, claims: undefined }), copy);
  });

  test("a ban, a note and a ballot's generation survive a restart", () => {
    const { disk } = memoryJournal();
    const records: readonly LockRecord[] = [
      { kind: "note", text: "started" },
      { kind: "ban", ban: Uint8Array.of(1, 2, 3) },
      { kind: "vote", ...voteAsk(1) },
    ];
    memoryJournal(disk).append(records.map((record) => lockRecordCodec.encode(record)));
    const state = replay(memoryJournal(disk).read());
    assert.deepEqual(state.bans, [Uint8Array.of(1, 2, 3)]);
    assert.equal(intentOf(state, name(1))?.ballots.get(1)?.get(1)?.position, 3);
  });

  test("a gap in the journal is noticed", () => {
    const record = lockRecordCodec.encode({ kind: "note", text: "" });
    assert.throws(() => replay([{ position: 2, record }]), /without gaps/);
  });
});
