/** Coins that somebody else spends, and payments that the chain treats badly: what nodes see, say and do. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { RECEIVE } from "@conclave/bitcoin";
import type { Notice } from "./context.ts";
import { NotFrozen } from "./settlement/freezes.ts";
import { calm, drawScenario, wish, type Scenario } from "./testing/scenario.ts";
import { live, type LifeOptions, type Lived, type World } from "./testing/simulation.ts";

async function holds(scenario: Scenario, options: LifeOptions): Promise<Lived> {
  const lived = await live(scenario, options);
  assert.deepEqual(lived.violations, [], scenario.seed);
  return lived;
}

type WalletNotice = Extract<Notice, { kind: "wallet" }>;

const ofWallets = (lived: Lived): readonly { node: number; atMs: number; notice: WalletNotice }[] =>
  lived.notices.filter(({ notice }) => notice.kind === "wallet") as never;

/** The wallet's coin at this place, taken by whoever holds the key. */
async function steal({ machines, chain }: World, index: number): Promise<string> {
  const { scriptPubKey } = machines[0]!.node!.accounts[0]!.script(RECEIVE, index);
  const [coin] = await chain.server({ unreachable: false, blocksBehind: 0, forgetful: false }).utxos(scriptPubKey);
  return chain.spendElsewhere(coin!.outpoint);
}

test("a spend that no request explains freezes the account on every node, across restarts, until each operator says so", async () => {
  let stolen = "";
  const views: { readonly status: string; readonly reasons: readonly string[] }[] = [];
  const asked: unknown[] = [];
  const acknowledged: string[] = [];
  const lived = await holds(
    calm("stolen", { healMs: 100_000, wishes: [wish(0), wish(1, { atMs: 50_000, node: 1 })] }),
    {
      prepare: (world) => {
        const { machines, clock } = world;
        clock.schedule(8_000, () => void steal(world, 2).then((txid) => (stolen = txid)));
        clock.schedule(40_000, () => {
          for (const { node } of machines) {
            void node!.cluster().then((view) => views.push(view));
            void node!
              .acknowledgeSpend({ txid: "00".repeat(32), by: "alice", reason: "?" })
              .catch((e) => asked.push(e));
            void node!.acknowledgeSpend({ txid: stolen, by: "alice", reason: " " }).catch((e) => asked.push(e));
          }
        });
        // The freeze is on the disk: a restart lifts nothing.
        clock.schedule(45_000, () => {
          for (const machine of machines) {
            machine.crash("restarted");
            machine.boot();
          }
        });
        clock.schedule(70_000, () => {
          for (const { node } of machines)
            void node!.acknowledgeSpend({ txid: stolen, by: "alice", reason: "we moved it by hand" });
        });
      },
      inspect: async ({ machines }) => {
        for (const { store, node } of machines) {
          const entries = await store.audit.list({ from: 1, limit: 500 });
          const own = entries.filter(({ subject }) => subject === stolen);
          acknowledged.push(own.map(({ action, actor }) => `${action} ${actor.slice(0, 5)}`).join());
          assert.deepEqual(node!.freezes(), []);
          assert.ok((await store.audit.verify()).intact);
        }
      },
    },
  );
  const frozen = ofWallets(lived).filter(({ notice }) => notice.frozen);
  assert.equal(new Set(frozen.map(({ node }) => node)).size, 5, "every node saw it for itself");
  assert.ok(
    frozen.every(({ notice }) => notice.txid === stolen && notice.reason.includes("no request of this cluster")),
  );
  assert.ok(frozen.every(({ atMs }) => atMs < 40_000));
  assert.equal(views.length, 5);
  for (const { status, reasons } of views) {
    assert.equal(status, "halted", "there is no other account");
    assert.match(reasons[0]!, /taproot payments are frozen: transaction [0-9a-f]{64} spends coin/);
  }
  assert.equal(asked.length, 10);
  assert.ok(asked.every((error) => error instanceof NotFrozen));
  const since = new Map<string, number>();
  for (const { atMs, notice } of lived.notices)
    if (notice.kind === "state" && !since.has(notice.request)) since.set(notice.request, atMs);
  const asking = [...since.values()];
  assert.ok(asking.length === 2 && asking[0]! < 8_000 && asking[1]! >= 70_000, "nothing was asked for in between");
  assert.equal(lived.endings.get("confirmed"), 2);
  for (const entries of acknowledged)
    assert.match(entries, /^wallet\.frozen [0-9a-f]{5},wallet\.spend-acknowledged alice$/);
});

