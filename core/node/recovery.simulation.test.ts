/** What a node goes on with after it died, what it never does again, and what ends with its time. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { parseRequestId } from "./store/ids.ts";
import type { StoredEvent } from "./store/events.ts";
import type { Machine } from "./testing/machine.ts";
import { calm, wish, type Scenario } from "./testing/scenario.ts";
import { live, type LifeOptions, type Lived, type World } from "./testing/simulation.ts";

const DAY_MS = 86_400_000;

async function holds(scenario: Scenario, options: LifeOptions): Promise<Lived> {
  const lived = await live(scenario, options);
  assert.deepEqual(lived.violations, [], scenario.seed);
  return lived;
}

async function eventsOf({ store }: Machine): Promise<readonly StoredEvent[]> {
  const { rows } = await store.requests.list({ limit: 10 });
  return (await Promise.all(rows.map(({ id }) => store.events.ofRequest(id)))).flat();
}

test("what was in progress at a crash is a new attempt, and nobody enters the old one again", async () => {
  let died = false;
  let asked = 0;
  const events: StoredEvent[] = [];
  const lived = await holds(calm("new attempt", { healMs: 12_000 }), {
    react: ({ machines, clock }, _, notice) => {
      if (notice.kind !== "begun" || died) return;
      died = true;
      // With all of them dies the session: nobody can finish it.
      for (const [i, machine] of machines.entries()) {
        machine.crash("in the middle of an attempt");
        clock.schedule(500 + i, () => machine.boot());
      }
    },
    inspect: async ({ machines, clock }) => {
      for (const machine of machines) {
        const [event] = await eventsOf(machine);
        events.push(event!);
        const [stored] = (await machine.store.requests.list({ limit: 1 })).rows;
        const id = Uint8Array.from(Buffer.from(stored!.id, "hex"));
        // The old attempt, as its coordinator would open it, from every node: one of them was that.
        const told = machine.custody!.open(clock.nowMs(), id, 1, 1, 0);
        assert.ok(!told.some(({ kind }) => kind === "joined" || kind === "send"), "an old attempt was opened again");
        asked += 1;
      }
    },
  });
  assert.ok(died);
  assert.equal(asked, 5);
  assert.equal(lived.endings.get("confirmed"), 1);
  assert.ok(events.every(({ status }) => status === "SUCCESS"));
  assert.ok(events.every(({ attempt }) => attempt > 0));
  const stopped = events.filter(({ reasons }) =>
    reasons.some((reason) => reason.startsWith("attempt 0: this node stopped")),
  );
  assert.ok(stopped.length >= 4, "whoever took part says why that attempt failed");
  const nonces = lived.notices.flatMap(({ notice }) => (notice.kind === "begun" ? [notice.attemptId] : []));
  assert.ok(new Set(nonces).size >= 2, "another attempt than the first gave the signature");
});

test("a result on disk is carried on by whoever has it, though the process died before anything followed", async () => {
  const keeper = 1;
  let cut = false;
  const lived = await holds(calm("result on disk", { healMs: 60_000 }), {
    react: ({ machines, clock, network }, node, notice) => {
      if (notice.kind !== "state" || notice.state !== "signed" || node !== keeper || cut) return;
      cut = true;
      const { self, store } = machines[keeper]!;
      // Power fails between the event's result and the payment's row, everywhere else before the result: and they stay away.
      for (const machine of machines) {
        machine.crash("power cut");
        if (machine.self !== self) clock.schedule(55_000, () => machine.boot());
      }
      network.partition([[self], machines.filter((other) => other.self !== self).map((other) => other.self)]);
      void store.transactions
        .get(parseRequestId(notice.request))
        .then((row) => store.transactions.upsert({ ...row!, state: "signing", signedTx: null, bitcoinTxid: null }));
      clock.schedule(1_000, () => machines[keeper]!.boot());
    },
  });
  assert.ok(cut);
  assert.equal(lived.endings.get("confirmed"), 1);
  const alone = lived.notices.find(
    ({ node, atMs, notice }) =>
      node === keeper && atMs > 1_500 && atMs < 50_000 && notice.kind === "state" && notice.state === "broadcasting",
  );
  assert.ok(alone !== undefined, "it broadcast what it held, with nobody to help");
});

/** Everybody's clock is a day on: whatever was asked for is over. */
function letADayPass(machines: readonly Machine[]): void {
  for (const machine of machines) machine.skewMs = DAY_MS + 60_000;
}

