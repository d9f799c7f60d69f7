import assert from "node:assert/strict";
import { request } from "node:http";
import { after, before, beforeEach, describe, test } from "node:test";
import { openRegtest, type Regtest, type RegtestServer } from "./index.ts";
import { scriptHash } from "./hash.ts";
import { addressOf, fund, scriptOf, testKey } from "./testing/spender.ts";

const alice = testKey("alice");
const path = `/scripthash/${scriptHash(scriptOf(alice, "wpkh"))}`;

let chain: Regtest;
let server: RegtestServer;
before(async () => {
  chain = await openRegtest();
  server = await chain.listen({ admin: true });
  for (let i = 0; i < 30; i++) fund(chain, { key: alice, kind: "wpkh", value: 10_000 });
});
beforeEach(() => chain.faults.clear());
after(() => chain.close());

const ask = async (path: string, init?: RequestInit): Promise<{ status: number; text: string }> => {
  const response = await fetch(`${server.url}${path}`, init);
  return { status: response.status, text: await response.text() };
};
const json = async <T>(path: string): Promise<T> => JSON.parse((await ask(path)).text) as T;

describe("the server", () => {
  test("listens on 127.0.0.1 only", () => assert.match(server.url, /^http:\/\/127\.0\.0\.1:\d+$/));
  test("refuses a body beyond its limit", async () => {
    const { status } = await ask("/tx", { method: "POST", body: "0".repeat(1_000_001) });
    assert.equal(status, 413);
  });
  test("takes the largest standard transaction's size", async () => {
    const { status, text } = await ask("/tx", { method: "POST", body: "0".repeat(800_000) });
    assert.equal(status, 400);
    assert.match(text, /"code":-22/);
  });
  test("has only the methods and paths it lists", async () => {
    assert.equal((await ask("/blocks/tip/hash", { method: "DELETE" })).status, 404);
    assert.equal((await ask("/blocks/tip/hash", { method: "POST" })).status, 404);
  });
  test("stops with close, open connections included", async () => {
    const other = await chain.listen();
    await fetch(`${other.url}/blocks/tip/hash`);
    await other.close();
    await other.close();
    await assert.rejects(fetch(`${other.url}/blocks/tip/hash`));
  });
});

describe("faults", () => {
  test("latency", async () => {
    chain.faults.set({ latencyMs: 60 });
    const started = performance.now();
    await ask("/blocks/tip/hash");
    assert.ok(performance.now() - started >= 55);
  });
  for (const status of [429, 503, 504] as const) {
    test(`${status}, as often as asked`, async () => {
      chain.faults.set({ fail: { status, times: 2 } });
      const statuses = [await ask("/blocks"), await ask("/blocks"), await ask("/blocks")].map(({ status }) => status);
      assert.deepEqual(statuses, [status, status, 200]);
    });
  }
  test("bodies cut in the middle", async () => {
    chain.faults.set({ cutBodies: true });
    await assert.rejects(ask(path));
  });
  test("short pages", async () => {
    chain.faults.set({ shortPages: 10 });
    const page = await json<readonly { txid: string }[]>(`${path}/txs`);
    assert.equal(page.length, 10);
    assert.deepEqual(await json(`${path}/txs/chain/${page[9]!.txid}`), []);
  });
  test("no fee estimates", async () => {
    chain.faults.set({ emptyFeeEstimates: true });
    assert.deepEqual(await json("/fee-estimates"), {});
  });
  test("lying amounts, true raw transactions", async () => {
    chain.faults.set({ amountLie: 5 });
    const [utxo] = await json<readonly { value: number }[]>(`${path}/utxo`);
    assert.equal(utxo!.value, 10_005);
  });
  test("a withheld block: older tip, its transactions wait, its coinbase is unknown", async () => {
    const { txid } = fund(chain, { key: alice, kind: "wpkh", value: 10_000 });
    const coinbase = chain.chain.tip.entries[0]!.txid;
    chain.faults.set({ withheldBlocks: 1 });
    assert.equal((await ask("/blocks/tip/height")).text, String(chain.height - 1));
    assert.deepEqual(await json(`/tx/${txid}/status`), { confirmed: false });
    assert.equal((await ask(`/tx/${coinbase}`)).status, 404);
    assert.equal((await ask(`/block/${chain.tipHash}`)).status, 404);
    const { mempool_stats } = await json<{ mempool_stats: { tx_count: number } }>(path);
    assert.equal(mempool_stats.tx_count, 1);
    chain.faults.clear();
    assert.equal((await json<{ confirmed: boolean }>(`/tx/${txid}/status`)).confirmed, true);
  });
  const freshTransaction = (): string => {
    const { txid } = fund(chain, { key: alice, kind: "wpkh", value: 1_000, confirm: false });
    const raw = chain.rawTransaction(txid)!;
    chain.dropFromMempool(txid);
    return raw;
  };
  test("a broadcast accepted and forgotten", async () => {
    chain.faults.set({ broadcasts: "forget" });
    const { status, text } = await ask("/tx", { method: "POST", body: freshTransaction() });
    assert.equal(status, 200);
    assert.equal(chain.rawTransaction(text), null);
  });
  test("a broadcast refused and taken all the same", async () => {
    chain.faults.set({ broadcasts: "answer-error" });
    const before = chain.mempool.size;
    assert.equal((await ask("/tx", { method: "POST", body: freshTransaction() })).status, 400);
    assert.equal(chain.mempool.size, before + 1);
  });
});

