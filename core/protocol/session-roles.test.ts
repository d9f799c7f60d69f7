import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { PartyIndex } from "./index.ts";
import {
  addFaults,
  ByHand,
  cheat,
  handoverProtocol,
  noFaults,
  parties,
  simulate,
  type HandoverConfig,
} from "./testing/index.ts";

// Parties 1 to 3 deal, 3 to 5 receive: 3 does both.
const committee = parties(1, 2, 3, 4, 5);
const [p1, p2, p3, p4, p5] = committee as [PartyIndex, PartyIndex, PartyIndex, PartyIndex, PartyIndex];
const dealers = [p1, p2, p3];
const receivers = [p3, p4, p5];
const configs = new Map<PartyIndex, HandoverConfig>(
  committee.map((party) => [party, { dealers, receivers, value: 10 ** party }]),
);
const protocol = handoverProtocol;

describe("roles in a round", () => {
  test("let a mere dealer finish alone, a mere receiver send nothing, and both do both, under any schedule", () => {
    const faults = noFaults();
    for (let i = 0; i < 100; i++) {
      const seed = `roles-${i}`;
      const run = simulate({ protocol, configs, committee, seed });
      assert.deepEqual(run.violations, [], seed);
      addFaults(faults, run.faults);
      const results = [...run.outcomes].map(([party, outcome]) => [party, outcome.kind === "result" && outcome.result]);
      const all = 2 * (10 + 100 + 1000);
      // The second round's sealed numbers are one higher, from each of the other dealers.
      assert.deepEqual(
        results,
        [
          [p1, 0],
          [p2, 0],
          [p3, all - 2000 + 2],
          [p4, all + 3],
          [p5, all + 3],
        ],
        seed,
      );
      for (const event of run.trace) {
        if (event.kind !== "send") continue;
        const { from, part } = event.message;
        assert.ok((part === "echo" ? receivers : dealers).includes(from), seed);
        assert.ok(receivers.includes(event.to), seed);
      }
    }
    assert.ok(faults.early > 0 && faults.reorders > 0);
  });

  test("make a party wait for dealers, then for the echoes of receivers", () => {
    const run = new ByHand({ protocol, configs, committee, seed: "roles" });
    run.startAll();
    assert.equal(run.session(p1).ended, true, "nobody sends to a mere dealer");
    assert.deepEqual(run.session(p3).missing(), [p1, p2]);
    assert.deepEqual(run.session(p4).missing(), dealers);
    run.deliverAll("handover/1", "broadcast");
    run.deliverAll("handover/1", "direct");
    assert.deepEqual(run.session(p4).missing(), [p3, p5]);
  });

  test("ignore a message of someone who does not send in this round", () => {
    const run = new ByHand({ protocol, configs, committee, seed: "roles" });
    run.startAll();
    const honest = run.message(p4, { round: "handover/1", part: "broadcast", from: p1 });
    assert.deepEqual(run.give(p4, { ...honest, from: p5, body: new Uint8Array(1) }), []);
    assert.deepEqual(run.session(p4).missing(), dealers);
  });

  test("echo what dealers said among receivers only: two versions are found there", () => {
    const { honest } = cheat({
      protocol,
      configs,
      committee,
      seed: "roles",
      cheater: p1,
      rewrite: {
        round: "handover/1",
        part: "broadcast",
        to: p4,
        body: (body) => Uint8Array.of(...body.subarray(0, -1), body.at(-1)! + 1),
      },
    });
    for (const party of receivers) {
      const outcome = honest.get(party);
      assert.ok(outcome?.kind === "abort" && outcome.fault === "mismatch", `party ${party}`);
      assert.deepEqual([outcome.culprits, outcome.suspects], [[], [p1]]);
    }
  });
});
