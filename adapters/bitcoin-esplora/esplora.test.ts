/** Every method against a real chain behind a real server, with everything that server can do wrong. */
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import { GENESIS_HASH, openRegtest, type Regtest, type RegtestServer } from "@conclave/bitcoin-regtest";
import { fromHex, toHex } from "@conclave/bytes";
import {
  type BitcoinChain,
  ChainLied,
  ChainRefused,
  type ChainTransaction,
  ChainUnreachable,
  type EsploraOptions,
  openEsplora,
} from "./index.ts";
import { QuickClock } from "./testing/quick-clock.ts";

const TIMEOUT_MS = 2_000;
/** The P2WPKH address and script of BIP173's example key. */
const ADDRESS = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";
const SCRIPT = fromHex("0014751e76e8199196d454941c45d1b3a323f1433bd6");
const UNKNOWN = "ab".repeat(32);

let chain: Regtest;
let server: RegtestServer;
let clock: QuickClock;
let esplora: BitcoinChain;

before(async () => {
  chain = await openRegtest({ premine: 150 });
  server = await chain.listen();
});
beforeEach(() => {
  chain.faults.clear();
  clock = new QuickClock({ deadlineMs: TIMEOUT_MS });
  esplora = connect();
});
after(() => chain.close());

const connect = (options: Partial<EsploraOptions> = {}): BitcoinChain =>
  openEsplora({
    baseUrl: server.url,
    genesisHash: GENESIS_HASH,
    allowPrivateHosts: true,
    clock,
    random: () => 0.5,
    timeoutMs: TIMEOUT_MS,
    ...options,
  });

const waitingPayment = (sats = 20_000): string => chain.faucet(ADDRESS, sats, { confirm: false });
const rawOf = (txid: string): Uint8Array => fromHex(chain.rawTransaction(txid)!);
const txids = (transactions: readonly ChainTransaction[]): readonly string[] => transactions.map(({ txid }) => txid);

/** A transaction that the chain does not know any more. */
function forgotten(): { txid: string; raw: Uint8Array } {
  const txid = waitingPayment();
  const raw = rawOf(txid);
  chain.dropFromMempool(txid);
  return { txid, raw };
}

test("tip", async () => {
  const tip = await esplora.tip();
  assert.deepEqual(tip, { height: chain.height, hash: chain.tipHash, time: chain.chain.tip.block.timestamp });
});

describe("the first block is compared before the first question", () => {
  test("a server of another network is refused by every method", async () => {
    const other = connect({ genesisHash: "00".repeat(32) });
    await assert.rejects(
      other.verifyNetwork(),
      (error) => error instanceof ChainLied && /another network/.test(error.message),
    );
    await assert.rejects(other.tip(), ChainLied);
    await assert.rejects(other.broadcast(forgotten().raw), ChainLied);
  });
  test("once", async () => {
    const before = server.requests.length;
    await Promise.all([esplora.tip(), esplora.feeEstimates(), esplora.verifyNetwork()]);
    await esplora.tip();
    const asked = server.requests.slice(before).filter((request) => request.includes("/block-height/0"));
    assert.equal(asked.length, 1);
  });
  test("again after a failure", async () => {
    chain.faults.set({ fail: { status: 503, times: 4 } });
    await assert.rejects(esplora.verifyNetwork(), ChainUnreachable);
    await esplora.verifyNetwork();
  });
});

