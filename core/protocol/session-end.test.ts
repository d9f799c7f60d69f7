import { AssertionError } from "@conclave/bytes";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Session, type PartyIndex, type Protocol } from "./index.ts";
import {
  ByHand,
  CALM,
  cheat,
  interceptSteps,
  observeWipes,
  parties,
  partyRng,
  simulate,
  sumConfigs,
  sumProtocol,
  testSsid,
  type SumConfig,
  type SumResult,
  type SumState,
} from "./testing/index.ts";

const committee = parties(1, 2, 3);
const [p1, p2, p3] = committee as [PartyIndex, PartyIndex, PartyIndex];
const COMMIT = "sum/1-commit";
const OPEN = "sum/2-open";

type Sum = Protocol<SumConfig, SumResult>;
const byHand = (protocol: Sum = sumProtocol): ByHand<SumConfig, SumResult> => {
  const run = new ByHand({ protocol, configs: sumConfigs(committee), committee, seed: "end" });
  run.startAll();
  return run;
};

describe("a deadline", () => {
  test("names who is missing: senders, then echoes, then sealed parts; and blames nobody", () => {
    const run = byHand();
    assert.deepEqual(run.session(p1).missing(), [p2, p3]);
    run.deliver(p1, { round: COMMIT, part: "broadcast", from: p2 });
    assert.deepEqual(run.session(p1).missing(), [p3]);
    run.deliverAll(COMMIT, "broadcast");
    assert.deepEqual(run.session(p1).missing(), [p2, p3]);
    run.deliver(p1, { round: COMMIT, part: "echo", from: p3 });
    assert.deepEqual(run.session(p1).missing(), [p2]);
    run.deliverAll(COMMIT, "echo");
    run.deliver(p1, { round: OPEN, part: "broadcast", from: p2 });
    run.deliver(p1, { round: OPEN, part: "broadcast", from: p3 });
    run.deliver(p1, { round: OPEN, part: "direct", from: p3 });
    const [abort, ...rest] = run.session(p1).expire();
    assert.deepEqual(rest, []);
    assert.ok(abort?.kind === "abort");
    assert.equal(abort.fault, "silence");
    assert.deepEqual(abort.suspects, [p2]);
    assert.deepEqual([abort.culprits, abort.evidence], [[], []]);
    assert.equal(abort.round, OPEN);
  });

  test("before the start names nobody", () => {
    const ssid = testSsid({ seed: "end", committee });
    const session = new Session({
      protocol: sumProtocol,
      context: { ssid, self: p1, committee },
      rng: partyRng("end", p1),
    });
    const [abort] = session.expire();
    assert.ok(abort?.kind === "abort" && abort.fault === "silence");
    assert.deepEqual(abort.suspects, []);
    assert.throws(() => session.start(sumConfigs(committee).get(p1)!), AssertionError);
  });
});

/** The sum protocol, handing out the states that party 1 goes through and counting its wipes. */
function watched(protocol: Sum = sumProtocol): { protocol: Sum; states: SumState[]; wipes: string[] } {
  const states: SumState[] = [];
  const wipes: string[] = [];
  const counting = observeWipes(protocol, (self, round) => {
    if (self === p1) wipes.push(round);
  });
  const seeing = interceptSteps(counting, (step, { self }) => {
    if (self === p1) states.push(step.state as SumState);
    return step;
  });
  return { protocol: seeing, states, wipes };
}

const isZero = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === 0);
const isWiped = ({ nonce, config }: SumState): boolean => isZero(nonce) && [...config.pairKeys.values()].every(isZero);

