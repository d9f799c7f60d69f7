/** Who watches a simulated cluster sees what must not be: each cluster here is worse than it may be, in one way. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { parseTransaction, serializeTransaction } from "@conclave/bitcoin";
import { rosterHash, type NodeId } from "@conclave/consensus";
import { loadIdentity, type CustodyEvent, type CustodyPort } from "@conclave/custody";
import { ackCodec, memoryVault, sealEnvelope, type HeaderFields } from "@conclave/custody/testing";
import { committeeOf, disksOf } from "./testing/committee.ts";
import { engine } from "./testing/engine.ts";
import { deathCodec } from "./testing/pairwise-liar.ts";
import { CHECKS, Truth, type Fact } from "./testing/truth.ts";
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

/** A custody whose answers are changed before anybody hears them. */
const changing = (port: CustodyPort, change: (event: CustodyEvent) => readonly CustodyEvent[]): CustodyPort => ({
  ...port,
  receive: async (...args) => (await port.receive(...args)).flatMap(change),
});

void test("an ECDSA signature that does not verify", async () => {
  const spoilt = (event: CustodyEvent): readonly CustodyEvent[] => {
    if (event.kind !== "signed") return [event];
    const transaction = parseTransaction(event.rawTx);
    const inputs = transaction.inputs.map((input) => ({ ...input, witness: spoil(input.witness) }));
    return [{ ...event, rawTx: serializeTransaction({ ...transaction, inputs }) }];
  };
  const spoil = ([signature, ...key]: readonly Uint8Array[]): Uint8Array[] => [
    signature!.map((byte, i) => (i === signature!.length - 5 ? byte ^ 1 : byte)),
    ...key,
  ];
  await isSeen("signatures are valid", calm("spoilt signature", { scheme: "dkls23-secp256k1" }), {
    custody: (_, port) => changing(port, spoilt),
  });
});

void test("an edge between honest nodes that is said to be dead", async () => {
  let [first, second] = ["", ""];
  const complain = (event: CustodyEvent): readonly CustodyEvent[] =>
    event.kind === "voted"
      ? [event, { kind: "edgeDead", key: new Uint8Array(32), between: [first, second] as never, reason: "a mood" }]
      : [event];
  await isSeen("edges of the honest live", calm("slandered edge", { scheme: "dkls23-secp256k1" }), {
    prepare: ({ machines }) => {
      [first, second] = [machines[0]!.self, machines[3]!.self];
    },
    custody: (node, port) => (node === 0 ? changing(port, complain) : port),
  });
});

void test("an end of an edge that is used after its owner said that it is dead", () => {
  const size = { n: 3, t: 2, q: 2 };
  const committee = committeeOf(size, "dkls23-secp256k1");
  const [node, peer] = committee.nodes as [NodeId, NodeId];
  const { vault } = disksOf(committee.bare[0]!);
  const identity = loadIdentity(engine, memoryVault(vault));
  const [setup, key] = [new Uint8Array(32).fill(5), committee.key.key];
  const say = (fields: HeaderFields, body: Uint8Array): Fact => ({
    kind: "said",
    node,
    envelope: sealEnvelope(identity, rosterHash(committee.settings.roster), fields, body),
    promises: [],
  });
  const ack = ackCodec.encode({
    setup: new Uint8Array(32),
    nonce: new Uint8Array(32),
    ephemeral: new Uint8Array(32),
    generation: 1,
    holds: [],
    edges: [{ peer: 2 as never, setup }],
    offers: [],
  });
  const request = new Uint8Array(32);
  const acks = say({ kind: "ack", request, receiver: peer, round: "1.1" }, ack);
  const place = { protocol: "dkls23", ssid: request, request, key, view: request, senderIndex: 1, receiverIndex: 2 };
  const sealed = say(
    { kind: "step/direct", ...place, round: "dkls23/sign/2-multiply", receiver: peer },
    new Uint8Array(40),
  );
  const death = say({ kind: "edge", key, epoch: 0 }, deathCodec.encode({ setup, peer }));
  const rule = "dead edges stay dead";
  const truth = new Truth(committee, new Set(committee.nodes), { [rule]: CHECKS[rule]! });
  for (const fact of [acks, sealed, death]) assert.deepEqual(truth.add(fact), []);
  for (const fact of [acks, sealed]) assert.match(truth.add(fact).join(), /dead edge/);
  truth.add({ kind: "edge made", by: node, peer });
  assert.deepEqual(truth.add(sealed), [], "made anew, it is used again");
  assert.match(truth.add(acks).join(), /dead edge/, "and the old setup never");
  const told = new Truth(committee, new Set(committee.nodes)).add(death);
  assert.match(told.join(), /an edge's death before its record/);
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
