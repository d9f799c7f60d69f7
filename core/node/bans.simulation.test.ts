/** A ban as operators see it: alert, reason, rows, across a restart and in a history that was lost; and a halt that nobody can overlook. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { utf8 } from "@conclave/bytes";
import { evidenceCodec, type Ban, type NodeId, type Roster } from "@conclave/consensus";
import { verifyEvidenceFile, type CustodyStatus } from "@conclave/custody";
import { Bans } from "./bans.ts";
import { viewCluster, type ClusterParts } from "./cluster-view.ts";
import type { Context, Notice } from "./context.ts";
import { committeeOf } from "./testing/committee.ts";
import { engine, schemes } from "./testing/engine.ts";
import { memoryStore } from "./testing/memory-store.ts";
import { calm, wish } from "./testing/scenario.ts";
import { live, type LifeOptions, type World } from "./testing/simulation.ts";

const SIZE = { n: 4, t: 3, q: 3 };
const LIAR = 3;

const bansIn = async ({ machines }: World, node: number) => {
  const { self, store } = machines[node]!;
  const liar = machines[LIAR]!.self;
  const rows = await store.violations.list({ limit: 50, node: liar });
  const audited = (await store.audit.list({ from: 1, limit: 500 })).filter(({ action }) => action === "node.banned");
  return { self, rows: rows.filter(({ actionTaken }) => actionTaken === "banned"), audited };
};

void test("a node that votes twice: every other node alerts, says why, keeps it, and exports what convinces a stranger", async () => {
  let killed = false;
  const react: LifeOptions["react"] = ({ machines, clock }, node, notice) => {
    if (node !== 0 || notice.kind !== "alert" || killed) return;
    killed = true;
    clock.schedule(3_000, () => {
      machines[0]!.crash("killed");
      machines[0]!.boot();
    });
  };
  const inspect: LifeOptions["inspect"] = async (world) => {
    const liar = committeeOf(SIZE).settings.roster.nodes[LIAR]!;
    for (const node of [0, 1, 2]) {
      const { rows, audited } = await bansIn(world, node);
      assert.ok(rows.length >= 1, `node ${node} keeps the violation`);
      assert.equal(audited.length, rows.length);
      assert.equal(rows[0]?.type, "DoubleVote");
      const machine = world.machines[node]!;
      const { reasons, status } = await machine.node!.cluster();
      assert.equal(status, "degraded");
      assert.ok(
        reasons.some((reason) =>
          new RegExp(`^${liar.name} is banned .*DoubleVote: "conclave cluster evidence"`).test(reason),
        ),
        reasons.join("; "),
      );
      const { cases, file } = await machine.node!.exportEvidence();
      const found = verifyEvidenceFile({ engine, schemes }, file);
      assert.equal(found.cases.length, cases);
      assert.ok(found.cases.length > 0 && found.cases.every(({ name }) => name === liar.name));
    }
  };
  const scenario = calm("banned", {
    size: SIZE,
    liar: { node: LIAR, lies: ["votes twice"] },
    wishes: [wish(0), wish(1, { node: 1, atMs: 1_500 })],
    healMs: 12_000,
  });
  const lived = await live(scenario, { react, inspect });
  assert.deepEqual(lived.violations, []);
  assert.ok(killed);
  const alerted = lived.notices.filter(({ notice }) => notice.kind === "alert").map(({ node }) => node);
  assert.deepEqual(
    [...new Set(alerted)].toSorted((a, b) => a - b),
    [0, 1, 2],
  );
});

void test("with one of seven banned and another silent, whoever coordinates begins at the end of the window: no attempt is lost", async () => {
  const [liar, silent] = [0, 6];
  const scenario = calm("banned and silent", {
    size: { n: 7, t: 5, q: 5 },
    liar: { node: liar, lies: ["votes twice"] },
    // The liar is convicted over the first.
    wishes: [wish(0, { node: 1 }), wish(1, { node: 2, atMs: 9_000 })],
    healMs: 40_000,
  });
  const attempts: number[] = [];
  const lived = await live(scenario, {
    // Its link is up and it votes; it never takes part in an attempt.
    custody: (node, port) =>
      node !== silent
        ? port
        : {
            ...port,
            receive: async (...args) => {
              const events = await port.receive(...args);
              return events.some(({ kind }) => kind === "joined") ? [] : events;
            },
          },
    inspect: async ({ machines }) => {
      const [latest] = (await machines[2]!.store.requests.list({ limit: 1 })).rows;
      for (const { store } of machines.slice(1, silent))
        for (const { type, attempt, reasons } of await store.events.ofRequest(latest!.id))
          if (type === "SIGN") attempts.push(attempt + reasons.length);
    },
  });
  assert.deepEqual(lived.violations, []);
  assert.ok(lived.notices.some(({ node, notice }) => node === 2 && notice.kind === "violation"));
  assert.equal(lived.endings.get("confirmed"), 2);
  assert.deepEqual(attempts, [0, 0, 0, 0, 0]);
});

const roster: Roster = committeeOf(SIZE).settings.roster;
const banOf = (node: NodeId, untilMs: number | null): Ban => ({
  node,
  strike: untilMs === null ? 3 : 1,
  incidents: [],
  evidence: evidenceCodec.encode({ kind: "Equivocation", first: utf8("a"), second: utf8(`b${node}`) }),
  sinceMs: 0,
  untilMs,
});

function nodeWith(bans: readonly Ban[], nowMs: number) {
  const notices: Notice[] = [];
  const store = memoryStore();
  const status = { bans, keys: [], sealed: null, ready: true } as unknown as CustodyStatus;
  const news = { ask: () => Promise.resolve(status), look: () => Promise.resolve(status) };
  const parts = {
    self: roster.nodes[0]!.id,
    roster,
    threshold: SIZE.t,
    quorum: SIZE.q,
    news,
    store,
    clock: { nowMs: () => nowMs, schedule: () => ({ cancel: () => undefined }) },
    ledger: { height: () => 7 },
    chain: { health: () => ({ state: "ok", message: "ok" }) },
    isUp: () => true,
    notify: (notice: Notice) => void notices.push(notice),
  } as unknown as Context & ClusterParts;
  return { parts, store, notices };
}

void test("bans that leave too few halt visibly, name who and until when, and end by themselves", async () => {
  const [, b, c] = roster.nodes;
  const bans = [banOf(b!.id, 1_000), banOf(c!.id, null)];
  const { parts, store, notices } = nodeWith(bans, 999);
  const calmly = {
    deadEdges: [],
    accounts: [],
    payments: [],
    history: { away: false, troubles: [] },
    coordination: null,
  };
  const { status, reasons } = await viewCluster(parts, new Map(), calmly);
  assert.equal(status, "halted");
  assert.match(
    reasons[0]!,
    new RegExp(`halted: 2 of 4 nodes may vote and sign, 3 are needed; banned: ${b!.name}, ${c!.name}`),
  );
  assert.ok(
    reasons.some((reason) => reason.startsWith(`${b!.name} is banned until 1970-01-01T00:00:01.000Z, strike 1 of 3`)),
  );
  assert.ok(reasons.some((reason) => reason.startsWith(`${c!.name} is banned for good`)));
  for (let start = 0; start < 2; start++) await new Bans(parts).recall();
  assert.deepEqual(
    notices.map((notice) => notice.kind === "alert" && notice.code),
    ["halted", "halted"],
    "at every start",
  );
  // History began empty, as after it was lost: the journal has told it what it should say, once.
  assert.equal((await store.violations.list({ limit: 9 })).length, 2);

  const later = nodeWith(bans, 1_000);
  const after = await viewCluster(later.parts, new Map(), calmly);
  assert.equal(after.status, "degraded");
  await new Bans(later.parts).recall();
  assert.deepEqual(later.notices, []);
});
