import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Session, type Message } from "./index.ts";
import { ByHand, parties, partyRng, sumConfigs, sumProtocol, testSsid } from "./testing/index.ts";

const committee = parties(1, 2, 3);
const [p1, p2, p3] = committee as [(typeof committee)[0], (typeof committee)[0], (typeof committee)[0]];
const COMMIT = "sum/1-commit";
const OPEN = "sum/2-open";
const TOTAL = "sum/3-total";

const started = (
  seed = "messages",
): ByHand<ReturnType<typeof sumConfigs> extends Map<infer _, infer C> ? C : never, unknown> => {
  const run = new ByHand({ protocol: sumProtocol, configs: sumConfigs(committee), committee, seed });
  run.startAll();
  return run;
};

const changed = (message: Message, part: "body" | "view"): Message => ({
  ...message,
  [part]: message[part].map((byte, i) => (i === 5 ? byte ^ 1 : byte)),
});

describe("a session's inbox", () => {
  test("keeps messages that come before the start and uses them", () => {
    const run = new ByHand({ protocol: sumProtocol, configs: sumConfigs(committee), committee, seed: "early" });
    run.start(p1);
    run.start(p2);
    run.deliver(p3, { round: COMMIT, part: "broadcast", from: p1 });
    run.deliver(p3, { round: COMMIT, part: "broadcast", from: p2 });
    assert.equal(run.session(p3).round, null);
    const parts = run.start(p3).map((effect) => effect.kind === "send" && effect.message.part);
    assert.deepEqual(parts, ["broadcast", "echo"]);
  });

  test("keeps a message of a later round until that round", () => {
    const run = started();
    run.deliverAll(COMMIT, "broadcast");
    // Parties 1 and 2 hear everyone's echo and open; party 3 hears of the openings first.
    for (const from of [p2, p3]) run.deliver(p1, { round: COMMIT, part: "echo", from });
    for (const from of [p1, p3]) run.deliver(p2, { round: COMMIT, part: "echo", from });
    for (const from of [p1, p2]) {
      assert.deepEqual(run.deliver(p3, { round: OPEN, part: "direct", from }), []);
      assert.deepEqual(run.deliver(p3, { round: OPEN, part: "broadcast", from }), []);
    }
    assert.equal(run.session(p3).round, COMMIT);
    run.deliver(p3, { round: COMMIT, part: "echo", from: p1 });
    run.deliver(p3, { round: COMMIT, part: "echo", from: p2 });
    assert.equal(run.session(p3).round, TOTAL);
  });

  test("ignores an exact repeat, in the same round and in a later one", () => {
    const run = started();
    const slot = { round: COMMIT, part: "broadcast", from: p1 } as const;
    run.deliver(p2, slot);
    assert.deepEqual(run.deliver(p2, slot), []);
    run.deliverAll(COMMIT, "broadcast");
    run.deliverAll(COMMIT, "echo");
    assert.equal(run.session(p2).round, OPEN);
    assert.deepEqual(run.deliver(p2, slot), []);
    assert.equal(run.session(p2).ended, false);
  });

  for (const part of ["body", "view"] as const) {
    test(`takes another ${part} in a filled slot as equivocation, with the slot as evidence`, () => {
      const run = started();
      const slot = { round: COMMIT, part: "broadcast", from: p1 } as const;
      run.deliver(p2, slot);
      const [abort, ...rest] = run.give(p2, changed(run.message(p2, slot), part));
      assert.deepEqual(rest, []);
      assert.ok(abort?.kind === "abort");
      assert.equal(abort.fault, "equivocation");
      assert.deepEqual(abort.culprits, [p1]);
      assert.deepEqual(abort.evidence, [slot]);
      assert.equal(run.session(p2).ended, true);
    });
  }

  test("finds equivocation in a round that is over, and in one that has not begun", () => {
    const over = started();
    over.deliverAll(COMMIT, "broadcast");
    over.deliverAll(COMMIT, "echo");
    const past = over.message(p2, { round: COMMIT, part: "echo", from: p3 });
    const [late] = over.give(p2, changed(past, "body"));
    assert.ok(late?.kind === "abort" && late.fault === "equivocation" && late.evidence[0]?.part === "echo");
    assert.equal(late.round, OPEN, "the round in which it was found; the slot names the round of the message");

    const early = started();
    const future: Message = {
      from: p1,
      round: TOTAL,
      part: "broadcast",
      view: new Uint8Array(32),
      body: new Uint8Array(9),
    };
    assert.deepEqual(early.give(p2, future), []);
    const [abort] = early.give(p2, changed(future, "body"));
    assert.ok(abort?.kind === "abort" && abort.fault === "equivocation");
  });

  test("ignores strangers, unknown rounds, its own messages and parts that the round has not", () => {
    const run = started();
    const honest = run.message(p2, { round: COMMIT, part: "broadcast", from: p1 });
    const [stranger] = parties(4);
    const ignored: Message[] = [
      { ...honest, from: stranger! },
      { ...honest, from: p2 },
      { ...honest, round: "sum/4" },
      { ...honest, round: "" },
      { ...honest, round: "__proto__" },
      { ...honest, part: "direct" },
    ];
    for (const message of ignored) {
      assert.deepEqual(run.give(p2, message), []);
      assert.deepEqual(run.give(p2, changed(message, "body")).length, message.part === "direct" ? 1 : 0);
      if (message.part !== "direct") assert.deepEqual(run.session(p2).missing(), [p1, p3]);
    }
  });

  test("answers nothing after its end", () => {
    const run = started();
    run.session(p2).expire();
    const slot = { round: COMMIT, part: "broadcast", from: p1 } as const;
    assert.deepEqual(run.deliver(p2, slot), []);
    assert.deepEqual(run.give(p2, changed(run.message(p2, slot), "body")), [], "not even to equivocation");
    assert.deepEqual(run.session(p2).expire(), []);
    assert.deepEqual(run.session(p2).committed(1), []);
    assert.deepEqual(run.session(p2).missing(), []);
    assert.equal(run.session(p2).round, null);
  });
});

describe("a session's committee", () => {
  const open = (numbers: readonly number[], self: number): unknown => {
    const committee = parties(...numbers);
    const ssid = testSsid({ seed: "committee", committee: parties(1, 2) });
    return new Session({
      protocol: sumProtocol,
      context: { ssid, self: parties(self)[0]!, committee },
      rng: partyRng("committee", p1),
    });
  };

  test("contains the party itself and names nobody twice", () => {
    assert.doesNotThrow(() => open([1, 2], 1));
    assert.throws(() => open([2, 3], 1), /runs only sessions that it belongs to/);
    assert.throws(() => open([1, 2, 2], 1), /names each party once/);
  });
});
