/** Payments on the regtest chain behind its server, with everything that chain and server can do to them. */
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import { toHex } from "@conclave/bytes";
import { openDesk, type Desk, type Payment } from "../testing/one-key-desk.ts";
import { DEFAULT_TIMINGS } from "../timings.ts";
import { isBroadcastDue, lowFee } from "./watched.ts";

let desk: Desk;
let number = 0;

before(async () => {
  desk = await openDesk();
});
beforeEach(() => {
  desk.chain.faults.clear();
  desk.notices.length = 0;
});
after(() => desk.close());

/** A payment of one coin, asked for and signed; nothing of it is on the chain. */
async function payment(fee = 2_000n): Promise<Payment> {
  const signed = desk.sign([await desk.coin(0)], fee, number % 4);
  return desk.request(signed, `payment ${number++}`);
}

test("is broadcast, waits, is mined, and confirmed as deep as it has to be", async () => {
  const paid = await payment();
  assert.equal((await desk.look(paid)).state, "broadcasting");
  assert.equal((await desk.look(paid)).state, "broadcasting");
  desk.chain.mine(1);
  const mined = await desk.look(paid);
  assert.deepEqual([mined.state, mined.confirmations], ["broadcasting", 1]);
  desk.chain.mine(1);
  const confirmed = await desk.look(paid);
  assert.deepEqual([confirmed.state, confirmed.confirmations], ["confirmed", 2]);
  assert.ok(confirmed.confirmedAtMs! > 0);
  desk.chain.mine(1);
  await desk.look(paid);
  assert.ok(paid.watched.released, "custody had its proof");
  desk.chain.mine(5);
  assert.equal((await desk.look(paid)).confirmations, 3, "beyond that, not every block is worth a row");
  desk.chain.mine(4);
  assert.equal((await desk.look(paid)).confirmations, 12);
});

test("is shown as confirmed only once that is proven: a server that moves the tip proves nothing", async () => {
  const paid = await payment();
  await desk.look(paid);
  desk.chain.mine(1);
  const tip = await desk.esplora.tip();
  const position = await desk.esplora.status(paid.watched.txid);
  await desk.follower.look(paid.watched, position, { ...tip, height: tip.height + 50 });
  const row = (await desk.store.transactions.get(paid.id))!;
  assert.equal(row.state, "broadcasting");
  assert.match(paid.watched.trouble!, /is 51 blocks deep and does not prove it/);
});

test("dropped from the mempool: broadcast again after waits that double, never for ever at the same pace", async () => {
  const paid = await payment();
  desk.chain.faults.set({ broadcasts: "forget" });
  const pauses: number[] = [];
  let last = desk.nowMs;
  for (let i = 0; i < 200; i++) {
    const { broadcasts } = paid.watched;
    await desk.look(paid);
    if (paid.watched.broadcasts > broadcasts) {
      pauses.push((desk.nowMs - last) / 60_000);
      last = desk.nowMs;
    }
    desk.nowMs += 60_000;
  }
  assert.deepEqual(pauses.slice(0, 8), [0, 1, 2, 4, 8, 16, 30, 30]);
  assert.match(paid.watched.trouble!, /was broadcast \d+ times and the chain does not show it/);
  desk.chain.faults.clear();
  desk.nowMs += 60 * 60_000;
  await desk.look(paid);
  assert.equal((await desk.look(paid)).state, "broadcasting");
  assert.equal(paid.watched.trouble, null);
  desk.chain.dropFromMempool(paid.watched.txid);
  desk.nowMs += 60 * 60_000;
  await desk.look(paid);
  assert.ok(desk.chain.mempool.get(paid.watched.txid), "an eviction is made good");
});

test("accepted and answered with an error: it is where it is seen", async () => {
  const paid = await payment();
  desk.chain.faults.set({ broadcasts: "answer-error" });
  await desk.look(paid);
  assert.ok(desk.notices.some((notice) => notice.kind === "problem" && /the chain refused/.test(notice.message)));
  assert.equal((await desk.look(paid)).state, "broadcasting");
});

test("reorganised: confirmed, waiting, confirmed again at another height", async () => {
  const paid = await payment();
  await desk.look(paid);
  desk.chain.mine(2);
  assert.equal((await desk.look(paid)).state, "confirmed");
  const { height } = paid.watched.block!;
  desk.chain.reorg(2);
  const back = await desk.look(paid);
  assert.deepEqual([back.state, back.confirmations, back.confirmedAtMs], ["broadcasting", 0, null]);
  desk.chain.mine(2);
  assert.equal((await desk.look(paid)).state, "confirmed");
  assert.ok(paid.watched.block!.height > height);
});

