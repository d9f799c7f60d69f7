import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  addsStrike,
  BAN_DURATIONS_MS,
  bannedAt,
  bansOf,
  convict,
  convictionCodec,
  eligible,
  MAX_STRIKES,
  quorumGuard,
  type Conviction,
} from "./bans.ts";
import { places, testCluster } from "./testing/cluster.ts";
import {
  doubleVoteEvidence,
  evidenceCodec,
  verifyEvidence,
  type Evidence,
  type EvidenceContext,
} from "./violations.ts";

const cluster = testCluster(5);
const { engine, roster, ids, signed } = cluster;
const context: EvidenceContext = {
  engine,
  roster,
  verifiers: { equivocation: () => undefined, protocolFault: () => undefined, wrongVote: () => false },
};
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** A lie of the i-th node in a round of its own. */
const lie = (i: number, round: number): Evidence =>
  doubleVoteEvidence({ first: signed(i, { round }), second: signed(i, { round, value: false }) });

const convicted = (i: number, round: number, atMs: number): Conviction => convict(context, lie(i, round), atMs)!;

test("24 hours, then 7 days, then for good", () => {
  const first = convicted(0, 1, 1_000);
  const second = convicted(0, 2, 10 * DAY_MS);
  const third = convicted(0, 3, 30 * DAY_MS);
  const untils = [[first], [first, second], [first, second, third]].map((known) => bansOf(known)[0]!);
  assert.deepEqual(
    untils.map(({ strike, sinceMs, untilMs }) => [strike, sinceMs, untilMs]),
    [
      [1, 1_000, 1_000 + DAY_MS],
      [2, 10 * DAY_MS, 17 * DAY_MS],
      [3, 30 * DAY_MS, null],
    ],
  );
  assert.deepEqual(BAN_DURATIONS_MS, [DAY_MS, 7 * DAY_MS]);
  assert.deepEqual(verifyEvidence(context, evidenceCodec.decode(untils[2]!.evidence))?.id, third.incident);
});

test("a ban is over at its end, not before, and a clock that runs backwards does not lift it", () => {
  const bans = bansOf([convicted(0, 1, 5 * DAY_MS)]);
  const banned = (nowMs: number): readonly number[] => places(cluster, bannedAt(bans, nowMs));
  assert.deepEqual([banned(0), banned(5 * DAY_MS), banned(6 * DAY_MS - 1), banned(6 * DAY_MS)], [[0], [0], [0], []]);
  const forGood = bansOf([1, 2, 3, 4].map((round) => convicted(0, round, 0)));
  assert.deepEqual(places(cluster, bannedAt(forGood, Number.MAX_SAFE_INTEGER)), [0]);
});

test("one incident is one strike: repeated, in other pairs, or again after its ban was over", () => {
  const votes = [signed(0), signed(0, { value: false }), signed(0, { epoch: 99 })] as const;
  const pairs = [
    [votes[0], votes[1]],
    [votes[1], votes[2]],
    [votes[2], votes[0]],
  ] as const;
  const again = pairs.map(([first, second], i) =>
    convict(context, doubleVoteEvidence({ first, second }), i * 30 * DAY_MS)!,
  );
  for (const order of [again, [...again].reverse(), [...again, ...again]]) {
    const [ban, ...others] = bansOf(order);
    assert.deepEqual([ban?.strike, ban?.sinceMs, others.length], [1, 0, 0]);
  }
  assert.ok(!addsStrike([again[0]!], again[1]!));
});

test("a lie bans nobody", () => {
  const forged = { ...signed(0, { value: false }), signature: signed(0).signature };
  assert.equal(convict(context, doubleVoteEvidence({ first: signed(0), second: forged }), 0), undefined);
  const harmless: readonly Evidence[] = [
    doubleVoteEvidence({ first: signed(0), second: signed(1, { value: false }) }),
    doubleVoteEvidence({ first: signed(0, { round: 1 }), second: signed(0, { round: 2, value: false }) }),
    { kind: "ProtocolFault", check: "anything", proof: Uint8Array.of(1) },
  ];
  for (const evidence of harmless) assert.equal(convict(context, evidence, 0), undefined);
});

test("nothing that the liar signed moves the ban's time", () => {
  const past = doubleVoteEvidence({
    first: signed(0, { fromHeight: 0, toHeight: 0, generation: 1 }),
    second: signed(0, { fromHeight: 0, toHeight: 0, value: false }),
  });
  const [ban] = bansOf([convict(context, past, 77 * DAY_MS)!]);
  assert.deepEqual([ban?.sinceMs, ban?.untilMs], [77 * DAY_MS, 78 * DAY_MS]);
});

/** Up to five incidents of two nodes, at any times, some recorded more than once. */
const POOL: readonly Evidence[] = [1, 2, 3, 4, 5].flatMap((round) => [lie(0, round), lie(1, round)]);

