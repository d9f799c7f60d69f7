/** Nodes that are away: one costs nothing, two stop the payments until one is back, and who comes back learns everything. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { DEMO_RECIPIENT } from "./recipient.ts";
import { openCluster, type Cluster } from "./testing/cluster.ts";
import { until } from "./testing/waiting.ts";

/** The two seconds for which a coordinator waits for silent nodes, and as much again for votes and rounds. */
const TO_BROADCAST_MS = 4_000;

let cluster: Cluster;
let stopMining = (): void => {};

before(async () => {
  cluster = await openCluster();
  cluster.fund(10_000_000n, 10_000_000n, 10_000_000n);
  stopMining = cluster.startMining();
});
after(async () => {
  stopMining();
  await cluster.stop();
});

const PAYMENT = { recipient: DEMO_RECIPIENT, amount_sats: 25_000 };

async function pay(node: number, key: string): Promise<string> {
  const { status, body } = await cluster.api(node).pay(PAYMENT, key);
  assert.equal(status, 201, JSON.stringify(body));
  return body.txid;
}

const onItsWay = async (node: number, txid: string): Promise<true | undefined> =>
  ["broadcasting", "confirmed"].includes((await cluster.api(node).payment(txid)).state) || undefined;

/** Milliseconds from the request to its payment's arrival in the network. */
async function timeToBroadcast(node: number, key: string): Promise<readonly [txid: string, tookMs: number]> {
  const startMs = performance.now();
  const txid = await pay(node, key);
  const look = () => onItsWay(node, txid);
  await until("broadcast", 30_000, look, () => cluster.said.slice(-20));
  return [txid, performance.now() - startMs];
}

/** A node that came back votes only once enough others confirmed its journal: nobody is taken from it before. */
const isWell = (node: number): Promise<unknown> =>
  until(`node${node + 1} is well`, 20_000, async () =>
    (await cluster.api(node).status()).status === "ok" ? true : undefined,
  );

test("whichever node is down, the other four pay as quickly as ever", async (t) => {
  const [first, withAllMs] = await timeToBroadcast(0, "with-all");
  await cluster.agreed(first, ["confirmed"], 20_000);
  for (const down of [0, 2, 4]) {
    await cluster.running.stopNode(down);
    const node = (down + 1) % 5;
    const [txid, tookMs] = await timeToBroadcast(node, `without-${down}`);
    t.diagnostic(`with all ${Math.round(withAllMs)} ms, without node${down + 1} ${Math.round(tookMs)} ms`);
    // On a machine that has other things to do, what a payment with all nodes takes is the measure.
    assert(tookMs < Math.max(TO_BROADCAST_MS, 2 * withAllMs), `${tookMs} ms, with all ${withAllMs} ms`);
    const { status, reasons } = await cluster.api(node).status();
    assert.equal(status, "degraded");
    const last = "4 of 5 nodes can vote and sign, as many as are needed: one more loss halts signing";
    assert.deepEqual(reasons, [`node${down + 1} is offline`, last]);
    await cluster.running.startNode(down);
    await cluster.agreed(txid, ["confirmed"], 20_000);
    await isWell(down);
  }
});

test("with two nodes down a payment waits, every node says why, and it is made when one is back", async () => {
  await cluster.running.stopNode(3);
  await cluster.running.stopNode(1);
  const txid = await pay(0, "two-down");
  for (const node of [0, 2, 4]) {
    const { status, reasons, online } = await until("halted", 5_000, async () => {
      const answer = await cluster.api(node).status();
      return answer.status === "halted" ? answer : undefined;
    });
    assert.deepEqual([status, online], ["halted", 3]);
    assert.deepEqual(reasons, [
      "3 of 5 nodes can vote and sign, 4 are needed: payments wait until more are back",
      "node2 is offline",
      "node4 is offline",
    ]);
  }
  assert.equal((await cluster.api(4).payment(txid)).state, "voting");
  await cluster.running.startNode(1);
  await until(
    "broadcast",
    10_000,
    () => onItsWay(0, txid),
    () => cluster.said.slice(-20),
  );
  await cluster.agreed(txid, ["confirmed"], 10_000);
  await cluster.running.startNode(3);
  await cluster.agreed(txid, ["confirmed"], 10_000);
  const { votes, signers, bitcoin_txid } = await cluster.api(3).payment(txid);
  assert.deepEqual(signers, [1, 2, 3, 5], "the node that was away knows who signed");
  assert.deepEqual([votes.approve, bitcoin_txid], [4, (await cluster.api(0).payment(txid)).bitcoin_txid]);
});

test("a node that was away for several payments has the same history as the others when it is back", async () => {
  await cluster.running.stopNode(2);
  const missed: string[] = [];
  for (const key of ["missed-1", "missed-2", "missed-3"]) {
    const txid = await pay(0, key);
    await cluster.agreed(txid, ["confirmed"], 10_000);
    missed.push(txid);
  }
  // What they would have sent it again is forgotten with the processes: it has to be found in their stores.
  for (const other of [0, 1, 3, 4]) {
    await cluster.running.stopNode(other);
    await cluster.running.startNode(other);
  }
  await cluster.running.startNode(2);
  for (const txid of missed) await cluster.agreed(txid, ["confirmed"], 10_000);
  const known = async (node: number): Promise<readonly string[]> =>
    (await cluster.api(node).payments()).map(({ txid, state }) => `${txid} ${state}`).toSorted();
  assert.deepEqual(await known(2), await known(0));
});