test("reorganised, and another spend of its coin is mined instead: it fails once that is buried, and not before", async () => {
  const coin = await desk.coin(1);
  const paid = await desk.request(desk.sign([coin], 2_000n, 1), `payment ${number++}`);
  const rival = desk.sign([coin], 9_000n, 2);
  await desk.look(paid);
  desk.chain.mine(2);
  assert.equal((await desk.look(paid)).state, "confirmed");
  desk.chain.reorg(2, { replacement: 1, transactions: [toHex(rival.rawTx)] });
  const overtaken = await desk.look(paid);
  assert.equal(overtaken.state, "broadcasting");
  assert.match(overtaken.reason!, new RegExp(`is spent by transaction ${rival.view.txid}, .* 3 blocks deep`));
  desk.chain.mine(1);
  assert.equal((await desk.look(paid)).state, "broadcasting");
  desk.chain.mine(1);
  const failed = await desk.look(paid);
  assert.equal(failed.state, "failed");
  // The chain may still change its mind.
  desk.chain.reorg(3, { replacement: 4, transactions: [toHex(paid.rawTx)] });
  assert.equal((await desk.look(paid)).state, "confirmed");
});

test("replaced by another revision of the same request: that one is followed, and the request is paid", async () => {
  const coin = await desk.coin(2);
  const first = desk.sign([coin], 2_000n, 1);
  const paid = await desk.request(first, `payment ${number++}`);
  await desk.look(paid);
  const second = desk.sign([coin], 9_000n, 1);
  await desk.revise(paid, 2, second);
  desk.chain.broadcast(toHex(second.rawTx));
  const replaced = await desk.look(paid);
  assert.equal(replaced.bitcoinTxid, second.view.txid);
  assert.equal(replaced.feeSats, second.view.fee);
  desk.chain.mine(2);
  assert.equal((await desk.look(paid)).state, "confirmed");
  const entries = await desk.store.audit.list({ from: 1, limit: 500 });
  assert.ok(entries.some(({ action, subject }) => action === "transaction.replaced" && subject === paid.id));
});

describe("stuck in the mempool", () => {
  test("the operator hears of it, with the fee that would do, and it is broadcast again", async () => {
    const paid = await payment(200n);
    await desk.look(paid);
    await desk.look(paid);
    assert.equal(paid.watched.trouble, null);
    desk.nowMs += DEFAULT_TIMINGS.stuckMs;
    const before = paid.watched.broadcasts;
    await desk.look(paid);
    assert.match(paid.watched.trouble!, /has waited 60 min for a block/);
    assert.equal(paid.watched.broadcasts, before + 1);
    desk.chain.mine(1);
    await desk.look(paid);
    assert.equal(paid.watched.trouble, null);
  });

  test("its fee is to blame only if the chain asks for more within a day", () => {
    const one = { fee: 110n as never, vsize: 110 };
    assert.match(
      lowFee(
        one,
        new Map([
          [6, 9],
          [144, 3],
        ]),
      )!,
      /its fee of 1\.0 sat\/vB is too low: the chain asks for 3\.0/,
    );
    assert.equal(
      lowFee(
        one,
        new Map([
          [6, 9],
          [144, 1],
        ]),
      ),
      null,
    );
    assert.equal(lowFee(one, new Map([[1_008, 5]])), null);
    assert.equal(lowFee(one, new Map()), null);
  });
});

test("the longest wait is the longest, however often it was tried", () => {
  const timings = { rebroadcastMs: 1_000, rebroadcastLongestMs: 8_000 };
  assert.ok(isBroadcastDue({ broadcastMs: null, broadcasts: 0 }, timings, 0));
  assert.ok(!isBroadcastDue({ broadcastMs: 0, broadcasts: 1 }, timings, 999));
  assert.ok(isBroadcastDue({ broadcastMs: 0, broadcasts: 1 }, timings, 1_000));
  assert.ok(!isBroadcastDue({ broadcastMs: 0, broadcasts: 1_000_000 }, timings, 7_999));
  assert.ok(isBroadcastDue({ broadcastMs: 0, broadcasts: 1_000_000 }, timings, 8_000));
});
