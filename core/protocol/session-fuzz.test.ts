import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Message, Part, PartyIndex } from "./index.ts";
import {
  mutations,
  parties,
  ROUGH,
  seededDice,
  simulate,
  sumConfigs,
  sumProtocol,
  type Dice,
  type Simulation,
  type SumResult,
} from "./testing/index.ts";

const committee = parties(1, 2, 3, 4);
const [, cheater] = committee as [PartyIndex, PartyIndex];
const PARTS: readonly Part[] = ["broadcast", "direct", "echo"];

/** What a peer without any sense may send instead of `honest`. */
function nonsense(honest: Message, dice: Dice): Message[] {
  const bytes = (): Uint8Array => Uint8Array.from({ length: dice.below(80) }, () => dice.below(256));
  const codec = sumProtocol.rounds.find(({ name }) => name === honest.round)?.[
    honest.part === "direct" ? "direct" : "broadcast"
  ];
  const rewritten =
    codec === undefined || codec === null || honest.part === "echo" ? [] : mutations(codec, honest.body);
  const messages: Message[] = [
    { ...honest, body: bytes() },
    { ...honest, view: bytes() },
    { ...honest, part: PARTS[dice.below(3)]! },
    { ...honest, round: sumProtocol.rounds[dice.below(3)]!.name },
    { ...honest, round: "another/round", body: bytes() },
    ...(rewritten.length === 0 ? [] : [{ ...honest, body: rewritten[dice.below(rewritten.length)]!.bytes }]),
  ];
  return Array.from({ length: dice.below(4) }, () => messages[dice.below(messages.length)]!);
}

function run(seed: string, crazy: number): Simulation<SumResult> {
  const dice = seededDice(`${seed}/nonsense`);
  return simulate({
    protocol: sumProtocol,
    configs: sumConfigs(committee),
    committee,
    seed,
    schedule: ROUGH,
    tamper: (message) => {
      if (message.from !== cheater || !dice.chance(crazy)) return [message];
      return dice.chance(0.5) ? [...nonsense(message, dice), message] : nonsense(message, dice);
    },
  });
}

describe("one party that sends nonsense", () => {
  test("makes no session throw, breaks no promise, and gets nobody blamed but itself", () => {
    const faults = new Map<string, number>();
    for (let i = 0; i < 500; i++) {
      const seed = `nonsense-${i}`;
      const simulation = run(seed, i % 2 === 0 ? 0.1 : 0.6);
      assert.deepEqual(simulation.violations, [], seed);
      for (const [party, outcome] of simulation.outcomes) {
        const what = outcome.kind === "abort" ? outcome.fault : outcome.kind;
        faults.set(what, (faults.get(what) ?? 0) + 1);
        if (outcome.kind === "result") assert.equal(outcome.result.total, 100, seed);
        if (outcome.kind !== "abort" || party === cheater) continue;
        assert.ok(
          outcome.culprits.every((culprit) => culprit === cheater),
          `${seed}: ${outcome.culprits.join()}`,
        );
        // Whoever is proven guilty is proven so by slots of its own.
        for (const { from } of outcome.culprits.length > 0 ? outcome.evidence : []) assert.equal(from, cheater, seed);
      }
    }
    for (const fault of ["public", "private", "mismatch", "equivocation", "silence", "result"]) {
      assert.ok((faults.get(fault) ?? 0) > 0, `no ${fault} came of it`);
    }
  });
});
