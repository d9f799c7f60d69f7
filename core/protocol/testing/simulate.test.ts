import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { PartyIndex } from "../index.ts";
import {
  addFaults,
  CALM,
  interceptSteps,
  noFaults,
  parties,
  partyRng,
  seededDice,
  simulate,
  sumConfigs,
  sumProtocol,
  testSsid,
  type Simulation,
  type SimulationOptions,
  type SumConfig,
  type SumResult,
} from "./index.ts";

const committee = parties(1, 2, 3, 4);
const total = 100;

const run = (seed: string, options: Partial<SimulationOptions<SumConfig, SumResult>> = {}): Simulation<SumResult> =>
  simulate({ protocol: sumProtocol, configs: sumConfigs(committee), committee, seed, ...options });

const kinds = (simulation: Simulation<SumResult>): string[] =>
  [...simulation.outcomes.values()].map((outcome) => (outcome.kind === "abort" ? outcome.fault : outcome.kind));

describe("600 schedules", () => {
  test("end in the same result for all, break no promise of a session, and hold every kind of fault", () => {
    const faults = noFaults();
    const hashes = new Set<string>();
    for (let i = 0; i < 600; i++) {
      const seed = `rough-${i}`;
      const simulation = run(seed);
      assert.deepEqual(simulation.violations, [], seed);
      for (const [party, outcome] of simulation.outcomes) {
        assert.ok(
          outcome.kind === "result" && outcome.result.total === total,
          `${seed}: party ${party} ${outcome.kind}`,
        );
      }
      for (const records of simulation.journal.values()) assert.equal(records.length, 1, seed);
      addFaults(faults, simulation.faults);
      hashes.add(simulation.traceHash);
    }
    const { crashes, expired, ...expected } = faults;
    assert.deepEqual([crashes, expired], [0, 0]);
    for (const [kind, count] of Object.entries(expected)) assert.ok(count > 0, `no ${kind} happened`);
    assert.equal(hashes.size, 600, "every schedule is another one");
  });

  test("with a crash blame nobody; who lacks a message expires, and a new attempt succeeds", () => {
    const faults = noFaults();
    let lost = 0;
    for (let i = 0; i < 200; i++) {
      const seed = `crash-${i}`;
      const simulation = run(seed, { schedule: { crashes: 1, crashWithin: 60 } });
      assert.deepEqual(simulation.violations, [], seed);
      addFaults(faults, simulation.faults);
      const crashed = [...simulation.outcomes].find(([, { kind }]) => kind === "crashed")?.[0];
      for (const outcome of simulation.outcomes.values()) {
        if (outcome.kind !== "abort") continue;
        lost += 1;
        assert.equal(outcome.fault, "silence", seed);
        assert.deepEqual(outcome.culprits, [], seed);
        assert.ok(crashed !== undefined, seed);
      }
      const again = run(seed, { ssid: testSsid({ seed: `${seed}/2`, committee }) });
      assert.deepEqual(new Set(kinds(again)), new Set(["result"]), seed);
    }
    assert.ok(faults.crashes > 100, `${faults.crashes} crashes`);
    assert.ok(faults.expired > 0 && lost > 0);
  });
});

describe("a simulation", () => {
  test("of the same seed has the same trace, of another seed another one", () => {
    const schedule = { crashes: 1 };
    assert.equal(run("same", { schedule }).traceHash, run("same", { schedule }).traceHash);
    assert.notEqual(run("same").traceHash, run("other").traceHash);
  });

  test("in calm delivers everything once and in order", () => {
    const { faults, trace } = run("calm", { schedule: CALM });
    const { commits, ...others } = faults;
    assert.equal(commits, committee.length);
    const sends = trace.filter(({ kind }) => kind === "send").length;
    assert.equal(trace.filter(({ kind }) => kind === "deliver").length, sends);
    assert.deepEqual([others.repeats, others.losses, others.delays, others.reorders, others.crashes], [0, 0, 0, 0, 0]);
  });

  test("takes randomness and session id from its caller", () => {
    const ssid = testSsid({ seed: "given", committee });
    const rngFor = (party: PartyIndex) => partyRng("given", party);
    const [a, b] = [run("a", { ssid, rngFor, schedule: CALM }), run("b", { ssid, rngFor, schedule: CALM })];
    assert.equal(a.traceHash, b.traceHash, "a calm schedule rolls no dice");
    assert.notEqual(a.traceHash, run("a", { schedule: CALM }).traceHash);
  });

  test("reports a session that fills a slot twice", () => {
    const doubled = interceptSteps(sumProtocol, (step) => ({
      ...step,
      round: {
        ...step.round,
        receivers: (state) => [...step.round.receivers(state), ...step.round.receivers(state)],
      },
    }));
    assert.match(run("bad", { protocol: doubled, schedule: CALM }).violations.join(), /slot filled twice/);
  });
});

describe("seeded randomness", () => {
  test("of dice is uniform enough and repeatable", () => {
    const dice = seededDice("dice");
    const counts = Array.from({ length: 6 }, () => 0);
    for (let i = 0; i < 6000; i++) counts[dice.below(6)]! += 1;
    for (const count of counts) assert.ok(count > 850 && count < 1150, counts.join());
    const [a, b] = [seededDice("x"), seededDice("x")];
    for (let i = 0; i < 10; i++) assert.equal(a.below(1000), b.below(1000));
  });

  test("of a party differs from that of others and does not depend on how it is cut", () => {
    const [p1, p2] = committee as [PartyIndex, PartyIndex];
    assert.notDeepEqual(partyRng("s", p1)(32), partyRng("s", p2)(32));
    assert.notDeepEqual(partyRng("s", p1)(32), partyRng("t", p1)(32));
    const rng = partyRng("s", p1);
    assert.notDeepEqual(rng(32), rng(32));
    assert.equal(rng(100).length, 100);
    assert.equal(rng(0).length, 0);
  });
});
