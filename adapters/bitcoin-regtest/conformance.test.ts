/** Esplora's documented behaviour, by the names of electrs' own REST tests. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Block, Transaction } from "bitcoinjs-lib";
import { doubleSha256, displayHash, internalHash, scriptHash } from "./hash.ts";
import { GENESIS_HASH, openRegtest, type Regtest, type RegtestServer } from "./index.ts";
import { addressOf, fund, scriptOf, spend, type TestCoin, testKey } from "./testing/spender.ts";

const alice = testKey("alice");
const bob = testKey("bob");

let chain: Regtest;
let server: RegtestServer;
before(async () => {
  chain = await openRegtest();
  server = await chain.listen();
});
after(() => chain.close());

interface Json {
  readonly [key: string]: unknown;
}

async function ask(path: string, body?: string): Promise<{ status: number; text: string }> {
  const response = await fetch(`${server.url}${path}`, body === undefined ? {} : { method: "POST", body });
  return { status: response.status, text: await response.text() };
}

async function text(path: string): Promise<string> {
  const answer = await ask(path);
  assert.equal(answer.status, 200, `${path}: ${answer.text}`);
  return answer.text;
}

const json = async <T = Json>(path: string): Promise<T> => JSON.parse(await text(path)) as T;
const fails = async (path: string, status: number, message: string): Promise<void> =>
  assert.deepEqual(await ask(path), { status, text: message });

const payBob = (coin: TestCoin, value: number): Transaction =>
  spend(chain, { coins: [coin], outputs: [{ script: scriptOf(bob, "wpkh"), value: BigInt(value) }] });

const freshCoin = (value = 100_000): TestCoin => fund(chain, { key: alice, kind: "wpkh", value });

test("tx", async () => {
  const coin = freshCoin();
  const tx = payBob(coin, 90_000);
  chain.broadcast(tx.toHex());
  const found = await json(`/tx/${tx.getId()}`);
  assert.deepEqual(
    { ...found, vin: undefined, vout: undefined },
    {
      txid: tx.getId(),
      version: 2,
      locktime: 0,
      vin: undefined,
      vout: undefined,
      size: tx.byteLength(),
      weight: tx.weight(),
      fee: 10_000,
      status: { confirmed: false },
    },
  );
  const script = Buffer.from(scriptOf(alice, "wpkh")).toString("hex");
  assert.deepEqual(found["vin"], [
    {
      txid: coin.txid,
      vout: coin.vout,
      prevout: {
        scriptpubkey: script,
        scriptpubkey_asm: `OP_0 OP_PUSHBYTES_20 ${script.slice(4)}`,
        scriptpubkey_type: "v0_p2wpkh",
        scriptpubkey_address: addressOf(alice, "wpkh"),
        value: 100_000,
      },
      scriptsig: "",
      scriptsig_asm: "",
      witness: tx.ins[0]!.witness.map((item) => Buffer.from(item).toString("hex")),
      is_coinbase: false,
      sequence: 0xfffffffd,
    },
  ]);
  assert.equal(await text(`/tx/${tx.getId()}/hex`), tx.toHex());
  const raw = await (await fetch(`${server.url}/tx/${tx.getId()}/raw`)).arrayBuffer();
  assert.equal(Buffer.from(raw).toString("hex"), tx.toHex());
  await fails(`/tx/${"00".repeat(32)}`, 404, "Transaction not found");
  await fails("/tx/zz", 400, "Invalid hex string");
  await fails("/tx/abcd", 400, "Invalid hash string");
});

test("tx_status", async () => {
  const [hash] = chain.mine(1);
  const { txid } = chain.chain.tip.entries[0]!;
  const { timestamp } = chain.chain.tip.block;
  const status = { confirmed: true, block_height: chain.height, block_hash: hash, block_time: timestamp };
  assert.deepEqual(await json(`/tx/${txid}/status`), status);
  assert.deepEqual(await json(`/tx/${"00".repeat(32)}/status`), { confirmed: false }, "unknown looks like waiting");
});

test("address and scripthash", async () => {
  const key = testKey("address test");
  const coin = fund(chain, { key, kind: "tr", value: 70_000 });
  const stats = { tx_count: 0, funded_txo_count: 0, funded_txo_sum: 0, spent_txo_count: 0, spent_txo_sum: 0 };
  const funded = { ...stats, tx_count: 1, funded_txo_count: 1, funded_txo_sum: 70_000 };
  const address = addressOf(key, "tr");
  assert.deepEqual(await json(`/address/${address}`), { address, chain_stats: funded, mempool_stats: stats });
  chain.broadcast(payBob(coin, 60_000).toHex());
  const spent = { ...stats, tx_count: 1, spent_txo_count: 1, spent_txo_sum: 70_000 };
  const scripthash = scriptHash(scriptOf(key, "tr"));
  assert.deepEqual(await json(`/scripthash/${scripthash}`), { scripthash, chain_stats: funded, mempool_stats: spent });
  await fails("/address/bcrt1qqqq", 400, "Invalid Bitcoin address");
  await fails("/address/bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", 400, "Address on invalid network");
  await fails("/scripthash/abcd", 400, "Invalid scripthash");
  await fails("/scripthash/xyz", 400, "Invalid hex string");
});

test("address_utxo", async () => {
  const key = testKey("utxo test");
  const coin = fund(chain, { key, kind: "wpkh", value: 80_000 });
  const path = `/address/${addressOf(key, "wpkh")}/utxo`;
  const { hash, height, block } = chain.chain.tip;
  const status = { confirmed: true, block_height: height, block_hash: hash, block_time: block.timestamp };
  assert.deepEqual(await json(path), [{ txid: coin.txid, vout: coin.vout, status, value: 80_000 }]);
  const change = spend(chain, { coins: [coin], outputs: [{ script: scriptOf(key, "wpkh"), value: 79_000n }] });
  chain.broadcast(change.toHex());
  assert.deepEqual(await json(path), [{ txid: change.getId(), vout: 0, status: { confirmed: false }, value: 79_000 }]);
});

test("address_mempool_txs and paging", async () => {
  const key = testKey("history test");
  const txids = Array.from({ length: 60 }, () => fund(chain, { key, kind: "wpkh", value: 10_000 }).txid).reverse();
  const waiting = [1, 2].map(() => fund(chain, { key, kind: "wpkh", value: 10_000, confirm: false }).txid).reverse();
  const base = `/scripthash/${scriptHash(scriptOf(key, "wpkh"))}/txs`;
  const page = async (rest: string): Promise<readonly string[]> =>
    (await json<readonly { txid: string }[]>(`${base}${rest}`)).map(({ txid }) => txid);
  assert.deepEqual(await page(""), [...waiting, ...txids.slice(0, 25)]);
  assert.deepEqual(await page("/mempool"), waiting);
  assert.deepEqual(await page("/chain"), txids.slice(0, 25));
  assert.deepEqual(await page(`/chain/${txids[24]}`), txids.slice(25, 50));
  assert.deepEqual(await page(`/chain/${txids[49]}`), txids.slice(50));
  assert.deepEqual(await page(`/chain/${"ab".repeat(32)}`), [], "a txid that left the history: empty, no error");
  chain.mine(1);
  assert.equal((await page("/mempool")).length, 0);
});

test("blocks", async () => {
  assert.equal(await text("/blocks/tip/height"), String(chain.height));
  assert.equal(await text("/blocks/tip/hash"), chain.tipHash);
  const newest = await json<readonly Json[]>("/blocks");
  assert.deepEqual(
    newest.map(({ height }) => height),
    Array.from({ length: 10 }, (_, i) => chain.height - i),
  );
  assert.deepEqual(
    (await json<readonly Json[]>("/blocks/3")).map(({ height }) => height),
    [3, 2, 1, 0],
  );
  assert.equal(await text("/block-height/0"), GENESIS_HASH);
  await fails(`/block-height/${chain.height + 1}`, 404, "Block not found");
  await fails("/block-height/x", 400, "Invalid number");
});

test("block, block_header, block_status, block_txids", async () => {
  freshCoin();
  const { hash, height, block, entries } = chain.chain.tip;
  const found = await json(`/block/${hash}`);
  assert.equal(found["id"], hash);
  assert.equal(found["previousblockhash"], chain.chain.at(height - 1)!.hash);
  assert.equal(found["mediantime"], chain.chain.medianTime(height));
  assert.equal(found["bits"], 0x207fffff);
  assert.equal((await json(`/block/${GENESIS_HASH}`))["previousblockhash"], null);
  const header = Buffer.from(await text(`/block/${hash}/header`), "hex");
  assert.equal(header.length, 80);
  assert.equal(displayHash(doubleSha256(header)), hash);
  const raw = Buffer.from(await (await fetch(`${server.url}/block/${hash}/raw`)).arrayBuffer());
  assert.equal(Block.fromBuffer(raw).checkTxRoots(), true);
  assert.equal(raw.toString("hex"), block.toHex());
  const txids = entries.map(({ txid }) => txid);
  assert.deepEqual(await json(`/block/${hash}/txids`), txids);
  assert.equal(await text(`/block/${hash}/txid/1`), txids[1]);
  await fails(`/block/${hash}/txid/2`, 404, "tx index out of range");
  assert.deepEqual(await json(`/block/${hash}/status`), { in_best_chain: true, height, next_best: null });
  const unknown = { in_best_chain: false, height: null, next_best: null };
  assert.deepEqual(await json(`/block/${"11".repeat(32)}/status`), unknown);
  await fails(`/block/${"11".repeat(32)}`, 404, "Block not found");
});

test("block_txs", async () => {
  const outputs = Array.from({ length: 30 }, () => ({ script: scriptOf(alice, "wpkh"), value: 2_000n }));
  const parent = spend(chain, { coins: [freshCoin()], outputs });
  chain.broadcast(parent.toHex());
  chain.mine(1);
  outputs.forEach((_, vout) => {
    chain.broadcast(payBob({ txid: parent.getId(), vout, key: alice, kind: "wpkh" }, 1_500).toHex());
  });
  const [hash] = chain.mine(1);
  const page = async (rest: string): Promise<number> =>
    (await json<readonly Json[]>(`/block/${hash}/txs${rest}`)).length;
  assert.equal(await page(""), 25);
  assert.equal(await page("/25"), 6);
  await fails(`/block/${hash}/txs/7`, 400, "start index must be a multipication of 25");
  await fails(`/block/${hash}/txs/50`, 404, "start index out of range");
  const first = (await json<readonly { vin: readonly Json[] }[]>(`/block/${hash}/txs`))[0]!;
  assert.equal(first.vin[0]!["is_coinbase"], true);
  assert.equal(first.vin[0]!["prevout"], null);
});

describe("mempool", () => {
  test("mempool, mempool_recent", async () => {
    chain.mine(1);
    const coins = [freshCoin(), freshCoin()];
    const [cheap, dear] = [payBob(coins[0]!, 99_000), payBob(coins[1]!, 90_000)];
    for (const tx of [cheap, dear]) chain.broadcast(tx.toHex());
    const vsize = cheap.virtualSize();
    assert.deepEqual(await json("/mempool"), {
      count: 2,
      vsize: vsize + dear.virtualSize(),
      total_fee: 11_000,
      fee_histogram: [
        [10_000 / dear.virtualSize(), dear.virtualSize()],
        [1_000 / vsize, vsize],
      ],
    });
    assert.deepEqual(await json("/mempool/txids"), [cheap.getId(), dear.getId()]);
    assert.deepEqual(await json("/mempool/recent"), [
      { txid: dear.getId(), fee: 10_000, vsize: dear.virtualSize(), value: 90_000 },
      { txid: cheap.getId(), fee: 1_000, vsize, value: 99_000 },
    ]);
  });
});

test("broadcast_tx and broadcast_get", async () => {
  const tx = payBob(freshCoin(), 90_000);
  assert.deepEqual(await ask("/tx", tx.toHex()), { status: 200, text: tx.getId() });
  assert.deepEqual(await ask("/tx", tx.toHex()), { status: 200, text: tx.getId() });
  assert.equal(await text(`/broadcast?tx=${tx.toHex()}`), tx.getId());
  chain.mine(1);
  const known = { code: -27, message: "Transaction outputs already in utxo set" };
  const asJson = `sendrawtransaction RPC error: ${JSON.stringify(known)}`;
  assert.deepEqual(await ask("/tx", tx.toHex()), { status: 400, text: asJson });
  const other = await chain.listen({ broadcastErrors: "text" });
  const answer = await fetch(`${other.url}/tx`, { method: "POST", body: tx.toHex() });
  const asText = "sendrawtransaction RPC error -27: Transaction outputs already in utxo set";
  assert.deepEqual([answer.status, await answer.text()], [400, asText]);
});

describe("package_validation and submit_package", () => {
  const withFee = (coin: TestCoin, value: number, fee: number): Transaction =>
    spend(chain, { coins: [coin], outputs: [{ script: scriptOf(alice, "wpkh"), value: BigInt(value - fee) }] });
  const childOf = (tx: Transaction): TestCoin => ({ txid: tx.getId(), vout: 0, key: alice, kind: "wpkh" });
  const submit = (...txs: readonly Transaction[]): Promise<{ status: number; text: string }> =>
    ask("/txs/package", JSON.stringify(txs.map((tx) => tx.toHex())));

  /** A child of a parent that the chain does not know, signed against the parent's output. */
  function childBefore(parent: Transaction, fee: number): Transaction {
    const { value } = parent.outs[0]!;
    chain.mempool.add({ tx: parent, txid: parent.getId(), prevouts: [], fee: 0n, vsize: 1, arrived: 0 });
    const child = withFee(childOf(parent), Number(value), fee);
    chain.mempool.evict(parent.getId());
    return child;
  }

  test("a child pays for a parent without a fee", async () => {
    const parent = withFee(freshCoin(), 100_000, 0);
    const child = childBefore(parent, 2_000);
    assert.equal((await ask("/tx", parent.toHex())).status, 400);
    const { status, text } = await submit(parent, child);
    assert.equal(status, 200, text);
    const answer = JSON.parse(text) as { package_msg: string; "tx-results": Record<string, Json> };
    assert.equal(answer.package_msg, "success");
    assert.equal(answer["tx-results"][displayHash(child.getHash(true))]!["txid"], child.getId());
    assert.deepEqual(
      chain.mempool
        .entries()
        .map(({ txid }) => txid)
        .slice(-2),
      [parent.getId(), child.getId()],
    );
  });
  test("a child that pays too little takes nothing in", async () => {
    const parent = withFee(freshCoin(), 100_000, 0);
    const before = chain.mempool.size;
    const { text } = await submit(parent, childBefore(parent, 150));
    assert.match(text, /min relay fee not met/);
    assert.equal(chain.mempool.size, before);
  });
  test("transactions that are no package are refused", async () => {
    const strangers = [withFee(freshCoin(), 100_000, 500), withFee(freshCoin(), 100_000, 500)];
    assert.match((await submit(...strangers)).text, /package topology disallowed/);
    assert.deepEqual(await ask("/txs/package", "[]"), { status: 400, text: "Exceeded maximum of 25 transactions" });
    assert.equal((await ask("/txs/package", "{")).text, "Invalid JSON");
    assert.match((await ask("/txs/package", "[1]")).text, /Invalid transaction package/);
  });
});

