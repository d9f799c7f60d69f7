/** Handing transactions in: taken, known before, or refused with a reason; and what they should pay. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ChainRefused } from "../../chain-port.ts";
import { keyScript, spend } from "./keys.ts";
import { newCoin, newestBlock, type OnChain, UNKNOWN } from "./place.ts";

/** Bitcoin Core's codes for what is no transaction, and for inputs that are missing or spent. */
const NOT_A_TRANSACTION = -22;
const INPUTS_MISSING = -25;

const refusedWith = (code: number) => (error: unknown) => {
  assert(error instanceof ChainRefused, String(error));
  assert.equal(error.code, code);
  assert(error.message.length > 0);
  return true;
};

export function broadcastContract(onChain: OnChain): void {
  describe("a broadcast", () => {
    it(
      "is accepted and shows afterwards; a repeat changes nothing, and is known once it is in a block",
      onChain(async (place, chain) => {
        const coin = await newCoin(place, 1, 20_000n);
        await place.mine(1);
        const { txid, raw } = spend([coin], [{ script: keyScript(2), value: 19_000n }]);
        assert.deepEqual(await chain.broadcast(raw), { txid, outcome: "accepted" });
        assert.deepEqual(await chain.status(txid), { kind: "waiting" });
        // Core answers a repeat of what waits like the first time; other servers say that they know it.
        assert.equal((await chain.broadcast(raw)).txid, txid);
        assert.deepEqual(await chain.status(txid), { kind: "waiting" });
        await place.mine(1);
        const position = await newestBlock(place);
        assert.deepEqual(await chain.broadcast(raw), { txid, outcome: "already-known" });
        assert.deepEqual(await chain.status(txid), position);
        assert.equal((await chain.history(keyScript(2).scriptPubKey)).length, 1);
      }),
    );
    it(
      "is accepted on top of another that waits",
      onChain(async (place, chain) => {
        const coin = await newCoin(place, 1, 20_000n);
        const first = spend([coin], [{ script: keyScript(2), value: 19_000n }]);
        const change = { outpoint: { txid: first.txid, vout: 0 }, script: keyScript(2), value: 19_000n };
        const second = spend([change], [{ script: keyScript(3), value: 18_000n }]);
        await chain.broadcast(first.raw);
        assert.equal((await chain.broadcast(second.raw)).outcome, "accepted");
        await place.mine(1);
        assert.deepEqual(await chain.status(second.txid), await newestBlock(place));
      }),
    );
    it(
      "is refused, with the code, if its coins do not exist",
      onChain(async (_, chain) => {
        const nowhere = { outpoint: { txid: UNKNOWN, vout: 0 }, script: keyScript(1), value: 20_000n };
        const { txid, raw } = spend([nowhere], [{ script: keyScript(2), value: 19_000n }]);
        await assert.rejects(chain.broadcast(raw), refusedWith(INPUTS_MISSING));
        assert.equal(await chain.status(txid), null);
      }),
    );
    it(
      "is refused, with the code, if its coins were spent in a block",
      onChain(async (place, chain) => {
        const coin = await newCoin(place, 1, 20_000n);
        const first = spend([coin], [{ script: keyScript(2), value: 19_000n }]);
        const second = spend([coin], [{ script: keyScript(3), value: 19_000n }]);
        await chain.broadcast(first.raw);
        await place.mine(1);
        await assert.rejects(chain.broadcast(second.raw), refusedWith(INPUTS_MISSING));
        assert.equal(await chain.status(second.txid), null);
        assert.equal((await chain.outspend(coin.outpoint))!.txid, first.txid);
      }),
    );
    it(
      "is refused, with a code, if it contradicts one that waits and pays no more",
      onChain(async (place, chain) => {
        const coin = await newCoin(place, 1, 20_000n);
        const first = spend([coin], [{ script: keyScript(2), value: 19_000n }]);
        const second = spend([coin], [{ script: keyScript(3), value: 19_000n }]);
        await chain.broadcast(first.raw);
        await assert.rejects(
          chain.broadcast(second.raw),
          (error) => error instanceof ChainRefused && Number.isInteger(error.code),
        );
        assert.deepEqual([(await chain.status(first.txid))!.kind, await chain.status(second.txid)], ["waiting", null]);
      }),
    );
    for (const [what, bytes] of [
      ["nothing", new Uint8Array(0)],
      ["noise", Uint8Array.of(1, 2, 3)],
    ] as const)
      it(
        `of ${what} is refused, with the code`,
        onChain(async (_, chain) => assert.rejects(chain.broadcast(bytes), refusedWith(NOT_A_TRANSACTION))),
      );
  });

  it(
    "fee estimates are satoshis per vbyte by blocks to wait, as far as there are any",
    onChain(async (_, chain) => {
      for (const [blocks, rate] of await chain.feeEstimates()) {
        assert(Number.isInteger(blocks) && blocks >= 1, `${blocks} blocks`);
        assert(Number.isFinite(rate) && rate > 0, `${rate} sat/vB`);
      }
    }),
  );
}
