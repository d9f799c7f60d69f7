import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import { Block, Transaction } from "bitcoinjs-lib";
import { checkBlock, heightScript, meetsTarget, merkleRoot, witnessCommitment } from "./block-rules.ts";
import { internalHash } from "./hash.ts";
import { BlockInvalid, GENESIS_HASH, openRegtest, type Regtest } from "./index.ts";
import { mineBlock } from "./mining.ts";
import { genesisBlock, subsidy } from "./params.ts";
import { OP_TRUE } from "./scripts.ts";
import { fund, scriptOf, spend, testKey } from "./testing/spender.ts";

const alice = testKey("alice");

describe("the first block", () => {
  test("is Bitcoin Core's (chainparams.cpp, CRegTestParams)", () => {
    assert.equal(GENESIS_HASH, "0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206");
    assert.equal(genesisBlock().getId(), GENESIS_HASH);
    assert.equal(genesisBlock().checkTxRoots(), true);
    assert.equal(meetsTarget(genesisBlock()), true);
    const coinbase = genesisBlock().transactions![0]!.getId();
    assert.equal(coinbase, "4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b");
  });
});

test("a new chain of 120 blocks takes less than 0.4 s", async () => {
  const started = performance.now();
  const chain = await openRegtest();
  const elapsed = performance.now() - started;
  assert.equal(chain.height, 120);
  assert.ok(elapsed < 400, `${elapsed} ms`);
});

test("the subsidy halves every 150 blocks and ends", () => {
  assert.deepEqual([1, 149, 150, 299, 300].map(subsidy), [
    5_000_000_000n,
    5_000_000_000n,
    2_500_000_000n,
    2_500_000_000n,
    1_250_000_000n,
  ]);
  assert.equal(subsidy(150 * 33), 0n);
  assert.equal(subsidy(150 * 64), 0n);
});

test("heights are pushed as BIP34 says", () => {
  const hex = (height: number): string => Buffer.from(heightScript(height)).toString("hex");
  assert.deepEqual([1, 16, 17, 127, 128, 255, 256, 32_768].map(hex), [
    "51",
    "60",
    "0111",
    "017f",
    "028000",
    "02ff00",
    "020001",
    "03008000",
  ]);
});

