/**
 * Nodes that vote twice, one after the other, and kill -9 of a judge exactly before and exactly after it made a ban durable: every
 * honest node comes to hold every ban, once, and bans nobody else.
 */
import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { until } from "../../../up/testing/waiting.ts";
import { PATIENCE_MS, type FaultyCluster } from "../cluster.ts";
import { readJournal } from "../papers.ts";
import { giveOrder, MOMENTS, stepsOf, withdrawOrder } from "../strikes/orders.ts";
import { PRELOAD, raised } from "../strikes/strike-at.ts";
import { faults } from "../trials.ts";

const STEP = "journal ban";
/** A node answers some questions a second of one address. */
const PAUSE_MS = 400;

faults("ban", { nodes: 5, wired: false, preloads: [PRELOAD] }, ({ trial, figure }) => {
  let vote = "";

  trial("a payment, whose votes everybody knows", async (cluster) => {
    const stop = cluster.notices.listen((_, notice) => {
      if (notice.kind === "voted") vote = Buffer.from(notice.vote).toString("hex");
    });
    await cluster.settled([await cluster.pay(0)]);
    stop();
    assert.notEqual(vote, "");
  });

  trial("node5 votes twice: a ban is one durable step, and four nodes pay on", async (cluster) => {
    const steps = await stepsOf(cluster.folder.root, cluster.network.names, () => lies(cluster, 4, vote));
    assert.deepEqual(
      steps.filter((step) => step.startsWith("journal ") && step !== "journal checkpoint"),
      [STEP],
    );
    await cluster.settled([await cluster.pay(0)]);
  });

  // After these two too few nodes are left to pay.
  for (const [place, moment] of MOMENTS.entries())
    trial(`node${4 - place} votes twice; a judge is killed ${moment} the ban, and comes back`, async (cluster, t) => {
      giveOrder(cluster.folder.root, { step: STEP, moment, node: null, what: "kill" });
      const judged = lies(cluster, 3 - place, vote);
      judged.catch(() => {});
      try {
        const { node } = await raised(cluster);
        t.diagnostic(`node${node + 1} was killed and is back`);
      } finally {
        withdrawOrder(cluster.folder.root);
      }
      await judged;
    });

  trial("every honest journal holds every ban, once", async (cluster) => {
    const honest = cluster.awake.map((index) => ({ index, name: cluster.network.names[index]! }));
    await cluster.rest();
    for (const place of honest) {
      const bans = readJournal(cluster, place).records.filter(({ kind }) => kind === "ban").length;
      assert.equal(bans, cluster.liars.size, `${place.name} holds ${bans} bans`);
    }
    figure("bans", honest.length * cluster.liars.size);
  });
});

/** Somebody with this node's keys votes twice on what this vote is about, until every honest node has banned it. */
async function lies(cluster: FaultyCluster, liar: number, vote: string): Promise<void> {
  cluster.liars.add(liar);
  await cluster.kill(liar);
  const config = join(cluster.folder.nodeDir(cluster.network.names[liar]!), "config.json");
  const child = fork(join(import.meta.dirname, "..", "double-voter.ts"), [config, vote], { execArgv: [] });
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  try {
    const honest = cluster.network.names.flatMap((_, index) => (cluster.liars.has(index) ? [] : [index]));
    for (const index of honest)
      await until(`node${index + 1} bans node${liar + 1}`, PATIENCE_MS, async () => {
        const nodes = await cluster
          .api(index)
          .nodes()
          .catch(() => []);
        if (nodes[liar]?.status === "banned") return true;
        assert.equal(child.exitCode, null, "the liar ended by itself");
        await delay(PAUSE_MS);
        return undefined;
      });
  } finally {
    child.kill("SIGKILL");
    await ended;
  }
}