describe("transactions", () => {
  test("transaction, from unknown over waiting to confirmed, and back in a reorg", async () => {
    const { txid, raw } = forgotten();
    assert.equal(await esplora.transaction(txid), null);
    assert.equal(await esplora.status(txid), null);
    assert.equal(await esplora.rawTransaction(txid), null);
    chain.broadcast(toHex(raw));
    assert.deepEqual(await esplora.status(txid), { kind: "waiting" });
    chain.mine(1);
    const { hash: blockHash, height, block } = chain.chain.tip;
    const confirmed = { kind: "confirmed", height, blockHash, blockTime: block.timestamp };
    assert.deepEqual(await esplora.status(txid), confirmed);
    const found = await esplora.transaction(txid);
    assert.deepEqual(found!.position, confirmed);
    assert.deepEqual(found!.outputs[0], { scriptPubKey: SCRIPT, value: 20_000n });
    assert.equal(
      found!.inputs[0]!.claimedPrevout!.value,
      found!.outputs.reduce((sum, { value }) => sum + value, 186n),
    );
    assert.deepEqual(await esplora.rawTransaction(txid), raw);
    chain.reorg(1);
    assert.deepEqual(await esplora.status(txid), { kind: "waiting" });
  });
  test("a coinbase has no prevout", async () => {
    chain.mine(1);
    const found = await esplora.transaction(chain.chain.tip.entries[0]!.txid);
    assert.equal(found!.inputs[0]!.claimedPrevout, null);
  });
  test("outspend", async () => {
    chain.mine(1);
    const txid = waitingPayment();
    const { inputs } = (await esplora.transaction(txid))!;
    assert.deepEqual(await esplora.outspend(inputs[0]!.outpoint), { txid, vin: 0, position: { kind: "waiting" } });
    assert.equal(await esplora.outspend({ txid, vout: 0 }), null);
  });
  test("a name that is no hash never becomes a path", async () => {
    for (const bad of ["../mempool", "AB".repeat(32), "", `${UNKNOWN}/hex`]) {
      await assert.rejects(esplora.transaction(bad), RangeError);
    }
  });
});

describe("utxos", () => {
  test("values and scripts come from the transactions themselves", async () => {
    const txid = chain.faucet(ADDRESS, 31_000);
    const waiting = waitingPayment(32_000);
    const found = await esplora.utxos(SCRIPT);
    const mine = found.filter(({ outpoint }) => outpoint.txid === txid || outpoint.txid === waiting);
    assert.deepEqual(
      mine.map(({ value, position, scriptPubKey }) => ({ value, kind: position.kind, scriptPubKey })),
      [
        { value: 31_000n, kind: "confirmed", scriptPubKey: SCRIPT },
        { value: 32_000n, kind: "waiting", scriptPubKey: SCRIPT },
      ],
    );
  });
  test("a lying amount is caught (W04)", async () => {
    chain.faults.set({ amountLie: 1 });
    await assert.rejects(esplora.utxos(SCRIPT), (error) => {
      assert.ok(error instanceof ChainLied);
      assert.match(error.message, /said to be worth \d+ sats, is worth/);
      return true;
    });
    await assert.rejects(esplora.history(SCRIPT), /its parts hash to/);
  });
  test("none", async () => assert.deepEqual(await esplora.utxos(Uint8Array.of(0x6a, 1, 2)), []));
});

