/** Who hears of what a node is convicted of: those who were away, and the convicted node's own operator. */
import { evidenceCodec, signedVoteCodec, doubleVoteEvidence } from "@conclave/consensus";
import { compareBytes } from "@conclave/bytes";
import assert from "node:assert/strict";
import { test } from "node:test";
import { LIAR, proposed, voteBy } from "./testing/suspects.ts";

const DAY_MS = 24 * 3_600_000;
const AWAY = 4;

test("a node that was away for three strikes hears of all three once it is back", () => {
  const { cluster, paid } = proposed();
  cluster.route = (frame) => (frame.to === AWAY || frame.from === AWAY ? [] : [frame]);
  for (const [round, waitMs] of [0, 2 * DAY_MS, 10 * DAY_MS].entries()) {
    cluster.nowMs += waitMs;
    for (const value of [false, true]) cluster.deliver(1, voteBy(cluster, LIAR, paid, { value, round: round + 1 }));
    cluster.pump();
  }
  const strikes = (party: number) =>
    cluster
      .node(party)
      .custody.status()
      .bans.map(({ strike, untilMs }) => ({ strike, untilMs }));
  assert.deepEqual(strikes(1), [{ strike: 3, untilMs: null }]);
  assert.deepEqual(strikes(AWAY), []);
  cluster.route = (frame) => [frame];
  cluster.restart(AWAY);
  cluster.pump();
  assert.deepEqual(strikes(AWAY), [{ strike: 3, untilMs: null }]);
});

test("a node that is convicted itself tells its host, and nobody else again", () => {
  const { cluster, paid } = proposed();
  const [first, second] = [false, true]
    .map((value) => signedVoteCodec.decode(cluster.reader.open(voteBy(cluster, LIAR, paid, { value })).body))
    .toSorted((a, b) => compareBytes(signedVoteCodec.encode(a), signedVoteCodec.encode(b)));
  const evidence = evidenceCodec.encode(doubleVoteEvidence({ first: first!, second: second! }));
  const events = cluster.deliver(LIAR, cluster.forge(1, { kind: "evidence" }, evidence));
  assert.deepEqual(
    events.flatMap((event) => (event.kind === "violation" ? [event.node] : [])),
    [cluster.idOf(LIAR)],
  );
  assert.ok(!events.some(({ kind }) => kind === "send"));
});
