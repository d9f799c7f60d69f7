import { equalBytes } from "@conclave/bytes";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Fault, roundOf, viewHash, type Abort, type Protocol } from "./index.ts";
import {
  CALM,
  cheat,
  interceptSteps,
  parties,
  simulate,
  sumConfigs,
  sumProtocol,
  testSsid,
  type Cheated,
  type Rewrite,
  type SumConfig,
  type SumResult,
} from "./testing/index.ts";

const committee = parties(1, 2, 3, 4);
const [p1, p2, p3, p4] = committee as [
  (typeof committee)[0],
  (typeof committee)[0],
  (typeof committee)[0],
  (typeof committee)[0],
];
const OPEN = "sum/2-open";
const TOTAL = "sum/3-total";
const cheater = p2;

const cheating = (rewrite: Rewrite, afterwards: "insists" | "forgets" = "insists"): Cheated<SumResult> =>
  cheat({
    protocol: sumProtocol,
    configs: sumConfigs(committee),
    committee,
    seed: "blame",
    cheater,
    rewrite,
    afterwards,
  });

const abortOf = (run: Cheated<SumResult>, party = p1): Abort => {
  const outcome = run.honest.get(party);
  assert.ok(outcome?.kind === "abort", `party ${party}: ${outcome?.kind}`);
  return outcome;
};

const lastByte = (bytes: Uint8Array): Uint8Array => bytes.map((byte, i) => (i === bytes.length - 1 ? byte ^ 1 : byte));

describe("views", () => {
  test("are compared before anything else, and a difference blames nobody", () => {
    const run = cheating({ round: OPEN, part: "broadcast", view: lastByte });
    for (const party of run.honest.keys()) {
      const abort = abortOf(run, party);
      assert.equal(abort.fault, "mismatch");
      assert.deepEqual(abort.culprits, []);
      assert.deepEqual(abort.suspects, [cheater]);
    }
  });

  test("shield a malformed message from blame, because it may be right in another view", () => {
    const run = cheating({ round: OPEN, part: "broadcast", to: p1, view: lastByte, body: () => new Uint8Array(3) });
    const abort = abortOf(run);
    assert.equal(abort.fault, "mismatch");
    assert.deepEqual(abort.culprits, []);
  });

  test("of sealed parts are compared too", () => {
    const abort = abortOf(cheating({ round: OPEN, part: "direct", to: p1, view: lastByte }));
    assert.equal(abort.fault, "mismatch");
    assert.deepEqual(abort.culprits, []);
  });

  test("hold the session id: a message of another session of the same parties is no fault of its sender", () => {
    const old = simulate({
      protocol: sumProtocol,
      configs: sumConfigs(committee),
      committee,
      seed: "old",
      schedule: CALM,
    });
    const replayed = old.trace.find(
      (event) =>
        event.kind === "send" && event.message.from === cheater && event.message.round === OPEN && event.to === p1,
    );
    assert.ok(replayed?.kind === "send");
    const { message } = replayed;
    const run = cheating({
      round: OPEN,
      part: "broadcast",
      to: p1,
      view: () => message.view,
      body: () => message.body,
    });
    assert.equal(abortOf(run).fault, "mismatch");
    assert.deepEqual(abortOf(run).culprits, []);
  });
});

