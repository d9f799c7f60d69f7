import { AssertionError, equalBytes } from "@conclave/bytes";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Effect, PartyIndex } from "./index.ts";
import { ByHand, parties, sumConfigs, sumProtocol, type SumConfig, type SumResult } from "./testing/index.ts";

const committee = parties(1, 2, 3);
const [p1, p2, p3] = committee as [PartyIndex, PartyIndex, PartyIndex];
const COMMIT = "sum/1-commit";
const OPEN = "sum/2-open";
const TOTAL = "sum/3-total";

/** Up to the point where every party waits for its commit before `TOTAL`; with what party 1 answered last. */
function beforeTotal(): { run: ByHand<SumConfig, SumResult>; last: Effect<SumResult>[] } {
  const run = new ByHand({ protocol: sumProtocol, configs: sumConfigs(committee), committee, seed: "commit" });
  run.startAll();
  run.deliverAll(COMMIT, "broadcast");
  run.deliverAll(COMMIT, "echo");
  run.deliverAll(OPEN, "broadcast");
  const last = run.deliverAll(OPEN, "direct").get(p1)!;
  return { run, last };
}

describe("a record that must be durable first", () => {
  test("is the only effect until it is confirmed", () => {
    const { run, last } = beforeTotal();
    assert.deepEqual(
      last.map(({ kind }) => kind),
      ["commit"],
    );
    assert.ok(last[0]?.kind === "commit");
    assert.equal(last[0].records.length, 1);
    assert.equal(run.sent.filter(({ message }) => message.round === TOTAL).length, 0);
    const [send] = run.commit(p1);
    assert.ok(send?.kind === "send" && send.message.round === TOTAL);
    assert.deepEqual(send.receivers, [p2, p3]);
  });

  test("lets messages wait that come meanwhile, and loses none", () => {
    const { run } = beforeTotal();
    run.commit(p2);
    run.commit(p3);
    for (const from of [p2, p3]) assert.deepEqual(run.deliver(p1, { round: TOTAL, part: "broadcast", from }), []);
    assert.equal(run.session(p1).ended, false);
    const kinds = run.commit(p1).map(({ kind }) => kind);
    assert.deepEqual(kinds, ["send", "done"]);
  });

  test("still lets the session find equivocation", () => {
    const { run } = beforeTotal();
    const old = run.message(p1, { round: COMMIT, part: "broadcast", from: p2 });
    const [abort] = run.give(p1, { ...old, body: Uint8Array.of(...old.body, 0) });
    assert.ok(abort?.kind === "abort" && abort.fault === "equivocation");
  });

  test("that is never confirmed leaves nothing sent, and the session can expire", () => {
    const { run } = beforeTotal();
    const [abort] = run.session(p1).expire();
    assert.ok(abort?.kind === "abort" && abort.fault === "silence");
    assert.deepEqual(run.commit(p1), [], "a commit confirmed after the end releases nothing");
    assert.equal(run.sent.filter(({ message }) => message.from === p1 && message.round === TOTAL).length, 0);
  });

  test("confirmed under another number is a bug of the host: the session ends", () => {
    for (const confirm of [0, 2]) {
      const { run } = beforeTotal();
      assert.throws(() => run.session(p1).committed(confirm), AssertionError);
      assert.equal(run.session(p1).ended, true);
      assert.deepEqual(run.commit(p1), []);
    }
  });

  test("confirmed twice is a bug of the host", () => {
    const { run } = beforeTotal();
    run.commit(p1);
    assert.throws(() => run.session(p1).committed(1), AssertionError);
    assert.equal(run.session(p1).ended, true);
  });

  test("differs from session to session", () => {
    const { last } = beforeTotal();
    const other = new ByHand({ protocol: sumProtocol, configs: sumConfigs(committee), committee, seed: "another" });
    other.startAll();
    for (const part of ["broadcast", "echo"] as const) other.deliverAll(COMMIT, part);
    other.deliverAll(OPEN, "broadcast");
    const [commit] = other.deliverAll(OPEN, "direct").get(p1)!;
    assert.ok(commit?.kind === "commit" && last[0]?.kind === "commit");
    assert.equal(equalBytes(commit.records[0]!, last[0].records[0]!), false);
  });
});
