/** One thing that happens is one line of the log and one more on `/metrics`. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { CustodyPort } from "@conclave/custody";
import { StoreUnavailable, type BitcoinChain, type ConclaveNode, type NodeView, type Store } from "@conclave/node";
import { memoryStore } from "@conclave/node/testing";
import type { Roster } from "@conclave/consensus";
import { watchEventLoop } from "./event-loop.ts";
import { Gauges, type Moment } from "./gauges.ts";
import { openLog } from "./log.ts";
import { createMetrics } from "./metrics.ts";
import { Observation } from "./observation.ts";
import { openReports } from "./reports.ts";
import { Sessions } from "./sessions.ts";
import { SyncTimes } from "./sync-times.ts";
import { parseExposition } from "./testing/exposition.ts";
import { nameOf, NODES, voted } from "./testing/notices.ts";

const roster: Roster = {
  cluster: "test",
  version: 1,
  nodes: NODES.map((id) => ({ id, name: nameOf(id), voteKey: new Uint8Array(32) })),
};

function openOn(t: { after(work: () => void): void }, store: Store): Observation {
  const observation = new Observation({
    self: NODES[0],
    roster,
    store,
    journalTimes: new SyncTimes(),
    esploraUrl: "http://127.0.0.1:1",
    genesisMs: 0,
  });
  t.after(() => observation.stop());
  return observation;
}

function open(t: { after(work: () => void): void }) {
  const observation = openOn(t, memoryStore());
  const lines: Record<string, unknown>[] = [];
  const write = (line: string): void => void lines.push(JSON.parse(line) as Record<string, unknown>);
  const log = openLog({ node: "node1", level: "debug", format: "json", write });
  return { observation, reports: openReports(log, roster, observation), lines };
}

describe("what the network, the API and etcd say", () => {
  test("is logged by part and loudness, with peers by their names, and counted", async (t) => {
    const { observation, reports, lines } = open(t);
    reports.network({ kind: "undialled", peer: NODES[1], reason: "nobody listens there" });
    reports.network({ kind: "duplicate", peer: NODES[2] });
    reports.http.info({ method: "GET", route: "/health", status: 200 }, "request");
    reports.http.error({ err: new Error("a mistake") }, "failed");
    reports.coordination({ kind: "connected", message: "etcd at x answers" });
    reports.coordination({ kind: "lied", message: "no etcd says that" });
    reports.notice(voted(NODES[1], true));
    observation.notice(voted(NODES[1], true));
    assert.deepEqual(
      lines.map(({ component, level, event, peer }) => [component, level, event, peer]),
      [
        ["network", "info", "undialled", "node2"],
        ["network", "warn", "duplicate", "node3"],
        ["http", "debug", "request", undefined],
        ["http", "error", "mistake", undefined],
        ["coordination", "info", "connected", undefined],
        ["coordination", "warn", "lied", undefined],
        ["node", "debug", "voted", "node2"],
      ],
    );
    const samples = parseExposition(await observation.metrics.registry.metrics());
    assert.equal(samples.get('mpc_network_errors_total{peer="node2"}'), 1);
    assert.equal(samples.get('mpc_network_errors_total{peer="node3"}'), 1);
    assert.equal(samples.get('mpc_coordination_reports_total{kind="lied"}'), 1);
    assert.equal(samples.get('mpc_votes_total{value="approve",result="counted"}'), 1);
  });

  test("before the node is there, nothing is said of it that is not known", async (t) => {
    const { observation } = open(t);
    await assert.rejects(observation.exposition(), /not there yet/);
    assert.throws(() => observation.begin({} as ConclaveNode, {} as never), /before its node/);
  });
});

describe("while history cannot be had", () => {
  /** As a node is that has lost its database: what it keeps itself, it still says. */
  function withoutHistory(t: { after(work: () => void): void }, durable: () => Promise<void>) {
    const store = Object.assign(Object.create(memoryStore()) as Store, { durable });
    const observation = openOn(t, store);
    const status = { id: NODES[0], generation: 4, ready: true, sealed: null, keys: [], pendingKeys: [], bans: [] };
    const port = { status: () => Promise.resolve({ ...status, deadEdges: [], presignatures: [] }) };
    observation.custody(port as unknown as CustodyPort);
    const lost = () => Promise.reject(new StoreUnavailable("unavailable", "store x: it is away"));
    const node = {
      cluster: () => Promise.resolve(moment.cluster),
      nodes: () => Promise.resolve([]),
      keys: lost,
      approvals: { list: lost },
      accounts: [{ account: "taproot", frozen: null }],
    };
    const health = () => ({ state: "ok", lastAnswerMs: 0, retryAtMs: null, message: "data is 0 s old" });
    observation.begin(node as unknown as ConclaveNode, { health } as unknown as BitcoinChain);
    return observation;
  }

  test("the node says so, and everything else that it knows", async (t) => {
    const lost = () => Promise.reject(new StoreUnavailable("unavailable", "store x: it is away"));
    const observation = withoutHistory(t, lost);
    const points = await observation.points();
    const wrong = points.filter(({ state }) => state !== "ok");
    assert.deepEqual(
      wrong.map(({ name, detail }) => [name, detail]),
      [["store", "history cannot be kept: store x: it is away"]],
    );
    const samples = parseExposition((await observation.exposition()).text);
    assert.equal(samples.get('mpc_ready_point{point="store"}'), 0);
    assert.equal(samples.get("mpc_journal_generation"), 4);
    assert(!samples.has("mpc_approvals_waiting"), "what is not known is not shown");
  });

  test("a database that does not answer is told within seconds", async (t) => {
    const observation = withoutHistory(t, () => new Promise(() => {}));
    const points = await observation.points();
    assert.match(points.find(({ name }) => name === "store")?.detail ?? "", /does not answer within 2 s/);
  });
});