describe("a public fault", () => {
  const lie = cheating({ round: OPEN, part: "broadcast", body: lastByte });

  test("names its sender before everyone, with the broadcast as evidence", () => {
    assert.equal(lie.honest.size, 3);
    for (const party of lie.honest.keys()) {
      const abort = abortOf(lie, party);
      assert.equal(abort.fault, "public");
      assert.equal(abort.reason, "the opening does not match the commitment");
      assert.equal(abort.round, OPEN);
      assert.deepEqual(abort.culprits, [cheater]);
      assert.deepEqual(abort.evidence, [{ round: OPEN, part: "broadcast", from: cheater }]);
    }
  });

  test("convicts its sender before a third party that was not there", () => {
    const { publicState, round: name } = abortOf(lie);
    const ssid = testSsid({ seed: "blame", committee });
    const delivered = lie.simulation.trace.find(
      (event) => event.kind === "deliver" && event.message.from === cheater && event.message.round === name,
    );
    assert.ok(delivered?.kind === "deliver");
    const { view, body } = delivered.message;
    // The judge has the signed message (view and body) and the abort's public state; it needs nothing else.
    const round = roundOf(sumProtocol, name)!;
    assert.ok(equalBytes(view, viewHash(ssid, name, publicState)));
    const opened = round.publicState.decode(publicState);
    assert.throws(() => round.checkPublic(opened, cheater, round.broadcast!.decode(body)), Fault);

    const honest = lie.simulation.trace.find(
      (event) => event.kind === "deliver" && event.message.from === p3 && event.message.round === name,
    );
    assert.ok(honest?.kind === "deliver");
    assert.doesNotThrow(() => round.checkPublic(opened, p3, round.broadcast!.decode(honest.message.body)));
  });

  test("is also a broadcast that does not decode", () => {
    const abort = abortOf(cheating({ round: OPEN, part: "broadcast", body: (body) => body.slice(1) }));
    assert.equal(abort.fault, "public");
    assert.equal(abort.reason, "malformed message");
    assert.deepEqual(abort.culprits, [cheater]);
  });
});

describe("a sealed part", () => {
  test("that is wrong is known to its receiver alone", () => {
    // The last byte of the message belongs to the pad, the last of the tag comes before the pad's two-byte head.
    const tag = (body: Uint8Array): Uint8Array => body.map((byte, i) => (i === body.length - 35 ? byte ^ 1 : byte));
    const run = cheating({ round: OPEN, part: "direct", to: p3, body: tag });
    const abort = abortOf(run, p3);
    assert.equal(abort.fault, "private");
    assert.equal(abort.reason, "the tag is wrong");
    assert.deepEqual(abort.culprits, [cheater]);
    assert.deepEqual(abort.evidence, [{ round: OPEN, part: "direct", from: cheater }]);
    for (const other of [p1, p4]) {
      assert.equal(abortOf(run, other).fault, "silence");
      assert.deepEqual(abortOf(run, other).culprits, []);
    }
  });

  test("that fails a check protecting pair state is a cheat", () => {
    const abort = abortOf(cheating({ round: OPEN, part: "direct", to: p3, body: lastByte }), p3);
    assert.equal(abort.fault, "cheat");
    assert.deepEqual(abort.culprits, [cheater]);
  });

  test("that does not decode is a private fault", () => {
    const abort = abortOf(cheating({ round: OPEN, part: "direct", to: p3, body: (body) => body.slice(1) }), p3);
    assert.equal(abort.fault, "private");
    assert.equal(abort.reason, "malformed message");
  });

  test("is not looked at if the broadcast beside it is wrong", () => {
    const both = cheat({
      protocol: interceptSteps(sumProtocol, (step, { self }) =>
        self === cheater && step.round.name === OPEN
          ? { ...step, outgoing: { ...step.outgoing, broadcast: lastByte(step.outgoing.broadcast!) } }
          : step,
      ),
      configs: sumConfigs(committee),
      committee,
      seed: "blame",
      cheater,
      rewrite: { round: OPEN, part: "direct", to: p1, body: (body) => body.slice(1) },
    });
    assert.equal(abortOf(both).fault, "public");
  });

  test("missing where the round has none: a private fault then points at the broadcast", () => {
    const distrustful = withChecks(TOTAL, {
      checkPrivate: () => {
        throw new Fault("private", "for my eyes only");
      },
    });
    const run = simulate({
      protocol: distrustful,
      configs: sumConfigs(committee),
      committee,
      seed: "none",
      schedule: CALM,
    });
    const outcome = run.outcomes.get(p1);
    assert.ok(outcome?.kind === "abort" && outcome.fault === "private");
    assert.deepEqual(outcome.evidence, [{ round: TOTAL, part: "broadcast", from: outcome.culprits[0] }]);
  });
});

