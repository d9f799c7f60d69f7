import assert from "node:assert/strict";
import { test } from "node:test";
import type { CustodyStatus } from "@conclave/custody";
import type { NodeId } from "@conclave/consensus";
import { viewCluster, viewNodes, type ClusterParts, type Troubles } from "./cluster-view.ts";
import { CustodyNews } from "./custody-news.ts";
import { VirtualClock } from "./testing/clock.ts";
import { committeeOf } from "./testing/committee.ts";

const { settings, nodes } = committeeOf({ n: 5, t: 4, q: 4 });
const [self] = nodes;
const CALM: Troubles = {
  deadEdges: [],
  accounts: [{ frozen: null }],
  payments: [],
  history: { away: false, troubles: [] },
  coordination: null,
};
const SOUND: CustodyStatus = {
  id: self!,
  generation: 1,
  ready: true,
  sealed: null,
  keys: [],
  pendingKeys: [],
  bans: [],
  deadEdges: [],
  presignatures: [],
  recipients: [],
};

interface Circumstances {
  readonly away?: number;
  readonly custody?: Partial<CustodyStatus>;
  readonly chain?: "ok" | "failing" | "resting";
}

const view = ({ away = 0, custody = {}, chain = "ok" }: Circumstances, troubles: Partial<Troubles> = {}) => {
  const clock = new VirtualClock(1_000);
  const up = new Set(nodes.slice(0, nodes.length - away));
  const parts: ClusterParts = {
    ...settings,
    self: self!,
    news: new CustodyNews({ custody: { status: () => Promise.resolve({ ...SOUND, ...custody }) }, clock }),
    isUp: (node) => up.has(node),
    clock,
    ledger: { height: () => 7 },
    chain: { health: () => ({ state: chain, lastAnswerMs: 0, retryAtMs: null, message: "data is 42 s old" }) },
  };
  return viewCluster(parts, new Map(), { ...CALM, ...troubles });
};

test("ok: everybody is there and nothing is in trouble", async () => {
  const { status, reasons } = await view({});
  assert.deepEqual([status, reasons], ["ok", []]);
});

test("degraded, with a sentence for each reason", async () => {
  for (const [circumstances, troubles, sentence] of [
    [{ custody: { ready: false } }, {}, /waits for its peers to confirm its journal/],
    [{ chain: "failing" }, {}, /the Bitcoin chain does not answer: data is 42 s old/],
    [{ chain: "resting" }, {}, /the Bitcoin chain does not answer/],
    [{}, { payments: ["ab has waited 61 min for a block"] }, /^ab has waited 61 min/],
    [{}, { history: { away: false, troubles: ["history refused a row"] } }, /^history refused a row$/],
    [{}, { coordination: "etcd does not answer" }, /^etcd does not answer$/],
    [{}, { accounts: [{ frozen: "taproot payments are frozen" }, { frozen: null }] }, /^taproot payments are frozen$/],
  ] as const satisfies readonly (readonly [Circumstances, Partial<Troubles>, RegExp])[]) {
    const { status, reasons } = await view(circumstances, troubles);
    assert.equal(status, "degraded", String(sentence));
    assert.equal(reasons.length, 1, reasons.join());
    assert.match(reasons[0]!, sentence);
  }
});

test("one more loss would halt it: nodes that are away, and this one if it takes part in nothing", async () => {
  const history = { away: true, troubles: ["history does not answer"] };
  for (const [circumstances, troubles, sentence] of [
    [{ away: 1 }, {}, "node5 is offline"],
    [
      { custody: { sealed: "the safety journal was rolled back" } },
      {},
      "this node does not vote or sign: the safety journal was rolled back",
    ],
    [{}, { history }, "history does not answer"],
  ] as const satisfies readonly (readonly [Circumstances, Partial<Troubles>, string])[]) {
    const { status, reasons } = await view(circumstances, troubles);
    assert.equal(status, "degraded");
    const last = "4 of 5 nodes can vote and sign, as many as are needed: one more loss halts signing";
    assert.deepEqual(reasons, [sentence, last]);
  }
});

test("halted: too few nodes to vote and sign, or no account that may pay", async () => {
  const few = await view({ away: 2 });
  assert.equal(few.status, "halted");
  assert.match(few.reasons.join(), /3 of 5 nodes can vote and sign, 4 are needed/);
  const history = { away: true, troubles: ["history does not answer"] };
  assert.equal((await view({ away: 1 }, { history })).status, "halted", "this node is one of those that are missing");
  assert.equal((await view({ away: 1, custody: { sealed: "rolled back" } })).status, "halted");
  const frozen = await view({}, { accounts: [{ frozen: "frozen" }, { frozen: "frozen, too" }] });
  assert.deepEqual([frozen.status, frozen.reasons], ["halted", ["frozen", "frozen, too"]]);
});

test("many payments in trouble are counted, not listed", async () => {
  const payments = Array.from({ length: 30 }, (_, i) => `payment ${i} is stuck`);
  const { reasons } = await view({}, { payments });
  assert.equal(reasons.length, 9);
  assert.equal(reasons.at(-1), "22 more payments are in trouble");
});

test("a node whose link is up is heard all the time, one that went away was last heard then", async () => {
  const clock = new VirtualClock(90_000);
  const news = new CustodyNews({ custody: { status: () => Promise.resolve(SOUND) }, clock });
  const [, there, gone, never] = nodes as readonly [NodeId, NodeId, NodeId, NodeId];
  const parts = { ...settings, self: self!, news, clock, isUp: (node: NodeId) => node === there };
  const views = await viewNodes(
    {
      ...parts,
      ledger: { height: () => 7 },
      chain: { health: () => ({ state: "ok", lastAnswerMs: 0, retryAtMs: null, message: "" }) },
    },
    new Map([
      [there, 10_000],
      [gone, 20_000],
    ]),
  );
  const seen = new Map(views.map(({ id, lastSeenMs }) => [id, lastSeenMs]));
  assert.deepEqual(
    [there, gone, never].map((node) => seen.get(node)),
    [90_000, 20_000, null],
  );
});