describe("administration", () => {
  const post = (
    path: string,
    body: unknown,
    headers: Record<string, string> = {},
  ): Promise<{ status: number; text: string }> =>
    ask(`/regtest${path}`, {
      method: "POST",
      body: JSON.stringify(body),
      headers: { "content-type": "application/json", ...headers },
    });
  const address = addressOf(alice, "tr");

  test("faucet, confirmed or waiting", async () => {
    const { text } = await post("/faucet", { address, sats: 5_000 });
    assert.ok(chain.chain.transaction((JSON.parse(text) as { txid: string }).txid));
    const waiting = await post("/faucet", { address, sats: 5_000, confirm: false });
    assert.ok(chain.mempool.get((JSON.parse(waiting.text) as { txid: string }).txid));
  });
  test("mine and reorg", async () => {
    const { height } = chain;
    assert.equal((JSON.parse((await post("/mine", { blocks: 3 })).text) as { hashes: unknown[] }).hashes.length, 3);
    await post("/reorg", { depth: 2 });
    assert.deepEqual(await json("/regtest"), { network: "regtest", height: height + 4, tip: chain.tipHash });
  });
  for (const [what, path, body] of [
    [
      "an address of another network",
      "/faucet",
      { address: "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", sats: 5_000 },
    ],
    ["no address", "/faucet", { sats: 5_000 }],
    ["dust", "/faucet", { address, sats: 100 }],
    ["half a satoshi", "/faucet", { address, sats: 0.5 }],
    ["more than the faucet has", "/faucet", { address, sats: 1_000_000_000_000 }],
    ["a confirm that is no boolean", "/faucet", { address, sats: 5_000, confirm: "yes" }],
    ["too many blocks", "/mine", { blocks: 1_001 }],
    ["a reorg of nothing", "/reorg", { depth: 0 }],
    ["no object", "/mine", 3],
  ] as const) {
    test(`refuses ${what}`, async () => {
      const before = chain.tipHash;
      assert.equal((await post(path, body)).status, 400);
      assert.equal(chain.tipHash, before);
    });
  }
  test("refuses what a form on a web page could send", async () => {
    assert.equal((await post("/mine", {}, { "content-type": "text/plain" })).status, 415);
  });
  test("refuses a rebound host name", async () => {
    const { port } = new URL(server.url);
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const options = { port, path: "/regtest", headers: { host: "evil.example" } };
      request(options, (response) => resolve(response.resume().statusCode))
        .on("error", reject)
        .end();
    });
    assert.equal(status, 403);
  });
  test("is not there unless asked for", async () => {
    const plain = await chain.listen();
    const response = await fetch(`${plain.url}/regtest/mine`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: "{}",
    });
    assert.equal(response.status, 404);
  });
});