test("what expires before it is begun ends as EXPIRED, and promises of everybody free its coins", async () => {
  const statuses: string[] = [];
  let locked = 0;
  let gone = false;
  const lived = await holds(calm("expired", { healMs: 8_000, wishes: [wish(0), wish(1, { atMs: 4_000, node: 1 })] }), {
    react: ({ machines, clock }, _, notice) => {
      if (notice.kind !== "verdict" || gone) return;
      gone = true;
      // Too few are there to sign, and time runs out meanwhile.
      for (const away of [3, 4]) machines[away]!.crash("away");
      for (const away of [3, 4]) clock.schedule(6_000, () => machines[away]!.boot());
      clock.schedule(1_500, () => letADayPass(machines));
    },
    inspect: async ({ machines }) => {
      for (const machine of machines) {
        for (const { status } of await eventsOf(machine)) statuses.push(status);
        const [account] = machine.node!.accounts;
        const { rows } = await machine.store.transactions.list({ limit: 5, states: ["aborted_timeout"] });
        const coins = machine.custody!.lockedCoins(account!.keyId);
        locked += coins.filter(({ intent }) => rows.some(({ txid }) => txid === intent)).length;
      }
    },
  });
  assert.ok(statuses.includes("EXPIRED"), statuses.join());
  assert.ok(!statuses.includes("PENDING") && !statuses.includes("IN_PROGRESS"), statuses.join());
  assert.equal(lived.endings.get("aborted_timeout"), 1);
  assert.equal(lived.endings.get("confirmed"), 1, "the next payment is made, with the coins that were freed");
  assert.equal(locked, 0);
});

test("what expires while partial signatures are out is unresolved, and its coins stay held", async () => {
  const held: number[] = [];
  let severed = false;
  const lived = await live(calm("unresolved", { healMs: 15_000 }), {
    prepare: (world) => {
      // The first partial signature leaves, and arrives nowhere.
      const look = (): void => {
        if (!world.machines.some(({ custody }) => (custody?.unresolved().length ?? 0) > 0))
          return void world.clock.schedule(1, look);
        severed = true;
        silence(world);
        letADayPass(world.machines);
      };
      world.clock.schedule(500, look);
    },
    inspect: async ({ machines }) => {
      for (const { custody, node } of machines) {
        const [account] = node!.accounts;
        if (custody!.unresolved().length > 0) held.push(custody!.lockedCoins(account!.keyId).length);
      }
    },
  });
  assert.ok(severed);
  assert.equal(lived.endings.get("unresolved"), 1);
  assert.deepEqual(lived.violations, []);
  assert.ok(held.length > 0 && held.every((coins) => coins > 0), "whose partial is out keeps the locks");
});

function silence({ machines, network }: World): void {
  for (const from of machines) for (const to of machines) if (from.self !== to.self) network.sever(from.self, to.self);
}

test("more events than a page holds: all are taken up, and those that nobody can carry out any more expire", async () => {
  const COUNT = 620;
  let left = COUNT;
  await holds(calm("backlog", { size: { n: 3, t: 2, q: 2 }, healMs: 12_000 }), {
    prepare: ({ machines }) => {
      const [{ store }] = machines as [Machine];
      for (let i = 0; i < COUNT; i++) {
        const id = i.toString(16).padStart(64, "0");
        void store.events.insert({
          id: id as StoredEvent["id"],
          request: id as StoredEvent["request"],
          type: "SIGN",
          status: "PENDING",
          attempt: 0,
          notBeforeMs: 0,
          height: 0,
          expiryHeight: 1,
          error: null,
          result: null,
          reasons: [],
        });
      }
    },
    inspect: async ({ machines }) => {
      left = (await machines[0]!.store.events.list({ status: "PENDING", limit: 500 })).length;
    },
  });
  assert.equal(left, 0);
});

test("the retry budget is the event's, not the process's: crashes do not renew it", async () => {
  let boots = 0;
  const reasons: number[] = [];
  await live(calm("budget", { healMs: 20 * 60_000 }), {
    react: (world, node, notice) => {
      if (notice.kind !== "verdict" || boots > 0) return;
      boots += 1;
      silence(world);
      for (let i = 1; i < 6; i++)
        world.clock.schedule(i * 20_000, () => {
          world.machines[node]!.crash("again");
          world.machines[node]!.boot();
        });
    },
    inspect: async ({ machines }) => {
      for (const machine of machines)
        for (const { status, reasons: told } of await eventsOf(machine))
          if (status === "FAILED") reasons.push(told.length);
    },
  });
  assert.ok(reasons.length > 0);
  for (const count of reasons) assert.equal(count, 32);
});
