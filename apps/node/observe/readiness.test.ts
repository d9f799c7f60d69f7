/** Each thing that keeps a node from being ready, alone. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { EtcdSigns } from "./etcd-trouble.ts";
import { isReady, pointsOf, type Circumstances } from "./readiness.ts";

const READY: Circumstances = {
  cluster: {
    status: "ok",
    reasons: [],
    n: 5,
    t: 4,
    q: 4,
    f: 1,
    online: 5,
    height: 77,
    keyIds: ["5a".repeat(32)],
    deadEdges: [],
  },
  genesisMs: 1_000,
  nowMs: 2_000,
  hasAccount: true,
  custody: { sealed: null, ready: true },
  journalFailures: 0,
  storeTrouble: null,
  skewSeconds: 0.4,
  chain: { state: "ok", lastAnswerMs: 1_500, retryAtMs: null, message: "data is 0 s old" },
  etcd: null,
};

/** What is missing, by name. */
const missing = (change: Partial<Circumstances>): Readonly<Record<string, string>> =>
  Object.fromEntries(
    pointsOf({ ...READY, ...change })
      .filter(({ state }) => state === "failed")
      .map(({ name, detail }) => [name, detail]),
  );

const CASES: readonly (readonly [what: string, change: Partial<Circumstances>, name: string, detail: RegExp])[] = [
  ["a clock before the cluster's genesis", { nowMs: 999 }, "ledger", /begins at 1970-01-01T00:00:01.000Z: set/],
  [
    "a halted cluster",
    {
      cluster: {
        ...READY.cluster,
        status: "halted",
        online: 3,
        reasons: ["3 of 5 nodes can vote and sign, 4 are needed"],
      },
    },
    "peers",
    /^3 of 5 nodes/,
  ],
  ["no key", { hasAccount: false }, "share", /no wallet key yet/],
  [
    "a sealed custody",
    { custody: { sealed: "the journal is behind", ready: false } },
    "custody",
    /does not vote or sign: the journal is behind/,
  ],
  [
    "a journal that peers have not confirmed",
    { custody: { sealed: null, ready: false } },
    "custody",
    /waits for its peers/,
  ],
  ["a journal that failed", { journalFailures: 2 }, "journal", /^2 writes .* restart the node/],
  ["history that fails", { storeTrouble: "store x: the disk is full" }, "store", /the disk is full/],
  ["a clock that is behind", { skewSeconds: -31 }, "clock", /31.0 s behind the Bitcoin server's: set it/],
  ["a clock that is ahead", { skewSeconds: 31 }, "clock", /31.0 s ahead of/],
  [
    "a Bitcoin server that rests",
    { chain: { ...READY.chain, state: "resting", message: "no data yet, next try in 30 s" } },
    "chain",
    /does not answer: no data yet/,
  ],
];

describe("a node is not ready with", () => {
  for (const [what, change, name, detail] of CASES)
    test(what, () => {
      const found = missing(change);
      assert.deepEqual(Object.keys(found), [name]);
      assert.match(found[name]!, detail);
    });
});

const ETCD: EtcdSigns = {
  state: "connected",
  problem: null,
  leaderKnown: true,
  alarms: [],
  silentMs: 9_000,
  unseenMs: 3,
};

const ETCD_CASES: readonly (readonly [what: string, change: Partial<EtcdSigns>, detail: RegExp])[] = [
  ["no etcd that ever answered", { state: "connecting" }, /^no etcd has answered yet: start its members/],
  [
    "an etcd that is away",
    { state: "away", problem: "etcd at x: nothing listens there" },
    /^etcd at x: nothing listens there$/,
  ],
  ["one that refuses", { state: "refused", problem: "permission denied" }, /^permission denied$/],
  ["one that refuses without a word", { state: "refused" }, /^etcd refuses: give the node's user the rights/],
  ["one that is full", { state: "refused", alarms: ["memberID:1 alarm:NOSPACE"] }, /NOSPACE: make room: .*disarm/],
  ["one that is damaged", { alarms: ["memberID:1 alarm:CORRUPT", "alarm:NOSPACE"] }, /CORRUPT: .*stop the one/],
  ["another alarm", { alarms: ["too hot"] }, /^etcd says: too hot: see `etcdctl alarm list`/],
  ["one without a leader", { leaderKnown: false, alarms: ["etcdserver: no leader"] }, /no leader: start more of them/],
  ["a watch that shows nothing", { silentMs: 60_001 }, /has shown nothing for 60 s: .*restart/],
  ["a watch that hides this node's own writes", { unseenMs: 75_000 }, /has shown nothing for 75 s/],
];

describe("a node is ready and degraded with", () => {
  for (const [what, change, detail] of ETCD_CASES)
    test(what, () => {
      const points = pointsOf({ ...READY, etcd: { ...ETCD, ...change } });
      assert.equal(isReady(points), true);
      const [found, ...others] = points.filter(({ state }) => state !== "ok");
      assert.deepEqual([found?.name, found?.state, others], ["coordination", "degraded", []]);
      assert.match(found!.detail, detail);
    });

  test("none of it, it is well", () => {
    const points = pointsOf({ ...READY, etcd: { ...ETCD, silentMs: 60_000 } });
    assert.deepEqual(points.at(-1), {
      name: "coordination",
      state: "ok",
      detail: "etcd answers, and shows what is written",
    });
  });
});

test("with none of it, and with a clock that nothing is known of, it is ready", () => {
  assert.deepEqual(missing({}), {});
  assert.deepEqual(missing({ skewSeconds: null }), {});
  assert.deepEqual(
    pointsOf(READY).map(({ name }) => name),
    ["ledger", "peers", "share", "custody", "vault", "journal", "store", "clock", "chain"],
  );
});
