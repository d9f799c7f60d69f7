/** Spends of the wallet's coins, seen through a real server on a real chain: which ones freeze it, and which do not. */
import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { toHex } from "@conclave/bytes";
import { ChainLied } from "../chain-port.ts";
import { openDesk, type Desk } from "../testing/one-key-desk.ts";
import { DEFAULT_TIMINGS } from "../timings.ts";
import { NotFrozen } from "./freezes.ts";

let desk: Desk;

before(async () => {
  desk = await openDesk();
});
beforeEach(async () => {
  desk.chain.faults.clear();
  Object.assign(desk, { peersUp: true, isDoubtful: false });
  for (const { txid } of desk.freezes.list())
    await desk.freezes.acknowledge({ txid, by: "the test before", reason: "over" });
});
after(() => desk.close());

/** Look, wait as long as a request would need to turn up, and look again. */
async function watch(): Promise<void> {
  await desk.guard.look();
  desk.nowMs += DEFAULT_TIMINGS.unexplainedMs;
  await desk.guard.look();
}

test("a payment that was asked for freezes nothing, waiting or mined, now or after a restart", async () => {
  const signed = desk.sign([await desk.coin(0)], 2_000n);
  await desk.request(signed, "asked for");
  desk.chain.broadcast(toHex(signed.rawTx));
  await watch();
  desk.chain.mine(3);
  await watch();
  assert.deepEqual(desk.freezes.list(), []);
  const { guard, freezes } = desk.restarted();
  await freezes.resume();
  await guard.look();
  desk.nowMs += DEFAULT_TIMINGS.unexplainedMs;
  await guard.look();
  assert.deepEqual(freezes.list(), []);
});

test("a spend that nobody asked for freezes the account while it waits already, until an operator has looked at it", async () => {
  const coin = await desk.coin(1);
  const { view, rawTx } = desk.sign([coin], 2_000n, 1);
  desk.chain.broadcast(toHex(rawTx));
  await desk.guard.look();
  assert.deepEqual(desk.freezes.list(), [], "a request may be on its way");
  await watch();
  const [freeze] = desk.freezes.list();
  assert.deepEqual([freeze!.txid, freeze!.coin], [view.txid, `${coin.outpoint.txid}:${coin.outpoint.vout}`]);
  assert.match(desk.view.frozen!, /taproot payments are frozen/);

  const { guard, freezes } = desk.restarted();
  await freezes.resume();
  assert.deepEqual(freezes.list(), desk.freezes.list(), "a restart lifts nothing");
  await guard.look();

  await assert.rejects(desk.freezes.acknowledge({ txid: "00".repeat(32), by: "alice", reason: "x" }), NotFrozen);
  await assert.rejects(desk.freezes.acknowledge({ txid: view.txid, by: "alice", reason: "" }), NotFrozen);
  await assert.rejects(desk.freezes.acknowledge({ txid: view.txid, by: "alice", reason: "x".repeat(501) }), NotFrozen);
  await desk.freezes.acknowledge({ txid: view.txid, by: "alice", reason: "moved by hand" });
  assert.equal(desk.view.frozen, null);
  await watch();
  assert.deepEqual(desk.freezes.list(), [], "what was looked at is not asked about again");
  const after = desk.restarted();
  await after.freezes.resume();
  assert.deepEqual(after.freezes.list(), []);
});

test("nothing is frozen while too few peers are there to explain it; the time counts from when they are", async () => {
  const { rawTx, view } = desk.sign([await desk.coin(2)], 2_000n, 2);
  desk.chain.broadcast(toHex(rawTx));
  desk.peersUp = false;
  await watch();
  await watch();
  assert.deepEqual(desk.freezes.list(), []);
  desk.peersUp = true;
  await desk.guard.look();
  assert.deepEqual(desk.freezes.list(), []);
  await watch();
  assert.deepEqual(
    desk.freezes.list().map(({ txid }) => txid),
    [view.txid],
  );
});

test("a spend whose signatures do not verify frightens nobody, until the chain proves that it was mined", async () => {
  const { rawTx, view } = desk.sign([await desk.coin(4)], 2_000n, 0);
  desk.isDoubtful = true;
  desk.chain.broadcast(toHex(rawTx));
  await watch();
  await watch();
  assert.deepEqual(desk.freezes.list(), []);
  desk.chain.mine(1);
  await watch();
  assert.deepEqual(
    desk.freezes.list().map(({ txid }) => txid),
    [view.txid],
  );
});

test("a request that turns up late thaws the account by itself", async () => {
  const signed = desk.sign([await desk.coin(3)], 2_000n, 3);
  desk.chain.broadcast(toHex(signed.rawTx));
  await watch();
  assert.equal(desk.freezes.list().length, 1);
  await desk.request(signed, "late");
  await desk.guard.look();
  assert.deepEqual(desk.freezes.list(), []);
  const entries = await desk.store.audit.list({ from: 1, limit: 500 });
  assert.ok(entries.some(({ action, subject }) => action === "wallet.spend-explained" && subject === signed.view.txid));
});

test("a thief of a coin that was seen is found at the next look, however many addresses the wallet has", async () => {
  const { chain, view, store } = desk;
  await store.addresses.raise(toHex(view.keyId), 1, 400);
  await store.addresses.raise(toHex(view.keyId), 0, 200);
  const coin = await desk.coin(150);
  assert.ok((await view.coins()).some(({ outpoint }) => outpoint.txid === coin.outpoint.txid));
  const { rawTx, view: theft } = desk.sign([coin], 2_000n, 390);
  chain.broadcast(toHex(rawTx));
  assert.ok(!(await view.coins()).some(({ outpoint }) => outpoint.txid === coin.outpoint.txid));
  // It begins with the lowest addresses: the coin's turn would come with its eighth look.
  const { guard, freezes } = desk.restarted();
  await freezes.resume();
  await guard.look();
  desk.nowMs += DEFAULT_TIMINGS.unexplainedMs;
  await guard.look();
  assert.deepEqual(
    freezes.list().map(({ txid }) => txid),
    [theft.txid],
  );
});

test("an address that the server lies about keeps no other from being looked at, now or the next time", async () => {
  const { chain } = desk;
  const coin = await desk.coin(8);
  await desk.view.coins();
  const { rawTx, view: theft } = desk.sign([coin], 2_000n, 8);
  chain.broadcast(toHex(rawTx));
  const { guard, freezes } = desk.restarted();
  await freezes.resume();
  const lied = toHex(desk.view.script(0, 3).scriptPubKey);
  const honest = desk.esplora.history.bind(desk.esplora);
  desk.esplora.history = async (script) => {
    if (toHex(script) === lied) throw new ChainLied("no history");
    return honest(script);
  };
  try {
    await assert.rejects(guard.look(), ChainLied);
    desk.nowMs += DEFAULT_TIMINGS.unexplainedMs;
    // At the next addresses, and again at those with coins.
    await guard.look();
  } finally {
    desk.esplora.history = honest;
  }
  assert.ok(freezes.list().some(({ txid }) => txid === theft.txid));
});