test("tx_outspends", async () => {
  const coin = freshCoin();
  const spender = payBob(coin, 90_000);
  assert.deepEqual(await json(`/tx/${coin.txid}/outspend/${coin.vout}`), { spent: false });
  chain.broadcast(spender.toHex());
  const waiting = { spent: true, txid: spender.getId(), vin: 0, status: { confirmed: false } };
  assert.deepEqual(await json(`/tx/${coin.txid}/outspend/${coin.vout}`), waiting);
  const all = await json<readonly Json[]>(`/tx/${coin.txid}/outspends`);
  assert.deepEqual(all[coin.vout], waiting);
  chain.mine(1);
  const { status } = await json<{ status: Json }>(`/tx/${coin.txid}/outspend/${coin.vout}`);
  assert.equal(status["block_hash"], chain.tipHash);
});

test("merkle_proof and merkleblock_proof, for every transaction of a block", async () => {
  const coins = Array.from({ length: 6 }, () => freshCoin());
  for (const coin of coins) chain.broadcast(payBob(coin, 90_000).toHex());
  chain.mine(1);
  const { entries, block, height } = chain.chain.tip;
  assert.equal(entries.length, 7);
  for (const [position, { txid }] of entries.entries()) {
    const proof = await json<{ block_height: number; merkle: readonly string[]; pos: number }>(
      `/tx/${txid}/merkle-proof`,
    );
    assert.deepEqual([proof.block_height, proof.pos], [height, position]);
    let node = internalHash(txid);
    proof.merkle.forEach((sibling, depth) => {
      const pair = [node, internalHash(sibling)];
      node = doubleSha256(Buffer.concat(((position >> depth) & 1) === 0 ? pair : pair.reverse()));
    });
    assert.equal(displayHash(node), displayHash(block.merkleRoot!));
    const merkleBlock = Buffer.from(await text(`/tx/${txid}/merkleblock-proof`), "hex");
    assert.equal(displayHash(doubleSha256(merkleBlock.subarray(0, 80))), chain.tipHash);
    assert.deepEqual(readPartialTree(merkleBlock.subarray(80)), {
      root: displayHash(block.merkleRoot!),
      matches: [txid],
    });
  }
  const waiting = fund(chain, { key: alice, kind: "wpkh", value: 5_000, confirm: false });
  await fails(`/tx/${waiting.txid}/merkle-proof`, 404, "Transaction not found or is unconfirmed");
});