test("what was approved before the freeze waits for the operator, and costs no attempt", async () => {
  let reasons = 0;
  let stolen = "";
  const lived = await holds(calm("approved, then frozen", { healMs: 60_000, wishes: [wish(0, { atMs: 30_000 })] }), {
    prepare: (world) => {
      world.clock.schedule(2_000, () => void steal(world, 2).then((txid) => (stolen = txid)));
      world.clock.schedule(29_000, () => {
        // One operator was too quick: his node takes a payment in, and the others do not vote.
        void world.machines[0]!.node!.acknowledgeSpend({ txid: stolen, by: "bob", reason: "known to me" });
      });
      world.clock.schedule(90_000, () => {
        for (const { node } of world.machines.slice(1))
          void node!.acknowledgeSpend({ txid: stolen, by: "carol", reason: "known to us" });
      });
    },
    inspect: async ({ machines }) => {
      for (const { store } of machines) {
        const [request] = (await store.requests.list({ limit: 1 })).rows;
        for (const event of await store.events.ofRequest(request!.id)) reasons += event.reasons.length;
      }
    },
  });
  assert.equal(lived.endings.get("confirmed"), 1);
  const voted = lived.notices.filter(({ node, notice }) => node !== 0 && notice.kind === "voted");
  assert.ok(voted.length > 0 && voted.every(({ atMs, notice }) => atMs >= 30_000 && notice.kind === "voted"));
  const signed = lived.notices.filter(({ notice }) => notice.kind === "signed");
  assert.ok(signed.every(({ atMs }) => atMs > 90_000));
  assert.equal(reasons, 0);
});

test("whoever is frozen after the approval takes no part in attempts that others open", async () => {
  const fake = "ab".repeat(32);
  let frozen = false;
  const lived = await holds(calm("frozen in between", { healMs: 40_000 }), {
    react: ({ machines, clock }, _, notice) => {
      if (notice.kind !== "verdict" || frozen) return;
      frozen = true;
      // As if each of them had seen something before it died; the first has not.
      for (const { node, store, self } of machines.slice(1)) {
        const wallet = Buffer.from(node!.accounts[0]!.keyId).toString("hex");
        const detail = { wallet, coin: `${fake}:0` };
        void store.audit.append({ atMs: clock.nowMs(), actor: self, action: "wallet.frozen", subject: fake, detail });
      }
      for (const machine of machines.slice(1)) {
        machine.crash("saw it");
        clock.schedule(200, () => machine.boot());
      }
      clock.schedule(30_000, () => {
        for (const { node } of machines.slice(1))
          void node!.acknowledgeSpend({ txid: fake, by: "dave", reason: "a false alarm" });
      });
    },
  });
  const joined = lived.notices.filter(({ node, notice, atMs }) => node > 0 && notice.kind === "joined" && atMs > 1_000);
  assert.ok(
    joined.some(({ atMs }) => atMs < 30_000),
    "attempts were opened meanwhile",
  );
  const signed = lived.notices.filter(({ notice }) => notice.kind === "signed");
  assert.ok(signed.length > 0 && signed.every(({ atMs }) => atMs > 30_000));
  assert.equal(lived.endings.get("confirmed"), 1);
});

test("nobody freezes over the cluster's own payments, whoever was away while they were made", async () => {
  const wishes = Array.from({ length: 3 }, (_, i) => wish(i, { atMs: 500 + 9_000 * i, amount: 5_000n }));
  const lived = await holds(
    calm("away", {
      wishes,
      coins: wishes.map(() => 50_000n),
      troubles: [{ kind: "crash", node: 4, downMs: 60_000, atMs: 100 }],
      healMs: 110_000,
    }),
    {
      react: ({ machines }, node, notice) => {
        // It lost its history besides.
        if (node === 0 && notice.kind === "link" && !notice.up) machines[4]!.loseStore();
      },
    },
  );
  assert.equal(lived.endings.get("confirmed"), 3);
  assert.deepEqual(ofWallets(lived), []);
});

test("a payment whose coin went elsewhere fails once that is buried, and binds nobody who signed it", async () => {
  let bound = 0;
  const reasons: (string | null)[] = [];
  let gone = false;
  const away = [0, 1, 2, 3, 4].map((node) => ({ kind: "chain forgets" as const, node, forMs: 9_000, atMs: 0 }));
  const lived = await live(
    calm("overtaken", {
      coins: [60_000n, 60_000n],
      wishes: [wish(0, { amount: 90_000n })],
      troubles: away,
      healMs: 10_000,
    }),
    {
      react: (world, _, notice) => {
        if (notice.kind !== "signed" || gone) return;
        gone = true;
        for (const index of [0, 1]) void steal(world, index);
      },
      inspect: async ({ machines }) => {
        for (const { store, custody } of machines) {
          const [row] = (await store.transactions.list({ limit: 1 })).rows;
          reasons.push(row!.reason);
          bound += custody!.unresolved().length;
        }
      },
    },
  );
  assert.ok(gone);
  assert.deepEqual(lived.violations, []);
  assert.equal(lived.endings.get("failed"), 1);
  for (const reason of reasons)
    assert.match(reason!, /is spent by transaction [0-9a-f]{64}, which does not pay this request/);
  assert.equal(bound, 0, "no signer is bound to it any more");
});

test("a rejected revision whose coin went into another payment says nothing about the one that may be signed", async () => {
  const lived = await live(drawScenario("5052"));
  assert.deepEqual(lived.violations, []);
});
