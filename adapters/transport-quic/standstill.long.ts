/** Programs that compute are alive: their links stay while they hear and say nothing for longer than a dead peer is waited for. */
import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { Heartbeat, MISSED_PINGS } from "./heartbeat.ts";
import { makeCluster, peersOf, withNodes, type TestNode } from "./testing/cluster.ts";
import { eventually } from "./testing/patience.ts";

const cluster = await makeCluster(2);
after(() => cluster.dispose());
const [first, second] = cluster.nodes as [TestNode, TestNode];

/** This process, and so both nodes, does nothing for so long. */
const standStill = (ms: number): unknown => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);

for (const mode of ["quic", "tls"] as const) {
  it(
    `a link over ${mode} outlasts programs that stand still at both ends for four seconds`,
    withNodes(async (start) => {
      const notices: boolean[] = [];
      let frames = 0;
      const handler = { frame: () => frames++, link: (_: unknown, up: boolean) => notices.push(up) };
      const listener = await start(second, mode, peersOf(second, [first]), { handler });
      const dialler = await start(
        first,
        mode,
        peersOf(first, [second], () => listener.address()),
        { handler },
      );
      await eventually("the link is up", () => notices.length === 2);
      standStill(4_000);
      await wait(1_000);
      dialler.transport.send(second.id, Uint8Array.of(1));
      await eventually("a frame arrives", () => frames === 1);
      assert.deepEqual(notices, [true, true]);
    }),
  );
}

describe("the heartbeat", () => {
  /** A clock whose every timer fires when the test says so. */
  function beats() {
    const pending: (() => void)[] = [];
    const clock = {
      nowMs: () => 0,
      schedule: (_: number, fire: () => void) => {
        pending.push(fire);
        return { cancel: () => void pending.splice(0) };
      },
    };
    return { clock, beat: () => pending.splice(0).forEach((fire) => fire()), pending };
  }

  it("finds a peer dead after so many unanswered pings in a row, and not one before", () => {
    const { clock, beat } = beats();
    let packetsIn = 5;
    let dead = 0;
    new Heartbeat(clock).follow({ ping: () => {}, getMetrics: () => ({ packetsIn }) }, () => dead++);
    for (let n = 0; n < MISSED_PINGS; n++) beat();
    packetsIn++;
    for (let n = 0; n < MISSED_PINGS; n++) beat();
    assert.equal(dead, 0);
    beat();
    assert.equal(dead, 1);
    beat();
    assert.equal(dead, 1);
  });

  it("takes a session that tells no numbers for silent, and stops when nobody is left to follow", () => {
    const { clock, beat, pending } = beats();
    let dead = 0;
    const heartbeat = new Heartbeat(clock);
    heartbeat.follow({ ping: () => {}, getMetrics: () => null }, () => dead++);
    const rest = heartbeat.follow({ ping: () => {}, getMetrics: () => null }, () => assert.fail("it was at rest"));
    rest();
    for (let n = 0; n <= MISSED_PINGS; n++) beat();
    assert.equal(dead, 1);
    assert.equal(pending.length, 0);
  });
});
