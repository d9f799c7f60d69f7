/** Who watches a simulated cluster sees what must not be: each cluster here is worse than it may be, in one way. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { CustodyPort } from "@conclave/custody";
import { calm, wish } from "./testing/scenario.ts";
import { live, type LifeOptions, type World } from "./testing/simulation.ts";
import type { Scenario } from "./testing/scenario.ts";

async function isSeen(rule: string, scenario: Scenario, options: LifeOptions): Promise<void> {
  const { violations } = await live(scenario, options);
  assert.ok(
    violations.some((violation) => violation.startsWith(rule)),
    `expected "${rule}", saw ${JSON.stringify(violations)}`,
  );
  const sound = await live(scenario);
  assert.deepEqual(sound.violations, [], "the same life of a sound cluster breaks no rule");
}

/** Everybody dies and comes back without what it promised since the life began. */
function forgetEverything({ machines, clock }: World): void {
  const kept = machines.map(({ promises }) => promises.length);
  for (const [i, machine] of machines.entries()) {
    machine.crash("forgets");
    machine.forgetPromises(Math.min(kept[i]!, 4));
    machine.loseStore();
    clock.schedule(500, () => machine.boot());
  }
}

void test("a coin that is spent by two requests, when disks forget what was promised", async () => {
  const away = [0, 1, 2, 3, 4].map((node) => ({ kind: "chain forgets" as const, node, forMs: 9_000, atMs: 0 }));
  const scenario = calm("forgetful disks", {
    coins: [100_000n],
    wishes: [wish(0), wish(1, { atMs: 4_000, node: 1 })],
    troubles: away,
    healMs: 10_000,
  });
  let done = false;
  await isSeen("one request per coin", scenario, {
    react: (world, _, notice) => {
      if (notice.kind !== "signed" || done) return;
      done = true;
      world.clock.schedule(1_000, () => forgetEverything(world));
    },
  });
});

void test("a nonce that comes again, when randomness repeats after a restart", async () => {
  let crashed = false;
  await isSeen("nothing used once is used again", calm("stale randomness", { healMs: 8_000 }), {
    prepare: ({ machines }) => {
      for (const machine of machines) machine.weakness = "randomness repeats after a restart";
    },
    react: ({ machines, clock }, node, notice) => {
      if (notice.kind !== "begun" || crashed) return;
      crashed = true;
      for (const [i, machine] of machines.entries()) {
        machine.crash(`with node ${node}`);
        clock.schedule(200 + i, () => machine.boot());
      }
    },
  });
});

void test("a vote that left before it was on disk", async () => {
  await isSeen("promises are on disk before they are told", calm("no disk"), {
    prepare: ({ machines }) => {
      machines[2]!.weakness = "appends are not stored";
    },
  });
});

void test("a ban without proof, and of an honest node", async () => {
  const slander = (port: CustodyPort, victim: string): CustodyPort => ({
    ...port,
    receive: async (...args) => [
      ...(await port.receive(...args)),
      { kind: "violation", node: victim as never, violation: "DoubleVote", evidence: new Uint8Array(8) },
    ],
  });
  for (const rule of ["nobody honest is banned", "every ban is proven"]) {
    let first = "";
    await isSeen(rule, calm("slander"), {
      prepare: ({ machines }) => {
        first = machines[0]!.self;
      },
      custody: (node, port) => (node === 1 ? slander(port, first) : port),
    });
  }
});

void test("a vote that its voter contradicts", async () => {
  let calls = 0;
  await isSeen("a vote is never contradicted", calm("two minds", { healMs: 6_000 }), {
    // Asked again after its promises are gone, the node has another opinion; and nobody tells it what it said before.
    custody: (node, port) => ({
      ...port,
      start: (nowMs) => port.start(nowMs, []),
      vote: (...[nowMs, request, revision, value, circumstances]) =>
        port.vote(nowMs, request, revision, node === 3 && ++calls > 1 ? false : value, circumstances),
    }),
    react: (world, node, notice) => {
      if (node !== 3 || notice.kind !== "voted" || notice.voter !== world.machines[3]!.self || calls !== 1) return;
      const machine = world.machines[3]!;
      world.clock.schedule(0, () => {
        for (const peer of world.machines) peer.crash("all at once");
        machine.forgetPromises(4);
        machine.loseStore();
        for (const [i, peer] of world.machines.entries()) world.clock.schedule(100 + i, () => peer.boot());
      });
    },
  });
});

void test("a request that never ends, when the network does not heal", async () => {
  await isSeen("not over", calm("divided for good"), {
    react: ({ clock, network, machines }, _, notice) => {
      if (notice.kind !== "proposed") return;
      const ids = machines.map(({ self }) => self);
      const divide = (): void => {
        network.partition([ids.slice(0, 2), ids.slice(2)]);
        clock.schedule(1_000, divide);
      };
      divide();
    },
  });
});