const seen = (i: number, hour: number): Conviction => convict(context, POOL[i]!, hour * HOUR_MS)!;

const records = fc.array(fc.tuple(fc.nat(POOL.length - 1), fc.nat(100 * 24)), { maxLength: 12 });

test("the same convictions give the same bans in any order and any number", () => {
  fc.assert(
    fc.property(records, fc.nat(), (drawn, turn) => {
      const known = drawn.map(([i, hour]) => seen(i, hour));
      const at = known.length === 0 ? 0 : turn % known.length;
      const turned = [...known.slice(at), ...known.slice(0, at)].reverse();
      assert.deepEqual(bansOf([...turned, ...known]), bansOf(known));
    }),
    { numRuns: 300 },
  );
});

test("two nodes that saw the same evidence at other times in another order agree on every strike", () => {
  fc.assert(
    fc.property(records, records, (here, there) => {
      const incidents = [...new Set(here.map(([i]) => i))];
      const mine = here.map(([i, hour]) => seen(i, hour));
      const theirs = incidents.map((i, k) => seen(i, there[k]?.[1] ?? k)).reverse();
      const strikes = (known: readonly Conviction[]) =>
        bansOf(known).map(({ node, strike, untilMs }) => [node, strike, untilMs === null]);
      assert.deepEqual(strikes(theirs), strikes(mine));
    }),
    { numRuns: 300 },
  );
});

test("what is worth recording is bounded, and leaving out the rest changes no strike", () => {
  const many = [1, 2, 3, 4, 5].map((round) => convicted(0, round, round));
  const recorded: Conviction[] = [];
  for (const each of [...many, ...many]) if (addsStrike(recorded, each)) recorded.push(each);
  assert.equal(recorded.length, MAX_STRIKES);
  assert.deepEqual(bansOf(recorded), bansOf(many));
  assert.ok(addsStrike(recorded, convicted(1, 1, 0)));
});

test("a conviction survives the journal, also when the liar's key has left the roster", () => {
  const conviction = convicted(0, 1, 123);
  assert.deepEqual(convictionCodec.decode(convictionCodec.encode(conviction)), conviction);
  const rekeyed = testCluster(6).roster.nodes[5]!.voteKey;
  const next = { ...roster, nodes: roster.nodes.map((node, i) => (i === 0 ? { ...node, voteKey: rekeyed } : node)) };
  const reread = convictionCodec.decode(convictionCodec.encode(conviction));
  assert.deepEqual(places(cluster, eligible(next, bansOf([reread]), 200)), [1, 2, 3, 4]);
});

const needs = { committee: ids, threshold: 4, quorum: 4 };

test("one ban of five is survived; a second halts, says why, and ends with the ban", () => {
  const one = bansOf([convicted(1, 1, 0)]);
  const two = bansOf([convicted(1, 1, 0), convicted(3, 1, 12 * HOUR_MS)]);
  assert.equal(quorumGuard(roster, needs, [], 0).halted, false);
  const guard = quorumGuard(roster, needs, one, 0);
  assert.deepEqual([guard.halted, places(cluster, guard.eligible)], [false, [0, 2, 3, 4]]);
  const halted = quorumGuard(roster, needs, two, 13 * HOUR_MS);
  assert.ok(halted.halted);
  assert.match(halted.reason, /3 of 5 nodes may vote and sign, 4 are needed; banned: node-01, node-03\./);
  assert.equal(quorumGuard(roster, needs, two, DAY_MS).halted, false);
});

test("the guard asks for the larger of threshold and quorum, within the key's committee only", () => {
  const one = bansOf([convicted(1, 1, 0)]);
  assert.ok(quorumGuard(roster, { committee: ids, threshold: 3, quorum: 5 }, one, 0).halted);
  assert.ok(quorumGuard(roster, { committee: ids, threshold: 5, quorum: 4 }, one, 0).halted);
  // The banned node does not hold this key.
  const without = { committee: ids.filter((_, i) => i !== 1), threshold: 3, quorum: 4 };
  assert.equal(quorumGuard(roster, without, one, 0).halted, false);
  // Others being free does not help a committee, nor is a ban outside it its reason.
  const three = { committee: [ids[0]!, ids[2]!, ids[3]!], threshold: 3, quorum: 3 };
  const halted = quorumGuard(roster, three, bansOf([convicted(0, 1, 0), convicted(1, 1, 0)]), 0);
  assert.ok(halted.halted);
  assert.match(halted.reason, /2 of 3 nodes may vote and sign, 3 are needed; banned: node-00\./);
  // A committee that names a node the roster no longer has counts without it.
  const gone = quorumGuard({ ...roster, nodes: roster.nodes.slice(0, 3) }, needs, [], 0);
  assert.ok(gone.halted);
  assert.match(gone.reason, /3 of 5 nodes may vote and sign, 4 are needed\./);
});
