import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Abort, PartyIndex } from "./index.ts";
import {
  cheat,
  parties,
  ROUGH,
  sumConfigs,
  sumProtocol,
  type Cheated,
  type Rewrite,
  type SumResult,
} from "./testing/index.ts";
import { echoCodec, type Echo } from "./view.ts";

const committee = parties(1, 2, 3, 4);
const [p1, p2, p3, p4] = committee as [PartyIndex, PartyIndex, PartyIndex, PartyIndex];
const COMMIT = "sum/1-commit";
const cheater = p2;

const cheating = (rewrite: Omit<Rewrite, "round">): Cheated<SumResult> =>
  cheat({
    protocol: sumProtocol,
    configs: sumConfigs(committee),
    committee,
    seed: "echo",
    cheater,
    rewrite: { round: COMMIT, ...rewrite },
  });

const abortOf = (run: Cheated<SumResult>, party = p1): Abort => {
  const outcome = run.honest.get(party);
  assert.ok(outcome?.kind === "abort", `party ${party}: ${outcome?.kind}`);
  return outcome;
};

const lastByte = (bytes: Uint8Array): Uint8Array => bytes.map((byte, i) => (i === bytes.length - 1 ? byte ^ 1 : byte));
const rewrittenEcho = (change: (echo: Echo) => Echo): Omit<Rewrite, "round"> => ({
  part: "echo",
  body: (body) => echoCodec.encode(change(echoCodec.decode(body))),
});

describe("the echo of a broadcast", () => {
  test("finds two versions: nobody gets past the round, nobody is blamed, the sender is suspected", () => {
    const run = cheating({ part: "broadcast", to: p3, body: lastByte });
    for (const party of run.honest.keys()) {
      const abort = abortOf(run, party);
      assert.equal(abort.fault, "mismatch");
      assert.deepEqual(abort.culprits, []);
      assert.deepEqual(abort.suspects, [cheater]);
      assert.deepEqual(abort.evidence, [{ round: COMMIT, part: "broadcast", from: cheater }]);
      assert.equal(abort.round, COMMIT);
    }
    const secrets = run.simulation.trace.filter(
      (event) => event.kind === "send" && event.message.round !== COMMIT && event.message.from !== cheater,
    );
    assert.deepEqual(secrets, [], "nothing of the next round left an honest party");
  });

  test("leaves a party that already holds a contradicting one: every honest party learns of it, in any order", () => {
    for (let i = 0; i < 50; i++) {
      const seed = `echo-${i}`;
      const { honest } = cheat({
        protocol: sumProtocol,
        configs: sumConfigs(committee),
        committee,
        seed,
        schedule: ROUGH,
        cheater,
        rewrite: { round: COMMIT, part: "broadcast", to: p3, body: lastByte },
      });
      for (const outcome of honest.values()) assert.ok(outcome.kind === "abort" && outcome.fault === "mismatch", seed);
    }
  });

  test("lets a sender change its broadcast for everyone: that is judged later", () => {
    const run = cheating({ part: "broadcast", body: lastByte });
    assert.equal(abortOf(run).fault, "public");
    assert.equal(abortOf(run).round, "sum/2-open");
  });

  test("claimed falsely blames neither the accuser nor the accused", () => {
    const run = cheating(
      rewrittenEcho((echo) => echo.map(({ party, hash }) => ({ party, hash: party === p4 ? lastByte(hash) : hash }))),
    );
    for (const party of run.honest.keys()) {
      assert.equal(abortOf(run, party).fault, "mismatch");
      assert.deepEqual(abortOf(run, party).culprits, []);
      assert.deepEqual(abortOf(run, party).suspects, [p4]);
    }
  });

  test("names every sender whose broadcast was seen differently", () => {
    const run = cheating(rewrittenEcho((echo) => echo.map(({ party, hash }) => ({ party, hash: lastByte(hash) }))));
    assert.deepEqual(abortOf(run).suspects, committee);
  });

  test("with a sender missing, doubled or invented is a mismatch", () => {
    const doubled = rewrittenEcho(([first, , ...rest]) => [first!, first!, ...rest]);
    assert.deepEqual(abortOf(cheating(doubled)).suspects, [p2]);
    const short = rewrittenEcho((echo) => echo.slice(0, -1));
    assert.deepEqual(abortOf(cheating(short)).suspects, [p4]);
    const [p5] = parties(5);
    const long = rewrittenEcho((echo) => [...echo, { party: p5!, hash: new Uint8Array(32) }]);
    assert.deepEqual(abortOf(cheating(long)).fault, "mismatch");
    assert.deepEqual(abortOf(cheating(long)).suspects, []);
    for (const run of [cheating(doubled), cheating(short), cheating(long)]) assert.deepEqual(abortOf(run).culprits, []);
  });

  test("that does not decode convicts who sent it", () => {
    const abort = abortOf(cheating({ part: "echo", body: (body) => body.slice(0, -1) }));
    assert.equal(abort.fault, "public");
    assert.deepEqual(abort.culprits, [cheater]);
    assert.deepEqual(abort.evidence, [{ round: COMMIT, part: "echo", from: cheater }]);
  });

  test("from another view blames nobody, even if malformed", () => {
    const abort = abortOf(cheating({ part: "echo", to: p1, view: lastByte, body: () => new Uint8Array(0) }));
    assert.equal(abort.fault, "mismatch");
    assert.deepEqual(abort.culprits, []);
  });

  test("withheld ends in silence, with the silent party named", () => {
    const run = cheating({ part: "echo", withhold: true });
    assert.equal(abortOf(run).fault, "silence");
    assert.deepEqual(abortOf(run).suspects, [cheater]);
    assert.deepEqual(abortOf(run).culprits, []);
  });
});