describe("connect refuses", () => {
  let chain: Regtest;
  let good: Block;
  beforeEach(async () => {
    chain = await openRegtest({ premine: 110 });
    const coin = fund(chain, { key: alice, kind: "wpkh", value: 100_000 });
    const tx = spend(chain, { coins: [coin], outputs: [{ script: scriptOf(alice, "tr"), value: 99_000n }] });
    good = mineBlock({
      previous: chain.tipHash,
      height: chain.height + 1,
      time: chain.chain.medianTime() + 600,
      payTo: OP_TRUE,
      extraNonce: 99,
      transactions: [tx],
      fees: 1_000n,
    });
  });

  /** Puts roots and proof of work right again, so that only the change itself can be the reason. */
  function remine(block: Block): Block {
    const transactions = block.transactions!;
    const coinbase = transactions[0]!;
    coinbase.outs.pop();
    const commitment = witnessCommitment(transactions);
    coinbase.addOutput(Buffer.concat([Buffer.from("6a24aa21a9ed", "hex"), commitment]), 0n);
    block.witnessCommit = commitment;
    block.merkleRoot = merkleRoot(transactions);
    return work(block);
  }
  function work(block: Block): Block {
    while (!meetsTarget(block)) block.nonce += 1;
    return block;
  }
  const refused = (block: Block, reason: RegExp): void => {
    const { height } = chain;
    assert.throws(
      () => chain.chain.connect(block),
      (error) => error instanceof BlockInvalid && reason.test(error.message),
    );
    assert.equal(chain.height, height);
  };
  const coinbaseOf = (block: Block): Transaction => block.transactions![0]!;
  const spendOf = (block: Block): Transaction => block.transactions![1]!;

  test("nothing about a good one", () => assert.equal(chain.chain.connect(good).height, chain.height));
  test("another parent", () => {
    good.prevHash = internalHash(GENESIS_HASH);
    refused(work(good), /prev-blk-not-found/);
  });
  test("another difficulty", () => {
    good.bits = 0x207ffffe;
    refused(work(good), /bad-diffbits/);
  });
  test("missing work", () => {
    while (meetsTarget(good)) good.nonce += 1;
    refused(good, /high-hash/);
  });
  test("a time not above the median", () => {
    good.timestamp = chain.chain.medianTime();
    refused(work(good), /time-too-old/);
  });
  test("no transactions", () => {
    good.transactions = [];
    refused(good, /bad-blk-length/);
  });
  test("no coinbase", () => {
    good.transactions!.shift();
    refused(good, /bad-cb-missing/);
  });
  test("two coinbases", () => {
    good.transactions!.push(coinbaseOf(good).clone());
    refused(remine(good), /bad-cb-multiple/);
  });
  test("another height in the coinbase", () => {
    coinbaseOf(good).ins[0]!.script = Buffer.concat([heightScript(7), Buffer.alloc(5)]);
    refused(remine(good), /bad-cb-height/);
  });
  test("a witness changed by one bit", () => {
    spendOf(good).ins[0]!.witness[0]![10]! ^= 1;
    refused(good, /bad-witness-merkle-match/);
  });
  test("a transaction changed under the root", () => {
    spendOf(good).outs[0]!.value -= 1n;
    refused(good, /bad-txnmrklroot/);
  });
  test("a satoshi too much for the miner", () => {
    coinbaseOf(good).outs[0]!.value += 1n;
    refused(remine(good), /bad-cb-amount/);
  });
  test("an input spent twice", () => {
    const twice = spendOf(good).clone();
    twice.locktime = 1;
    good.transactions!.push(twice);
    refused(remine(good), /bad-txns-inputs-missingorspent/);
  });
  test("more out than in", () => {
    spendOf(good).outs[0]!.value = 100_001n;
    refused(remine(good), /bad-txns-in-belowout/);
  });
  test("a transaction before its lock time", () => {
    spendOf(good).locktime = chain.height + 1;
    refused(remine(good), /bad-txns-nonfinal$/);
  });
  test("a transaction before its relative lock", () => {
    spendOf(good).ins[0]!.sequence = 5;
    refused(remine(good), /bad-txns-nonfinal, BIP68/);
  });
  test("more than 4,000,000 weight units", () => {
    const data = Buffer.alloc(9_000, 0x6a);
    coinbaseOf(good).outs.unshift(...Array.from({ length: 112 }, () => ({ script: data, value: 0n })));
    const { tip } = chain.chain;
    assert.throws(
      () => checkBlock(remine(good), { height: chain.height + 1, previous: tip.hash, medianTime: 0 }),
      /bad-blk-weight/,
    );
  });
});

test("a full mempool is mined block by block, parents first", async () => {
  const chain = await openRegtest({ premine: 130 });
  const script = Buffer.alloc(83, 0x6a);
  const outputs = [
    { script: scriptOf(alice, "wpkh"), value: 2_000_000n },
    ...Array.from({ length: 1_000 }, () => ({ script, value: 0n })),
  ];
  const coins = Array.from({ length: 12 }, () => fund(chain, { key: alice, kind: "wpkh", value: 5_000_000 }));
  for (const coin of coins) chain.broadcast(spend(chain, { coins: [coin], outputs }).toHex());
  const total = chain.mempool.entries().reduce((sum, { tx }) => sum + tx.weight(), 0);
  assert.ok(total > 4_000_000, `${total}`);
  chain.mine(1);
  assert.ok(chain.mempool.size > 0);
  assert.ok(chain.chain.tip.block.weight() <= 4_000_000);
  chain.mine(1);
  assert.equal(chain.mempool.size, 0);
});
