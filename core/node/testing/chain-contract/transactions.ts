/** One transaction: what it says, where it stands, who spends its outputs. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseTransaction, txidOf } from "@conclave/bitcoin";
import { keyScript, spend } from "./keys.ts";
import { newCoin, newestBlock, type OnChain, UNKNOWN } from "./place.ts";

export function transactionsContract(onChain: OnChain): void {
  describe("a transaction", () => {
    it(
      "is null by every question while nobody knows it",
      onChain(async (_, chain) => {
        assert.equal(await chain.transaction(UNKNOWN), null);
        assert.equal(await chain.rawTransaction(UNKNOWN), null);
        assert.equal(await chain.status(UNKNOWN), null);
      }),
    );
    it(
      "is shown as its bytes say, with what its inputs are worth",
      onChain(async (place, chain) => {
        const coins = [await newCoin(place, 1, 20_000n), await newCoin(place, 2, 30_000n)];
        const outputs = [
          { script: keyScript(3), value: 17_000n },
          { script: keyScript(4), value: 32_000n },
        ];
        const { txid, raw } = spend(coins, outputs);
        await chain.broadcast(raw);
        assert.deepEqual(await chain.transaction(txid), {
          txid,
          version: 2,
          lockTime: 0,
          inputs: coins.map(({ outpoint, script: { scriptPubKey } }, i) => ({
            outpoint,
            sequence: 0xffff_ffff,
            claimedPrevout: { scriptPubKey, value: [20_000n, 30_000n][i] },
          })),
          outputs: outputs.map(({ script: { scriptPubKey }, value }) => ({ scriptPubKey, value })),
          position: { kind: "waiting" },
        });
        assert.deepEqual(await chain.rawTransaction(txid), raw);
      }),
    );
    it(
      "comes as bytes that hash to its txid, waiting or in a block, and that are the caller's to keep",
      onChain(async (place, chain) => {
        const { txid } = (await newCoin(place, 1, 20_000n)).outpoint;
        const waiting = await chain.rawTransaction(txid);
        assert.equal(txidOf(parseTransaction(waiting!)), txid);
        const kept = waiting!.slice();
        waiting!.fill(0);
        assert.deepEqual(await chain.rawTransaction(txid), kept);
        await place.mine(1);
        const confirmed = await chain.rawTransaction(txid);
        assert.deepEqual(confirmed, kept);
        confirmed.fill(0);
        assert.deepEqual(await chain.rawTransaction(txid), kept);
      }),
    );
    it(
      "waits, then is in a block and stays there",
      onChain(async (place, chain) => {
        const { txid } = (await newCoin(place, 1, 20_000n)).outpoint;
        assert.deepEqual(await chain.status(txid), { kind: "waiting" });
        await place.mine(1);
        const position = await newestBlock(place);
        assert.deepEqual(await chain.status(txid), position);
        await place.mine(2);
        assert.deepEqual(await chain.status(txid), position);
        assert.deepEqual((await chain.transaction(txid))!.position, position);
      }),
    );
    it(
      "is null again once the server forgot it",
      onChain(async (place, chain) => {
        if (place.forget === undefined) return;
        const { outpoint, script } = await newCoin(place, 1, 20_000n);
        await place.forget(outpoint.txid);
        assert.deepEqual([await chain.status(outpoint.txid), await chain.transaction(outpoint.txid)], [null, null]);
        assert.deepEqual(await chain.utxos(script.scriptPubKey), []);
        assert.deepEqual(await chain.history(script.scriptPubKey), []);
      }),
    );
  });

  describe("an output", () => {
    it(
      "is spent by nobody until something known spends it",
      onChain(async (place, chain) => {
        const { outpoint } = await newCoin(place, 1, 20_000n);
        assert.equal(await chain.outspend(outpoint), null);
        await place.mine(1);
        assert.equal(await chain.outspend(outpoint), null);
      }),
    );
    it(
      "is spent by one input of one transaction, waiting or in a block",
      onChain(async (place, chain) => {
        const coins = [await newCoin(place, 1, 20_000n), await newCoin(place, 2, 30_000n)];
        await place.mine(1);
        const { txid, raw } = spend(coins, [{ script: keyScript(3), value: 49_000n }]);
        await chain.broadcast(raw);
        for (const [vin, { outpoint }] of coins.entries())
          assert.deepEqual(await chain.outspend(outpoint), { txid, vin, position: { kind: "waiting" } });
        await place.mine(1);
        const position = await newestBlock(place);
        for (const [vin, { outpoint }] of coins.entries())
          assert.deepEqual(await chain.outspend(outpoint), { txid, vin, position });
        assert.equal(await chain.outspend({ txid, vout: 0 }), null);
      }),
    );
  });
}