describe("wiping", () => {
  test("happens once after a result, and the result outlives it", () => {
    const { protocol, states, wipes } = watched();
    const { outcomes } = simulate({
      protocol,
      configs: sumConfigs(committee),
      committee,
      seed: "wipe",
      schedule: CALM,
    });
    const outcome = outcomes.get(p1);
    assert.ok(outcome?.kind === "result");
    assert.deepEqual(wipes, ["sum/3-total"]);
    assert.ok(isWiped(states.at(-1)!));
    assert.equal(outcome.result.pads.size, 2);
    for (const pad of outcome.result.pads.values()) assert.equal(isZero(pad), false);
  });

  test("happens once after an abort", () => {
    const { protocol, states, wipes } = watched();
    cheat({
      protocol,
      configs: sumConfigs(committee),
      committee,
      seed: "wipe",
      cheater: p2,
      rewrite: { round: OPEN, part: "broadcast", body: (body) => body.slice(1) },
    });
    assert.deepEqual(wipes, [OPEN]);
    assert.ok(isWiped(states.at(-1)!));
  });

  test("happens once after a deadline and after close, and close says nothing", () => {
    for (const end of ["expire", "close"] as const) {
      const { protocol, states, wipes } = watched();
      const run = byHand(protocol);
      assert.equal(isWiped(states[0]!), false);
      run.session(p1)[end]();
      run.session(p1)[end]();
      run.session(p1).close();
      assert.equal(run.session(p1).ended, true);
      assert.deepEqual(wipes, [COMMIT]);
      assert.ok(isWiped(states[0]!));
      assert.deepEqual(run.deliver(p1, { round: COMMIT, part: "broadcast", from: p2 }), []);
    }
  });

  test("overwrites sealed bodies that wait in the inbox", () => {
    const run = byHand();
    run.deliverAll(COMMIT, "broadcast");
    run.deliverAll(COMMIT, "echo");
    const message = run.message(p1, { round: OPEN, part: "direct", from: p2 });
    const held = { ...message, body: message.body.slice() };
    run.session(p1).handle(held);
    assert.equal(isZero(held.body), false);
    run.session(p1).close();
    assert.ok(isZero(held.body));
  });

  test("of the inbox does not depend on the round's own wipe", () => {
    const run = byHand(
      interceptSteps(sumProtocol, (step) => ({
        ...step,
        round: {
          ...step.round,
          wipe: () => {
            throw new Error("wipe is broken");
          },
        },
      })),
    );
    run.deliverAll(COMMIT, "broadcast");
    run.deliverAll(COMMIT, "echo");
    const message = run.message(p1, { round: OPEN, part: "direct", from: p2 });
    const held = { ...message, body: message.body.slice() };
    run.session(p1).handle(held);
    assert.throws(() => run.session(p1).close(), /wipe is broken/);
    assert.ok(isZero(held.body));
    assert.doesNotThrow(() => run.session(p1).close(), "there is nothing left to wipe");
  });
});

describe("a bug of ours", () => {
  const bug = new TypeError("a bug");
  const brokenAt = (part: "open" | "checkPublic" | "checkPrivate" | "finish" | "senders"): Sum =>
    interceptSteps(sumProtocol, (step, { self }) => {
      if (self !== p1 || step.round.name !== OPEN) return step;
      const throwing = (): never => {
        throw bug;
      };
      return { ...step, round: { ...step.round, [part]: throwing } };
    });

  for (const part of ["open", "senders", "checkPublic", "checkPrivate", "finish"] as const) {
    test(`thrown in ${part} is thrown on, after the last state was wiped once`, () => {
      const { protocol, states, wipes } = watched(brokenAt(part));
      const configs = sumConfigs(committee);
      assert.throws(() => simulate({ protocol, configs, committee, seed: "bug", schedule: CALM }), bug);
      // A state that could not even be opened was never entered: the one before it holds the same buffers.
      assert.deepEqual(wipes, [part === "open" ? COMMIT : OPEN]);
      assert.ok(isWiped(states.at(-1)!));
    });
  }

  test("ends the session for good", () => {
    const run = byHand(brokenAt("open"));
    run.deliverAll(COMMIT, "broadcast");
    run.deliver(p1, { round: COMMIT, part: "echo", from: p2 });
    assert.throws(() => run.deliver(p1, { round: COMMIT, part: "echo", from: p3 }), bug);
    assert.equal(run.session(p1).ended, true);
    assert.deepEqual(run.deliver(p1, { round: COMMIT, part: "echo", from: p3 }), []);
    assert.deepEqual(run.session(p1).expire(), []);
  });

  test("like a second start ends the session too", () => {
    const run = byHand();
    assert.throws(() => run.start(p1), /a session starts once/);
    assert.equal(run.session(p1).ended, true);
  });

  test("like entering a round twice, an earlier one or one that the protocol does not list is refused", () => {
    const [first, second, third] = sumProtocol.rounds as [Sum["rounds"][0], Sum["rounds"][0], Sum["rounds"][0]];
    const orders = [
      [second, first, third],
      [first, third],
      [third, second, first],
    ];
    for (const rounds of orders) {
      const { protocol, wipes } = watched({ ...sumProtocol, rounds });
      assert.throws(
        () => simulate({ protocol, configs: sumConfigs(committee), committee, seed: "order", schedule: CALM }),
        /has no round sum\/\d-\w+ after sum\/\d-\w+/,
        rounds.map(({ name }) => name).join(),
      );
      assert.ok(wipes.length <= 1);
    }
    const unlisted = { ...sumProtocol, rounds: [second, third] };
    assert.throws(() => byHand(unlisted), /has no round sum\/1-commit after null/);
  });
});
