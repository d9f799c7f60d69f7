import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import type { Transaction } from "bitcoinjs-lib";
import { openRegtest, type Regtest } from "./index.ts";
import { scriptHash } from "./hash.ts";
import { fund, scriptOf, spend, type TestCoin, testKey } from "./testing/spender.ts";

const alice = testKey("alice");
const bob = testKey("bob");

let chain: Regtest;
beforeEach(async () => {
  chain = await openRegtest({ premine: 110 });
});

const payBob = (coin: TestCoin, value: number): Transaction =>
  spend(chain, { coins: [coin], outputs: [{ script: scriptOf(bob, "wpkh"), value: BigInt(value) }] });

/** Everything the indexes say about one script, for comparing before and after. */
function view(script: Uint8Array): object {
  const hash = scriptHash(script);
  const layer = ({ scripts }: Regtest["chain"] | Regtest["mempool"]): object => ({
    history: scripts.history(hash),
    unspent: [...scripts.unspent(hash)].map(({ txid, vout, value }) => `${txid}:${vout}=${value}`).sort(),
    stats: { ...scripts.stats(hash) },
  });
  return { confirmed: layer(chain.chain), waiting: layer(chain.mempool) };
}

describe("reorg", () => {
  test("a confirmed transaction waits again and confirms at another height", () => {
    const tx = payBob(fund(chain, { key: alice, kind: "wpkh", value: 100_000 }), 90_000);
    chain.broadcast(tx.toHex());
    chain.mine(1);
    const { height, tipHash } = chain;
    chain.reorg(1);
    assert.equal(chain.height, height + 1);
    assert.equal(chain.chain.byHash(tipHash), undefined);
    assert.ok(chain.mempool.get(tx.getId()));
    chain.mine(1);
    assert.equal(chain.chain.transaction(tx.getId())!.block.height, height + 2);
  });
  test("undoes parent and child of one block together", () => {
    const coin = fund(chain, { key: alice, kind: "wpkh", value: 100_000 });
    const parent = spend(chain, { coins: [coin], outputs: [{ script: scriptOf(alice, "tr"), value: 99_000n }] });
    chain.broadcast(parent.toHex());
    const child = payBob({ txid: parent.getId(), vout: 0, key: alice, kind: "tr" }, 98_000);
    chain.broadcast(child.toHex());
    const before = view(scriptOf(alice, "tr"));
    chain.mine(1);
    chain.reorg(1);
    assert.deepEqual(view(scriptOf(alice, "tr")), before);
    assert.deepEqual(
      chain.mempool.entries().map(({ txid }) => txid),
      [parent.getId(), child.getId()],
    );
  });
  test("leaves the chain shorter on request", () => {
    chain.mine(3);
    const { height } = chain;
    chain.reorg(3, { replacement: 0 });
    assert.equal(chain.height, height - 3);
  });
  test("goes back to the first block, and every index is empty then", () => {
    fund(chain, { key: alice, kind: "wpkh", value: 100_000 });
    chain.reorg(chain.height, { replacement: 0 });
    assert.equal(chain.height, 0);
    assert.equal(chain.mempool.size, 0, "what spends a coinbase that never was is gone");
    const empty = { transactions: 0, funded: 0, fundedSats: 0n, spent: 0, spentSats: 0n };
    const layer = { history: [], unspent: [], stats: empty };
    for (const script of [scriptOf(alice, "wpkh"), Uint8Array.of(0x51)]) {
      assert.deepEqual(view(script), { confirmed: layer, waiting: layer });
    }
    chain.mine(101);
  });
  test("a conflicting transaction in the new branch ends the old one and its children (W09)", () => {
    const coin = fund(chain, { key: alice, kind: "wpkh", value: 100_000 });
    const paid = spend(chain, { coins: [coin], outputs: [{ script: scriptOf(alice, "tr"), value: 99_000n }] });
    chain.broadcast(paid.toHex());
    chain.mine(1);
    const child = payBob({ txid: paid.getId(), vout: 0, key: alice, kind: "tr" }, 98_000);
    chain.broadcast(child.toHex());
    const rival = payBob(coin, 50_000);
    chain.reorg(1, { transactions: [rival.toHex()] });
    assert.ok(chain.chain.transaction(rival.getId()));
    for (const tx of [paid, child]) assert.equal(chain.rawTransaction(tx.getId()), null);
  });
  test("drops a spend of a coinbase that is young again", () => {
    const txid = chain.faucet("bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080", 1_000, { confirm: false });
    chain.reorg(20, { replacement: 0 });
    assert.equal(chain.mempool.get(txid), undefined);
  });
  test("100 blocks deep, with transactions all along", () => {
    const coins = Array.from({ length: 10 }, () => fund(chain, { key: alice, kind: "wpkh", value: 100_000 }));
    chain.mine(90);
    chain.reorg(100);
    assert.ok(coins.every(({ txid }) => chain.mempool.get(txid) !== undefined));
    chain.mine(1);
    assert.ok(coins.every(({ txid }) => chain.chain.transaction(txid)?.block.height === chain.height));
    assert.equal(chain.height, 110 + 10 + 90 + 1 + 1);
  });
  test("refuses more blocks than there are", () => {
    assert.throws(() => chain.reorg(111), /reorg of 111 blocks on a chain of 110/);
  });
});

describe("mempool", () => {
  test("dropFromMempool takes the children along", () => {
    const coin = fund(chain, { key: alice, kind: "wpkh", value: 100_000 });
    const parent = spend(chain, { coins: [coin], outputs: [{ script: scriptOf(alice, "wpkh"), value: 99_000n }] });
    chain.broadcast(parent.toHex());
    const child = payBob({ txid: parent.getId(), vout: 0, key: alice, kind: "wpkh" }, 98_000);
    chain.broadcast(child.toHex());
    assert.deepEqual(chain.dropFromMempool(parent.getId()), [child.getId(), parent.getId()]);
    assert.equal(chain.mempool.size, 0);
    assert.equal(chain.broadcast(parent.toHex()), parent.getId());
  });
  test("mine can leave everything out, or take exactly one transaction and its parents", () => {
    const coins = [1, 2].map(() => fund(chain, { key: alice, kind: "wpkh", value: 100_000 }));
    const [first, second] = coins.map((coin) => payBob(coin, 90_000));
    for (const tx of [first!, second!]) chain.broadcast(tx.toHex());
    chain.mine(1, { transactions: "none" });
    assert.equal(chain.mempool.size, 2);
    chain.mine(1, { transactions: [second!.toHex()] });
    assert.deepEqual(
      chain.mempool.entries().map(({ txid }) => txid),
      [first!.getId()],
    );
  });
  test("the faucet says when it is empty", () => {
    assert.throws(
      () => chain.faucet("bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080", 10n ** 12n),
      /mine some blocks first/,
    );
    assert.equal(chain.mempool.size, 0);
  });
  test("the faucet pays 20 times between two blocks", () => {
    for (let i = 0; i < 20; i++) fund(chain, { key: alice, kind: "wpkh", value: 100_000, confirm: false });
    assert.equal(chain.mempool.size, 20);
  });
});

test("auto-mining runs until close", async () => {
  const auto = await openRegtest({ premine: 0, autoMineMs: 5 });
  while (auto.height < 3) await new Promise((resolve) => setTimeout(resolve, 5));
  await auto.close();
  const { height } = auto;
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(auto.height, height);
});
