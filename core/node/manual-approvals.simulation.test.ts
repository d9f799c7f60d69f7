/** Payments that wait for people: shown where they wait, decided once, also across a crash, and no round is lost meanwhile. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { NO_SPENDING_LIMITS } from "@conclave/bitcoin";
import { toHex } from "@conclave/bytes";
import { ApprovalRefused } from "./manual-approvals.ts";
import type { RequestId } from "./store/ids.ts";
import { calm, wish } from "./testing/scenario.ts";
import { live, type LifeOptions, type World } from "./testing/simulation.ts";

/** Two of four nodes ask their operators; three have to approve, so that one of the two is needed. */
const SIZE = { n: 4, t: 3, q: 3 };
const MANUAL: ReadonlySet<number> = new Set([1, 2]);
const settings: LifeOptions["settings"] = (node) =>
  MANUAL.has(node) ? { spending: { ...NO_SPENDING_LIMITS, approval: "manual" } } : {};

/** Calls `work` a while after both nodes said that they wait; the simulation's clock goes on meanwhile. */
function onceBothWait(work: (world: World, id: RequestId) => Promise<void>) {
  const waiting = new Set<string>();
  let done: Promise<void> | null = null;
  const react: NonNullable<LifeOptions["react"]> = (world, node, notice) => {
    if (notice.kind !== "waits" || node !== 0) return;
    waiting.add(notice.node);
    if (waiting.size < MANUAL.size || done !== null) return;
    done = new Promise((resolve, reject) => {
      world.clock.schedule(2_000, () => {
        work(world, toHex(notice.request) as RequestId).then(resolve, reject);
      });
    });
  };
  const finished = async (): Promise<void> => {
    assert.ok(done !== null, "both nodes waited");
    await done;
  };
  return { react, finished };
}

const actionsOf = async ({ machines }: World, node: number): Promise<readonly string[]> =>
  (await machines[node]!.store.audit.list({ from: 1, limit: 500 }))
    .filter(({ action }) => action.includes("by_hand"))
    .map(({ action, detail }) => `${action}: ${detail["reason"]}`);

void test("a payment waits on two nodes, is approved on one of them, and paid", async () => {
  const { react, finished } = onceBothWait(async ({ machines }, id) => {
    const [shown] = await machines[0]!.node!.approvals.list();
    assert.deepEqual(
      [shown?.row.txid, shown?.nodes.toSorted()],
      [id, [...MANUAL].map((node) => machines[node]!.self).toSorted()],
    );
    assert.ok(shown?.view !== null && shown!.view.fee > 0n, "what would be signed is read by this node");
    const node = machines[1]!.node!;
    for (let i = 0; i < 2; i++) await node.approvals.decide(id, { approved: true, maxFee: null, reason: "invoice 7" });
    const unknown = "0".repeat(64) as RequestId;
    await assert.rejects(node.approvals.decide(unknown, { approved: true, maxFee: null, reason: "" }), ApprovalRefused);
  });
  const inspect: LifeOptions["inspect"] = async (world) => {
    await finished();
    const { machines } = world;
    const [row] = (await machines[1]!.store.transactions.list({ limit: 1 })).rows;
    assert.equal(row?.state, "confirmed");
    const entry = "transaction.approve_by_hand: invoice 7";
    assert.deepEqual([await actionsOf(world, 1), await actionsOf(world, 2)], [[entry, entry], []]);
    // Nothing waits any more, and what is over is not decided.
    assert.deepEqual(machines[0]!.node!.approvals.nodesOf(row), []);
    assert.deepEqual(await machines[2]!.node!.approvals.list(), []);
    await assert.rejects(
      machines[2]!.node!.approvals.decide(row.txid, { approved: false, maxFee: null, reason: "late" }),
      {
        name: "ApprovalRefused",
        code: "over",
      },
    );
    const rounds = await machines[0]!.store.votes.rounds(row.txid);
    assert.deepEqual(
      rounds.map(({ round }) => round),
      [1],
    );
  };
  const lived = await live(calm("approved by hand", { size: SIZE, healMs: 10_000 }), { settings, react, inspect });
  assert.deepEqual(lived.violations, []);
});

void test("a payment that two operators reject is rejected, and each node's own record says why", async () => {
  const { react, finished } = onceBothWait(async ({ machines }, id) => {
    for (const node of MANUAL)
      await machines[node]!.node!.approvals.decide(id, {
        approved: false,
        maxFee: null,
        reason: "never heard of them",
      });
  });
  const inspect: LifeOptions["inspect"] = async (world) => {
    await finished();
    for (const { store } of world.machines) {
      const [row] = (await store.transactions.list({ limit: 1 })).rows;
      assert.equal(row?.state, "rejected");
      const told = /rejected it: never heard of them/.test(row.reason ?? "");
      assert.equal(told, MANUAL.has(world.machines.findIndex((machine) => machine.store === store)));
    }
  };
  const lived = await live(calm("rejected by hand", { size: SIZE, healMs: 10_000 }), { settings, react, inspect });
  assert.deepEqual(lived.violations, []);
});

void test("a node that was killed while its operator was asked asks again, and a decision that it took stays", async () => {
  const { react, finished } = onceBothWait(async ({ machines, clock }, id) => {
    const machine = machines[1]!;
    machine.crash("killed");
    machine.boot();
    await new Promise<void>((resolve) => void clock.schedule(3_000, resolve));
    assert.deepEqual(
      (await machine.node!.approvals.list()).map(({ row }) => row.txid),
      [id],
    );
    // It dies just after the decision is on the disk, before it voted.
    machine.failAppend(0, "killed after append", () => void clock.schedule(1_000, () => machine.boot()));
    void machine.node!.approvals.decide(id, { approved: true, maxFee: null, reason: "twice" });
  });
  const inspect: LifeOptions["inspect"] = async (world) => {
    await finished();
    const [row] = (await world.machines[1]!.store.transactions.list({ limit: 1 })).rows;
    assert.equal(row?.state, "confirmed");
    assert.deepEqual(await actionsOf(world, 1), ["transaction.approve_by_hand: twice"]);
  };
  const lived = await live(calm("killed while asked", { size: SIZE, healMs: 20_000 }), { settings, react, inspect });
  assert.deepEqual(lived.violations, []);
});

void test("a node's limit is its own: the others pay what it refuses", async () => {
  const limited: LifeOptions["settings"] = (node) =>
    node === 1 ? { spending: { ...NO_SPENDING_LIMITS, recipients: [] } } : {};
  const inspect: LifeOptions["inspect"] = async ({ machines }) => {
    const [row] = (await machines[0]!.store.transactions.list({ limit: 1 })).rows;
    assert.equal(row?.state, "confirmed");
  };
  const scenario = calm("one node's limit", { size: SIZE, wishes: [wish(0)] });
  assert.deepEqual((await live(scenario, { settings: limited, inspect })).violations, []);
});