function nodeView(index: 0 | 1 | 2): NodeView {
  const id = NODES[index];
  return { index, id, name: `node${index + 1}`, self: false, status: "online", lastSeenMs: null, ban: null };
}

const moment: Moment = {
  cluster: {
    status: "degraded",
    reasons: [],
    n: 3,
    t: 2,
    q: 2,
    f: 0,
    online: 2,
    height: 9,
    keyIds: [],
    deadEdges: [{ key: "5a".repeat(32), between: [NODES[0], NODES[1]], reason: "lost", rekeying: false }],
  },
  nodes: [
    { ...nodeView(0), self: true },
    { ...nodeView(1), status: "online" },
    { ...nodeView(2), status: "offline" },
  ],
  keys: [],
  presignatures: [
    {
      key: new Uint8Array(32).fill(0x5a),
      waiting: 3,
      signers: [
        [NODES[0], NODES[1]],
        [NODES[0], NODES[2]],
        [NODES[0], NODES[1]],
      ],
    },
  ],
  points: [
    { name: "store", state: "failed", detail: "full" },
    { name: "coordination", state: "degraded", detail: "full" },
  ],
  queued: 3,
  approvals: 2,
  generation: 12,
  sealed: true,
  skewSeconds: -7.5,
  certificateEndsMs: 1_800_000_000_000,
  etcd: {
    state: "connected",
    problem: null,
    leaderKnown: false,
    alarms: ["NOSPACE"],
    silentMs: 61_000,
    unseenMs: 2_000,
  },
  accounts: [
    { account: "taproot", frozen: "nobody knows why" },
    { account: "segwit", frozen: null },
  ],
};

describe("gauges", () => {
  test("show the moment, and let go of what is not known any more", async (t) => {
    const metrics = createMetrics();
    const lag = watchEventLoop();
    t.after(() => lag.stop());
    const gauges = new Gauges(metrics, { sessions: new Sessions(), lag, version: "0.1.0" });
    const read = async () => parseExposition(await metrics.registry.metrics());
    gauges.show(moment);
    const samples = await read();
    const expected = {
      mpc_sealed: 1,
      'mpc_presignatures_online{key="5a5a5a5a5a5a5a5a"}': 2,
      mpc_ready: 0,
      'mpc_ready_point{point="store"}': 0,
      mpc_dead_edges: 1,
      mpc_transaction_queue_size: 3,
      mpc_approvals_waiting: 2,
      mpc_journal_generation: 12,
      'mpc_clock_skew_seconds{source="chain"}': -7.5,
      mpc_certificate_expiry_timestamp: 1_800_000_000,
      mpc_coordination_up: 0,
      mpc_coordination_alarms: 1,
      mpc_coordination_silent_seconds: 61,
      'mpc_ready_point{point="coordination"}': 0,
      'mpc_account_frozen{account="taproot"}': 1,
      'mpc_account_frozen{account="segwit"}': 0,
      'mpc_cluster_status{status="degraded"}': 1,
      'mpc_build_info{version="0.1.0"}': 1,
    };
    for (const [name, value] of Object.entries(expected)) assert.equal(samples.get(name), value, name);
    gauges.show({ ...moment, skewSeconds: null, certificateEndsMs: null, etcd: null, accounts: [] });
    const later = await read();
    const gone = [
      'mpc_clock_skew_seconds{source="chain"}',
      "mpc_certificate_expiry_timestamp",
      "mpc_coordination_up",
      "mpc_coordination_alarms",
      "mpc_coordination_silent_seconds",
      'mpc_account_frozen{account="taproot"}',
    ];
    for (const name of gone) assert(!later.has(name), name);
  });
});
