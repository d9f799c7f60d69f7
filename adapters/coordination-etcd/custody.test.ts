/**
 * Real custodies whose only way to each other's statements is a lying etcd: no signature without its votes, no ban without
 * evidence, and once etcd is honest, the same outcome as if it had always been.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { Cluster } from "../../core/custody/testing/cluster.ts";
import { message, signedAt } from "../../core/custody/testing/messages.ts";
import { propose, sign, vote } from "../../core/custody/testing/payments.ts";
import { startFakeEtcd } from "./testing/fake-etcd.ts";
import { LIES, seeded } from "./testing/lying-etcd.ts";
import { QUICK, startNode } from "./testing/nodes.ts";
import { eventually } from "./testing/patience.ts";

const SEED = Number(process.env["ETCD_LIES_SEED"] ?? Date.now() % 1_000_000);
const LYING_MS = 400;
const INTERVALS = { ...QUICK, requestMs: 200, beatMs: 60, stallMs: 400, longestRetryMs: 200, relistMs: 500 };
/** What custody publishes through a coordination; the rest goes from node to node. */
const STATEMENTS: ReadonlySet<string> = new Set([
  "proposal",
  "vote",
  "abandon",
  "result",
  "certificate",
  "edge",
  "evidence",
]);

/** Those that change what is said. A lie that only breaks connections is the same to custody as none. */
const TOLD = [
  "statements changed in one bit, under fitting names",
  "other values in the place of statements",
  "events in another order and again",
  "what was written is not there",
  "writes that are confirmed and not done",
  "revisions of the future",
  "a flood of statements that nobody made",
];

describe(`custody behind an etcd that lies, seed ${SEED}`, { concurrency: 4 }, () => {
  for (const lie of TOLD) {
    test(lie, async () => {
      const etcd = await startFakeEtcd();
      const honest = etcd.mouth;
      const cluster = new Cluster({ n: 3, t: 2, ecdsa: true, purpose: "messages", seed: lie }).start();
      const motion = message(cluster);
      const voted = new Set<number>();
      const hear = (party: number, wire: Uint8Array): boolean => {
        const events = cluster.deliver(party, wire);
        if (events.some(({ kind }) => kind === "proposed") && !voted.has(party)) {
          voted.add(party);
          vote(cluster, party, motion);
        }
        cluster.pump();
        return events.every(({ kind }) => kind !== "dropped");
      };
      const nodes = await Promise.all(
        cluster.all.map((party) =>
          startNode(cluster.idOf(party), {
            endpoints: [etcd.url],
            members: cluster.all.map((other) => cluster.idOf(other)),
            intervals: INTERVALS,
            read: (wire) => hear(party, wire),
          }),
        ),
      );
      cluster.route = (frame, { header }) => {
        if (!STATEMENTS.has(header.kind)) return [frame];
        nodes[frame.from - 1]!.coordination.publish({
          to: [cluster.idOf(frame.to)],
          wire: frame.wire,
          topic: "request",
        });
        return [];
      };
      const approvedAt = () =>
        cluster.all.filter((party) => cluster.events(party, "verdict").some(({ verdict }) => verdict === "approved"));
      const told = () => [approvedAt(), ...cluster.all.map((party) => cluster.dropped(party).slice(-3))];
      const assertNobodyWasFooled = (): void => {
        for (const party of cluster.all) {
          assert.deepEqual(cluster.events(party, "violation"), [], "nobody did anything wrong");
          assert.deepEqual(cluster.node(party).custody.status().bans, []);
          const voters = new Set(cluster.events(party, "voted").map(({ voter }) => voter));
          if (approvedAt().includes(party)) assert.ok(voters.size >= 2, "approved by a quorum of true votes");
          for (const voter of voters) assert.ok(voted.has(cluster.partyOf(voter)), "of those who voted");
        }
        assert.ok(signedAt(cluster, motion).length === 0, "nobody asked for a signature yet");
      };
      try {
        etcd.mouth = LIES[lie]!(etcd, seeded(SEED));
        etcd.cutWatches();
        propose(cluster, motion);
        voted.add(1);
        vote(cluster, 1, motion);
        cluster.pump();
        await wait(LYING_MS);
        assertNobodyWasFooled();
        etcd.mouth = honest;
        etcd.cutWatches();
        await eventually("everybody approves", () => approvedAt().length === 3, told);
        assertNobodyWasFooled();
        cluster.route = null;
        sign(cluster, motion);
        assert.deepEqual(signedAt(cluster, motion), cluster.all);
      } finally {
        etcd.mouth = honest;
        for (const { coordination } of nodes) await coordination.close();
        await etcd.close();
      }
    });
  }
});
