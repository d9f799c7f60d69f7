/** Payments of a local network whose chain drops, forgets, hides and reorganises them: every node follows each to its end. */
import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { DEMO_RECIPIENT } from "./recipient.ts";
import { openCluster, type Cluster } from "./testing/cluster.ts";
import { until } from "./testing/waiting.ts";

const PATIENCE_MS = 40_000;

let cluster: Cluster;
let number = 0;

before(async () => {
  cluster = await openCluster();
  cluster.fund(...Array.from({ length: 6 }, () => 1_000_000n));
});
beforeEach(() => cluster.running.chain.faults.clear());
after(() => cluster.stop());

/** A payment that waits in the mempool: its request and the network's id. */
async function waiting(): Promise<{ txid: string; bitcoinTxid: string }> {
  const request = { recipient: DEMO_RECIPIENT, amount_sats: 25_000 };
  const { status, body } = await cluster.api(0).pay(request, `chain-${number++}`);
  assert.equal(status, 201, JSON.stringify(body));
  await cluster.agreed(body.txid, ["broadcasting"], PATIENCE_MS);
  const { bitcoin_txid: bitcoinTxid } = await cluster.api(0).payment(body.txid);
  assert.ok(bitcoinTxid !== null);
  return { txid: body.txid, bitcoinTxid };
}

function mine(): void {
  cluster.running.mine();
}

test("evicted from the mempool: nodes broadcast it again, and it is mined", async () => {
  const { txid, bitcoinTxid } = await waiting();
  const { chain } = cluster.running;
  assert.ok(chain.dropFromMempool(bitcoinTxid).includes(bitcoinTxid));
  await until("it is back", PATIENCE_MS, () => chain.mempool.get(bitcoinTxid));
  mine();
  await cluster.agreed(txid, ["confirmed"], PATIENCE_MS);
});

test("taken out of its block and mined again: confirmed, waiting, confirmed on every node", async () => {
  const { txid } = await waiting();
  mine();
  await cluster.agreed(txid, ["confirmed"], PATIENCE_MS);
  cluster.running.chain.reorg(1);
  await cluster.agreed(txid, ["broadcasting"], PATIENCE_MS);
  mine();
  await cluster.agreed(txid, ["confirmed"], PATIENCE_MS);
});

test("a server that withholds blocks delays the news and changes nothing", async () => {
  const { txid } = await waiting();
  cluster.running.chain.faults.set({ withheldBlocks: 2 });
  mine();
  const { state } = await cluster.api(0).payment(txid);
  assert.equal(state, "broadcasting");
  cluster.running.chain.faults.clear();
  await cluster.agreed(txid, ["confirmed"], PATIENCE_MS);
});

test("a server that forgets what it took: the status says so, and the payment is made once it does not", async () => {
  const { chain } = cluster.running;
  const { status, body } = await (async () => {
    chain.faults.set({ broadcasts: "forget" });
    return cluster.api(1).pay({ recipient: DEMO_RECIPIENT, amount_sats: 30_000 }, `chain-${number++}`);
  })();
  assert.equal(status, 201, JSON.stringify(body));
  await until("the status speaks of it", PATIENCE_MS, async () => {
    const { status: health, reasons } = await cluster.api(0).status();
    return health === "degraded" && reasons.some((reason) => reason.includes("the chain does not show it"))
      ? true
      : undefined;
  });
  chain.faults.clear();
  await until("it is there", PATIENCE_MS, () => (chain.mempool.size > 0 ? true : undefined));
  mine();
  await cluster.agreed(body.txid, ["confirmed"], PATIENCE_MS);
  await until("all is well again", PATIENCE_MS, async () =>
    (await cluster.api(0).status()).status === "ok" ? true : undefined,
  );
});

test("killed with everybody while payments are under way: the coins they hold are chosen by nobody else afterwards", async () => {
  const first = await waiting();
  const before = cluster.running.chain.mempool.get(first.bitcoinTxid)!.tx;
  await cluster.restart({ allowDigests: false });
  const second = await waiting();
  const after = cluster.running.chain.mempool.get(second.bitcoinTxid)!.tx;
  const coins = (tx: typeof before): readonly string[] =>
    tx.ins.map(({ hash, index }) => `${Buffer.from(hash).toString("hex")}:${index}`);
  assert.ok(!coins(after).some((coin) => coins(before).includes(coin)));
  mine();
  for (const { txid } of [first, second]) await cluster.agreed(txid, ["confirmed"], PATIENCE_MS);
});