describe("history", () => {
  before(() => {
    for (let i = 0; i < 55; i++) chain.faucet(ADDRESS, 1_000 + i);
  });
  const count = (): number => chain.chain.scripts.stats(scriptHashOf()).transactions;
  const scriptHashOf = (): string =>
    server.requests.findLast((request) => /\/scripthash\/[0-9a-f]{64}/.test(request))!.slice(16, 80);

  test("all pages, newest first, each transaction once", async () => {
    const waiting = waitingPayment();
    const found = txids(await esplora.history(SCRIPT));
    assert.equal(found[0], waiting);
    assert.equal(new Set(found).size, found.length);
    assert.equal(found.length, count() + 1);
    chain.dropFromMempool(waiting);
  });
  test("is read again when the tip moves meanwhile", async () => {
    const reading = esplora.history(SCRIPT);
    const answered = server.requests.length;
    while (!server.requests.slice(answered).some((request) => request.includes("/txs"))) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    const txid = chain.faucet(ADDRESS, 9_000);
    assert.equal(txids(await reading)[0], txid);
  });
  test("stays whole over a reorg between two pages", async () => {
    const reading = esplora.history(SCRIPT);
    const answered = server.requests.length;
    while (!server.requests.slice(answered).some((request) => request.includes("/txs/chain/"))) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    chain.reorg(40);
    const found = await reading;
    assert.equal(found.filter(({ position }) => position.kind === "confirmed").length, count());
    chain.mine(1);
  });
  test("pages cut short by the server are noticed", async () => {
    chain.faults.set({ shortPages: 10 });
    await assert.rejects(esplora.history(SCRIPT), (error) => {
      assert.ok(error instanceof ChainLied);
      assert.match(error.message, /history is incomplete: 10 of \d+ confirmed transactions came/);
      return true;
    });
  });
  test("a withheld block gives an older but whole history", async () => {
    const txid = chain.faucet(ADDRESS, 7_000);
    chain.faults.set({ withheldBlocks: 1 });
    const found = await esplora.history(SCRIPT);
    assert.deepEqual(found.find((tx) => tx.txid === txid)!.position, { kind: "waiting" });
    assert.equal((await esplora.tip()).height, chain.height - 1);
  });
});

describe("headers and proofs", () => {
  test("header by height, by hash, and beyond the tip", async () => {
    const { hash, block } = chain.chain.at(7)!;
    const header = await esplora.header(7);
    assert.equal(header!.hash, hash);
    assert.equal(toHex(header!.raw), Buffer.from(block.toBuffer(true)).toString("hex"));
    assert.deepEqual(await esplora.header(hash), header);
    assert.equal(await esplora.header(chain.height + 1), null);
    assert.equal(await esplora.header(UNKNOWN), null);
  });
  test("headers are linked and end at the tip", async () => {
    const found = await esplora.headers(chain.height - 24, 100);
    const expected = chain.chain.blocks.slice(-25).map(({ hash }) => hash);
    assert.deepEqual(
      found.map(({ hash }) => hash),
      expected,
    );
    assert.deepEqual((await esplora.headers(0, 3)).map(({ hash }) => hash)[0], GENESIS_HASH);
    assert.deepEqual(await esplora.headers(chain.height + 5, 10), []);
    await assert.rejects(esplora.headers(-1, 1), RangeError);
    await assert.rejects(esplora.headers(0, 2_017), RangeError);
  });
  test("a proof leads to the header of its block", async () => {
    const sent = [waitingPayment(), waitingPayment(), waitingPayment()];
    assert.equal(await esplora.merkleProof(sent[0]!), null);
    chain.mine(1);
    for (const [i, txid] of sent.entries()) {
      const proof = await esplora.merkleProof(txid);
      assert.equal(proof!.header.hash, chain.tipHash);
      assert.equal(proof!.height, chain.height);
      assert.equal(proof!.position, i + 1);
    }
    assert.equal(await esplora.merkleProof(UNKNOWN), null);
  });
});