/** Reads a BIP37 partial tree the way a receiver does: from the root, following the flag bits. */
function readPartialTree(bytes: Buffer): { root: string; matches: readonly string[] } {
  const count = bytes.readUInt32LE(0);
  const hashCount = bytes[4]!;
  const hashes = Array.from({ length: hashCount }, (_, i) => bytes.subarray(5 + 32 * i, 37 + 32 * i));
  const flags = bytes.subarray(6 + 32 * hashCount);
  const matches: string[] = [];
  let bit = 0;
  const width = (depth: number): number => Math.ceil(count / 2 ** depth);
  const visit = (depth: number): Uint8Array => {
    const onPath = ((flags[bit >> 3]! >> (bit++ & 7)) & 1) === 1;
    if (depth === 0 || !onPath) {
      const hash = hashes.shift()!;
      if (onPath) matches.push(displayHash(hash));
      return hash;
    }
    return visitPair(depth);
  };
  const indexes: number[] = [0];
  const visitPair = (depth: number): Uint8Array => {
    const index = indexes.at(-1)!;
    indexes.push(2 * index);
    const left = visit(depth - 1);
    indexes[indexes.length - 1] = 2 * index + 1;
    const right = 2 * index + 1 < width(depth - 1) ? visit(depth - 1) : left;
    indexes.pop();
    return doubleSha256(Buffer.concat([left, right]));
  };
  let depth = 0;
  while (width(depth) > 1) depth += 1;
  const root = displayHash(visit(depth));
  assert.equal(hashes.length, 0, "every hash is used");
  return { root, matches };
}

test("fee_estimates", async () => {
  const estimates = await json<Record<string, number>>("/fee-estimates");
  assert.deepEqual(
    Object.keys(estimates),
    [...Array.from({ length: 25 }, (_, i) => i + 1), 144, 504, 1008].map(String),
  );
  assert.ok(Object.values(estimates).every((rate, i, all) => rate >= 1 && (i === 0 || rate <= all[i - 1]!)));
});

test("unknown paths", async () => {
  await fails("/x/y", 404, 'endpoint does not exist "/x/y"');
  await fails("/regtest", 404, 'endpoint does not exist "/regtest"');
});
