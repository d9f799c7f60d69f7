/** One node's journal is put back from a copy while the others went on. */
import assert from "node:assert/strict";
import { copyFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { DEMO_RECIPIENT } from "./recipient.ts";
import { openCluster, type Cluster } from "./testing/cluster.ts";
import { until } from "./testing/waiting.ts";

const RESTORED = 2;

let cluster: Cluster;
let stopMining = (): void => {};

before(async () => {
  cluster = await openCluster();
  cluster.fund(10_000_000n, 10_000_000n);
  stopMining = cluster.startMining();
});
after(async () => {
  stopMining();
  await cluster.stop();
});

async function pay(key: string): Promise<void> {
  const { status, body } = await cluster.api(0).pay({ recipient: DEMO_RECIPIENT, amount_sats: 25_000 }, key);
  assert.equal(status, 201, JSON.stringify(body));
  await until(`${key} is confirmed`, 20_000, async () =>
    (await cluster.api(0).payment(body.txid)).state === "confirmed" ? true : undefined,
  );
}

/** Why the restored node says that it neither votes nor signs; undefined while it does. */
async function whySealed(): Promise<string | undefined> {
  const { reasons } = await cluster.api(RESTORED).status();
  return reasons.find((reason) => reason.startsWith("this node does not vote or sign: "));
}

test("a node with an old journal neither votes nor signs and says what to do, also after more starts; the others go on", async () => {
  const journal = join(cluster.folder.nodeDir(cluster.network.names[RESTORED]!), "journal", "safety.sqlite");
  const copy = join(cluster.folder.root, "journal-of-yesterday");
  await cluster.running.stopNode(RESTORED);
  copyFileSync(journal, copy);
  await cluster.running.startNode(RESTORED);
  await pay("before");

  await cluster.running.stopNode(RESTORED);
  rmSync(journal);
  rmSync(`${journal}-wal`, { force: true });
  copyFileSync(copy, journal);
  // Every start adds to the journal: it must not outgrow the promises that it lost.
  for (let starts = 0; starts < 2; starts++) {
    await cluster.running.startNode(RESTORED);
    const sealed = await until("the node noticed", 5_000, whySealed);
    assert.match(sealed, /rolled back/);
    assert.match(sealed, /Put the latest journal back, or remove this node from the roster/);
    if (starts < 1) await cluster.running.stopNode(RESTORED);
  }
  await pay("after");
  const transactions = await cluster.api(0).payments();
  const { votes, signers } = transactions[0]!;
  assert(!votes.cast.some(({ node_id }) => node_id === RESTORED + 1), "it did not vote");
  assert(!signers.includes(RESTORED + 1), "it did not sign");
});
