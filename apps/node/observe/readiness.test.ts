/** Each thing that keeps a node from being ready, alone. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { pointsOf, type Circumstances } from "./readiness.ts";

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
};

/** What is missing, by name. */
const missing = (change: Partial<Circumstances>): Readonly<Record<string, string>> =>
  Object.fromEntries(
    pointsOf({ ...READY, ...change })
      .filter(({ ok }) => !ok)
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

test("with none of it, and with a clock that nothing is known of, it is ready", () => {
  assert.deepEqual(missing({}), {});
  assert.deepEqual(missing({ skewSeconds: null }), {});
  assert.deepEqual(
    pointsOf(READY).map(({ name }) => name),
    ["ledger", "peers", "share", "custody", "vault", "journal", "store", "clock", "chain"],
  );
});
