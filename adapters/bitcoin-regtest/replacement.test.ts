import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import type { Transaction } from "bitcoinjs-lib";
import { openRegtest, type Regtest } from "./index.ts";
import { fund, scriptOf, spend, type SpendPlan, type TestCoin, testKey } from "./testing/spender.ts";

const alice = testKey("alice");
const mine = scriptOf(alice, "wpkh");
const VALUE = 1_000_000;

let chain: Regtest;
beforeEach(async () => {
  chain = await openRegtest({ premine: 110 });
});

const coinOf = (tx: Transaction, vout = 0): TestCoin => ({ txid: tx.getId(), vout, key: alice, kind: "wpkh" });
const freshCoin = (): TestCoin => fund(chain, { key: alice, kind: "wpkh", value: VALUE });

/** Spends coins worth `value` in total to ourselves and leaves `fee`. */
function pay(
  coins: readonly TestCoin[],
  { value = VALUE, fee, ...plan }: { value?: number; fee: number } & Partial<SpendPlan>,
): Transaction {
  return spend(chain, { coins, outputs: [{ script: mine, value: BigInt(value - fee) }], ...plan });
}

function broadcast(tx: Transaction): Transaction {
  chain.broadcast(tx.toHex());
  return tx;
}

const refused = (tx: Transaction, text: RegExp): void => assert.throws(() => chain.broadcast(tx.toHex()), text);
const waiting = (): readonly string[] => chain.mempool.entries().map(({ txid }) => txid);

describe("replacement (BIP125)", () => {
  test("takes a better one and forgets the original with its children", () => {
    const coin = freshCoin();
    const original = broadcast(pay([coin], { fee: 1_000 }));
    broadcast(pay([coinOf(original)], { value: VALUE - 1_000, fee: 1_000 }));
    const better = broadcast(pay([coin], { fee: 5_000 }));
    assert.deepEqual(waiting(), [better.getId()]);
  });
  test("wants a higher fee rate than each original", () => {
    const [coin, another] = [freshCoin(), freshCoin()];
    broadcast(pay([coin], { fee: 1_000 }));
    const larger = spend(chain, {
      coins: [coin, another],
      outputs: [{ script: mine, value: BigInt(2 * VALUE - 1_300) }],
    });
    refused(larger, /insufficient fee, rejecting replacement .* feerate/);
  });
  test("wants the fees of everything it evicts", () => {
    const coin = freshCoin();
    const original = broadcast(pay([coin], { fee: 1_000 }));
    broadcast(pay([coinOf(original)], { value: VALUE - 1_000, fee: 9_000 }));
    refused(pay([coin], { fee: 9_999 }), /less fees than conflicting txs; 9999 < 10000/);
  });
  test("wants the increment for its own size, to the satoshi", () => {
    const coin = freshCoin();
    const size = broadcast(pay([coin], { fee: 1_000 })).virtualSize();
    refused(pay([coin], { fee: 1_000 + size - 1 }), /not enough additional fees to relay/);
    broadcast(pay([coin], { fee: 1_000 + size }));
  });
  test("brings no unconfirmed input of its own", () => {
    const [coin, another] = [freshCoin(), freshCoin()];
    broadcast(pay([coin], { fee: 1_000 }));
    const other = broadcast(pay([another], { fee: 1_000 }));
    const greedy = pay([coin, coinOf(other)], { value: 2 * VALUE - 1_000, fee: 20_000 });
    refused(greedy, /replacement-adds-unconfirmed/);
  });
  test("does not spend what it replaces", () => {
    const coin = freshCoin();
    const original = broadcast(pay([coin], { fee: 1_000 }));
    const selfish = pay([coin, coinOf(original)], { value: 2 * VALUE - 1_000, fee: 20_000 });
    refused(selfish, /bad-txns-spends-conflicting-tx/);
  });
  test("evicts at most 100", () => {
    const coins = Array.from({ length: 5 }, freshCoin);
    for (const coin of coins) {
      const outputs = Array.from({ length: 21 }, () => ({ script: mine, value: 40_000n }));
      const parent = broadcast(spend(chain, { coins: [coin], outputs }));
      outputs.forEach((_, vout) => broadcast(pay([coinOf(parent, vout)], { value: 40_000, fee: 200 })));
    }
    refused(pay(coins, { value: 5 * VALUE, fee: 1_000_000 }), /too many potential replacements/);
  });
  test("asks for the signal where full replacement is off", async () => {
    chain = await openRegtest({ premine: 110, policy: { fullRbf: false } });
    const [final, signalling] = [freshCoin(), freshCoin()];
    broadcast(pay([final], { fee: 1_000, sequence: 0xfffffffe }));
    broadcast(pay([signalling], { fee: 1_000, sequence: 0xfffffffd }));
    refused(pay([final], { fee: 9_000 }), /txn-mempool-conflict/);
    broadcast(pay([signalling], { fee: 9_000 }));
  });
});

describe("chains of waiting transactions", () => {
  test("end at 25", () => {
    let tx = broadcast(pay([freshCoin()], { fee: 200 }));
    let value = VALUE - 200;
    for (let i = 1; i < 25; i++) {
      tx = broadcast(pay([coinOf(tx)], { value, fee: 200 }));
      value -= 200;
    }
    refused(
      pay([coinOf(tx)], { value, fee: 200 }),
      /too-long-mempool-chain, too many unconfirmed ancestors \[limit: 25\]/,
    );
  });
  test("have at most 24 children", () => {
    const outputs = Array.from({ length: 25 }, () => ({ script: mine, value: 39_000n }));
    const parent = broadcast(spend(chain, { coins: [freshCoin()], outputs }));
    const children = outputs.map((_, vout) => pay([coinOf(parent, vout)], { value: 39_000, fee: 200 }));
    children.slice(0, 24).forEach(broadcast);
    refused(children[24]!, /too-long-mempool-chain, too many descendants/);
    // A replacement of one of them does not count the one it replaces.
    broadcast(pay([coinOf(parent, 0)], { value: 39_000, fee: 900 }));
  });
});
