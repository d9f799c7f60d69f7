/**
 * A disk that is full, and one that fails: the node whose disk it is says so in its log and to whoever asks whether it is ready,
 * the others go on, and it comes back with nothing lost once the disk is mended.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { until } from "../../../up/testing/waiting.ts";
import { PATIENCE_MS, type FaultyCluster } from "../cluster.ts";
import { readPapers } from "../papers.ts";
import { fill, makeRoom, makeSmallDisk, whyNoSmallDisk } from "../small-disk.ts";
import { giveOrder, takenOrder } from "../strikes/orders.ts";
import { PRELOAD } from "../strikes/strike-at.ts";
import { faults } from "../trials.ts";

/** The place of the node whose disk it is; four others sign. */
const VICTIM = 4;
const DISK_MIB = 16;
/** Less than any commit of the history adds to its log. */
const FREE_BYTES = 4_096;
/** Writes of which each, where it fails, leaves nobody sure what is on the disk. */
const LASTING = ["journal attempt", "journal promise+vote(yes)", "journal sign+spend(nonce)", "history sync"] as const;
/** A write that fails and leaves everything as it was: the node says so, and the next may succeed. */
const PASSING = ["history transactions insert+audit_log insert"] as const;

const noSmallDisk = whyNoSmallDisk();
if (noSmallDisk !== null) console.log(`a full disk is not tried: ${noSmallDisk}`);

const disks = (nodeDirs: readonly string[]): (() => void) =>
  noSmallDisk === null ? makeSmallDisk(join(nodeDirs[VICTIM]!, "data"), DISK_MIB) : () => {};
const settings = ({ index }: { readonly index: number }): Readonly<Record<string, unknown>> =>
  index === VICTIM ? { data: "data" } : {};

faults("disk", { nodes: 5, wired: false, preloads: [PRELOAD], disks, settings }, ({ trial, figure }) => {
  if (noSmallDisk === null)
    trial("full in the middle of payments: it says so, the others pay, and it comes back", async (cluster) => {
      const before = cluster.log(VICTIM).length;
      const under = await cluster.pay(0);
      fill(cluster.dataDir(VICTIM), FREE_BYTES);
      cluster.setAside(VICTIM);
      await cluster.settled([under, await cluster.pay(1), await cluster.pay(2)]);
      await notReady(cluster);
      assert.match(cluster.log(VICTIM).slice(before), /is full|ENOSPC/, "its log does not say that the disk is full");
      makeRoom(cluster.dataDir(VICTIM));
      await comesBack(cluster);
    });

  for (const step of LASTING)
    trial(`fails at "${step}": it says so, the others pay, and it comes back`, async (cluster) => {
      const before = cluster.log(VICTIM).length;
      await failsAt(cluster, step);
      await notReady(cluster);
      assert.match(
        cluster.log(VICTIM).slice(before),
        /disk I\/O error|EIO/,
        "its log does not say that the disk fails",
      );
      await comesBack(cluster);
    });

  for (const step of PASSING)
    trial(`fails once at "${step}": it says so and goes on`, async (cluster) => {
      const before = cluster.log(VICTIM).length;
      await failsAt(cluster, step);
      assert.match(cluster.log(VICTIM).slice(before), /disk I\/O error/, "its log does not say that the disk fails");
      // The very process whose disk failed: nobody restarts it.
      const { pid } = cluster.process(VICTIM);
      cluster.takeBack(VICTIM);
      await cluster.settled();
      await cluster.settled([await cluster.pay(VICTIM)]);
      await cluster.judge();
      assert.equal(cluster.process(VICTIM).pid, pid);
    });

  trial(
    "what the nodes wrote down: no vote lost, no secret used twice, one final state, audit chains whole",
    async (cluster, t) => {
      await cluster.judge();
      await cluster.rest();
      const read = await readPapers(cluster);
      t.diagnostic(JSON.stringify(read));
      for (const [what, count] of Object.entries(read)) figure(what, count);
    },
  );
});

/** The victim's disk fails at this step of a payment; the others make it, and those that are asked for next. */
async function failsAt(cluster: FaultyCluster, step: string): Promise<void> {
  giveOrder(cluster.folder.root, { step, moment: "before", what: "fail", node: cluster.network.names[VICTIM]! });
  cluster.setAside(VICTIM);
  for (let turn = 0; takenOrder(cluster.folder.root) === null; turn++) {
    // Signers are drawn anew for every payment: the victim is soon one of them.
    assert(turn < 20, `node${VICTIM + 1} did not come to "${step}"`);
    await cluster.settled([await cluster.pay(turn % VICTIM)]);
  }
  await cluster.settled([await cluster.pay(0)]);
}

async function notReady(cluster: FaultyCluster): Promise<void> {
  await until(`node${VICTIM + 1} says that it is not ready`, PATIENCE_MS, async () => {
    const answer = await fetch(`${cluster.running.apiUrl(VICTIM)}/ready`).catch(() => null);
    return answer === null || answer.status === 503 ? true : undefined;
  });
}

/** As an operator does it who mended the disk: stop, start. Every payment is known to it then. */
async function comesBack(cluster: FaultyCluster): Promise<void> {
  await cluster.running.stopNode(VICTIM);
  await cluster.start(VICTIM);
  cluster.takeBack(VICTIM);
  await cluster.linked();
  await cluster.settled();
}