describe("checks", () => {
  test("that cannot tell whose fault it is blame nobody", () => {
    for (const check of ["checkPublic", "checkPrivate"] as const) {
      const unsure = withChecks(OPEN, {
        [check]: () => {
          throw new Fault("mismatch", "cannot tell");
        },
      });
      const run = simulate({
        protocol: unsure,
        configs: sumConfigs(committee),
        committee,
        seed: "unsure",
        schedule: CALM,
      });
      for (const outcome of run.outcomes.values()) {
        assert.ok(outcome.kind === "abort" && outcome.fault === "mismatch" && outcome.reason === "cannot tell");
        assert.deepEqual(outcome.culprits, []);
      }
    }
  });

  test("run once per sender and receiver, whatever comes how often", () => {
    const calls: string[] = [];
    const counting = interceptSteps(sumProtocol, (step, { self }) => ({
      ...step,
      round: {
        ...step.round,
        checkPublic: (publicState, from, broadcast) => {
          calls.push(`${step.round.name} public ${from}>${self}`);
          step.round.checkPublic(publicState, from, broadcast);
        },
        checkPrivate: (state, from, broadcast, direct) => {
          calls.push(`${step.round.name} private ${from}>${self}`);
          return step.round.checkPrivate(state, from, broadcast, direct);
        },
      },
    }));
    simulate({ protocol: counting, configs: sumConfigs(committee), committee, seed: "once" });
    assert.equal(new Set(calls).size, calls.length);
    // Three rounds checked in private, two judged in public as messages come, for each ordered pair.
    assert.equal(calls.length, 5 * committee.length * (committee.length - 1));
  });
});

/** The sum protocol with some functions of one round replaced. */
function withChecks(
  name: string,
  changes: Partial<(typeof sumProtocol.rounds)[number]>,
): Protocol<SumConfig, SumResult> {
  return interceptSteps(sumProtocol, (step) =>
    step.round.name === name ? { ...step, round: { ...step.round, ...changes } } : step,
  );
}

describe("judging on failure", () => {
  const doubled =
    (change: number) =>
    (body: Uint8Array): Uint8Array =>
      body.map((byte, i) => (i === body.length - 1 ? byte + change : byte));
  const twoLies = (changes: ReadonlyMap<number, number>): Protocol<SumConfig, SumResult> =>
    interceptSteps(sumProtocol, (step, { self }) => {
      const change = changes.get(self);
      if (step.round.name !== TOTAL || change === undefined) return step;
      return { ...step, outgoing: { ...step.outgoing, broadcast: doubled(change)(step.outgoing.broadcast!) } };
    });
  const run = (protocol: Protocol<SumConfig, SumResult>) =>
    simulate({ protocol, configs: sumConfigs(committee), committee, seed: "judge", schedule: CALM });

  test("names everyone who fails the public check, and nobody else", () => {
    const outcome = run(
      twoLies(
        new Map([
          [p2, 1],
          [p4, 2],
        ]),
      ),
    ).outcomes.get(p1);
    assert.ok(outcome?.kind === "abort");
    assert.equal(outcome.fault, "public");
    assert.equal(outcome.reason, "the double is wrong");
    assert.deepEqual(outcome.culprits, [p2, p4]);
    assert.deepEqual(outcome.evidence, [
      { round: TOTAL, part: "broadcast", from: p2 },
      { round: TOTAL, part: "broadcast", from: p4 },
    ]);
  });

  test("does not judge when the result is right", () => {
    const outcome = run(
      twoLies(
        new Map([
          [p2, 1],
          [p4, -1],
        ]),
      ),
    ).outcomes.get(p1);
    assert.ok(outcome?.kind === "result");
    assert.equal(outcome.result.total, 100);
  });

  test("blames nobody when the whole does not fit although every part passes", () => {
    const unlucky = withChecks(TOTAL, {
      finish: () => {
        throw new Fault("mismatch", "no result");
      },
    });
    const outcome = run(unlucky).outcomes.get(p1);
    assert.ok(outcome?.kind === "abort");
    assert.equal(outcome.fault, "mismatch");
    assert.equal(outcome.reason, "no result");
    assert.deepEqual([outcome.culprits, outcome.suspects, outcome.evidence], [[], [], []]);
  });

  test("is not done in a round that judges each message", () => {
    const outcome = run(
      withChecks(OPEN, {
        finish: () => {
          throw new Fault("public", "no result");
        },
      }),
    ).outcomes.get(p1);
    assert.ok(outcome?.kind === "abort");
    assert.equal(outcome.fault, "mismatch");
    assert.deepEqual(outcome.culprits, []);
  });
});
