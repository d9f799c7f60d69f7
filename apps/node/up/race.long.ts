/** Two payments for one coin, asked of two nodes at the same time. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { DEMO_RECIPIENT } from "./recipient.ts";
import { openCluster, type Cluster } from "./testing/cluster.ts";

const COIN = 1_000_000n;
const ROUNDS = 2;
const DECIDED = ["confirmed", "rejected"];

let cluster: Cluster;
let stopMining = (): void => {};

before(async () => {
  cluster = await openCluster();
  stopMining = cluster.startMining();
});
after(async () => {
  stopMining();
  await cluster.stop();
});

interface Taken {
  readonly node: number;
  readonly txid: string;
}

/** Asks two nodes at once; each payment takes more than half of a coin. What was taken, by which node. */
async function race(round: number): Promise<readonly Taken[]> {
  const nodes = [round % 5, (round + 1) % 5];
  const wish = { recipient: DEMO_RECIPIENT, amount_sats: 600_000 };
  const answers = await Promise.all(nodes.map((node) => cluster.api(node).pay(wish, `race-${round}-${node}`)));
  return answers.flatMap(({ status, body }, i) => {
    // A node that heard of the other payment first says at once that the coin is taken.
    if (status === 422) assert.equal(body.type, "urn:conclave:problem:insufficient-funds");
    else assert.equal(status, 201, JSON.stringify(body));
    return status === 201 ? [{ node: nodes[i]!, txid: body.txid }] : [];
  });
}

/** Transactions on the chain that pay the recipient, each with the outpoints it spends. */
function paid(): readonly (readonly string[])[] {
  const { chain } = cluster.running;
  const spends: string[][] = [];
  for (const block of chain.chain.blocks)
    for (const { tx } of block.entries)
      if (tx.outs.some(({ value }) => value === 600_000n))
        spends.push(tx.ins.map(({ hash, index }) => `${Buffer.from(hash).toString("hex")}:${index}`));
  return spends;
}

test("with one coin, at most one of two payments spends it, the other is rejected with the reason, and the coin is free again", async () => {
  for (let round = 0; round < ROUNDS; round++) {
    cluster.fund(COIN);
    const before = paid().length;
    const requests = await race(round);
    const states = await Promise.all(requests.map(({ txid }) => cluster.agreed(txid, DECIDED, 15_000)));
    const confirmed = states.filter((state) => state === "confirmed").length;
    assert(confirmed <= 1, `round ${round}: ${states.join()}`);
    assert.equal(paid().length - before, confirmed, "one transaction for each confirmed payment");
    for (const [i, { node, txid }] of requests.entries()) {
      if (states[i] !== "rejected") continue;
      const { reason } = await cluster.api(node).payment(txid);
      assert.match(reason ?? "", /coin|took/, "a person can tell why");
    }
    // Whoever lost, everything that is left can be paid away: nothing stays held by the dead.
    const { spendable_sats } = await cluster.api(4).balance();
    const rest = { recipient: DEMO_RECIPIENT, amount_sats: spendable_sats - 5_000 };
    const { body, status } = await cluster.api(4).pay(rest, `after-${round}`);
    assert.equal(status, 201, JSON.stringify(body));
    assert.equal(await cluster.agreed(body.txid, DECIDED, 15_000), "confirmed");
  }
  const coins = paid().flat();
  assert.equal(new Set(coins).size, coins.length, "no coin is spent twice");
});

test("with a second coin, the loser takes it and both are confirmed", async () => {
  for (let round = 0; round < 2; round++) {
    cluster.fund(COIN, COIN);
    const requests = await race(100 + round);
    assert.equal(requests.length, 2);
    for (const { txid } of requests) assert.equal(await cluster.agreed(txid, DECIDED, 15_000), "confirmed");
  }
});