describe("broadcast", () => {
  test("accepted, and then known", async () => {
    const { txid, raw } = forgotten();
    assert.deepEqual(await esplora.broadcast(raw), { txid, outcome: "accepted" });
    assert.deepEqual(await esplora.broadcast(raw), { txid, outcome: "accepted" });
    chain.mine(1);
    assert.deepEqual(await esplora.broadcast(raw), { txid, outcome: "already-known" });
  });
  for (const format of ["json", "text"] as const) {
    test(`refused, told as ${format}`, async () => {
      const other = await chain.listen({ broadcastErrors: format });
      const { raw } = forgotten();
      raw[5] = raw[5]! ^ 1; // another, unknown input
      await assert.rejects(connect({ baseUrl: other.url }).broadcast(raw), (error) => {
        assert.ok(error instanceof ChainRefused);
        assert.equal(error.code, -25);
        assert.equal(error.message, "bad-txns-inputs-missingorspent");
        assert.match(error.raw, /^sendrawtransaction RPC error/);
        return true;
      });
    });
  }
  test("bytes that are no transaction are not even sent", async () => {
    const before = server.requests.length;
    await assert.rejects(
      esplora.broadcast(Uint8Array.of(1, 2, 3)),
      (error) => error instanceof ChainRefused && error.code === -22,
    );
    assert.equal(server.requests.length, before);
  });
  test("is repeated when the server is busy", async () => {
    const { txid, raw } = forgotten();
    await esplora.verifyNetwork();
    chain.faults.set({ fail: { status: 503, times: 2 } });
    assert.deepEqual(await esplora.broadcast(raw), { txid, outcome: "accepted" });
  });
  test("accepted and forgotten shows only in observation (W10)", async () => {
    chain.faults.set({ broadcasts: "forget" });
    const { txid, raw } = forgotten();
    assert.equal((await esplora.broadcast(raw)).outcome, "accepted");
    assert.equal(await esplora.status(txid), null);
  });
  test("refused and taken all the same shows in observation (W10)", async () => {
    chain.faults.set({ broadcasts: "answer-error" });
    const { txid, raw } = forgotten();
    await assert.rejects(esplora.broadcast(raw), (error) => error instanceof ChainRefused && error.code === -26);
    assert.deepEqual(await esplora.status(txid), { kind: "waiting" });
  });
});

describe("a busy or broken server", () => {
  for (const status of [429, 503, 504] as const) {
    test(`${status} is tried again, with growing pauses`, async () => {
      await esplora.verifyNetwork();
      chain.faults.set({ fail: { status, times: 3 } });
      await esplora.feeEstimates();
      assert.deepEqual(clock.sleeps, [187.5, 375, 750]);
    });
  }
  test("chance spreads the pauses", async () => {
    const eager = connect({ random: () => 0 });
    await eager.verifyNetwork();
    chain.faults.set({ fail: { status: 429, times: 1 } });
    await eager.feeEstimates();
    assert.deepEqual(clock.sleeps, [125]);
  });
  test("gives up after four tries and says how old the data is", async () => {
    await esplora.verifyNetwork();
    clock.advance(60_000);
    chain.faults.set({ fail: { status: 503, times: 4 } });
    await assert.rejects(esplora.feeEstimates(), (error) => {
      assert.ok(error instanceof ChainUnreachable);
      assert.match(error.message, /answered with status 503; data is 61 s old$/);
      return true;
    });
    assert.equal(esplora.health().state, "failing");
    await esplora.feeEstimates();
    assert.equal(esplora.health().state, "ok");
  });
  test("a body cut in the middle is tried again, then unreachable", async () => {
    await esplora.verifyNetwork();
    chain.faults.set({ cutBodies: true });
    await assert.rejects(
      esplora.feeEstimates(),
      (error) => error instanceof ChainUnreachable && /connection failed/.test(error.message),
    );
    assert.equal(clock.sleeps.length, 3);
  });
  test("no answer in time is tried again, then unreachable", async () => {
    clock = new QuickClock({ deadlineMs: 20 });
    const hasty = connect({ timeoutMs: 20, attempts: 2 });
    chain.faults.set({ latencyMs: 200 });
    await assert.rejects(hasty.feeEstimates(), /no full answer within 20 ms/);
    assert.equal(clock.sleeps.length, 1);
  });
  test("empty fee estimates are no error", async () => {
    chain.faults.set({ emptyFeeEstimates: true });
    assert.equal((await esplora.feeEstimates()).size, 0);
    chain.faults.clear();
    assert.deepEqual([...(await esplora.feeEstimates())].slice(0, 2), [
      [1, 5],
      [2, 5],
    ]);
  });
  test("many questions at once share few connections and all get their answers", async () => {
    const tips = await Promise.all(Array.from({ length: 60 }, () => esplora.tip()));
    assert.ok(tips.every(({ hash }) => hash === chain.tipHash));
  });
});
