/** Blocks that are replaced by others: everything that was said of them is taken back. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { keyScript, spend } from "./keys.ts";
import { checkProof, newCoin, newestBlock, type OnChain } from "./place.ts";

export function reorganisationContract(onChain: OnChain): void {
  describe("a reorganisation", () => {
    it(
      "replaces the newest blocks by a longer chain on the same ground",
      onChain(async (place, chain) => {
        await place.mine(3);
        const before = await chain.tip();
        const old = await chain.headers(before.height - 3, 4);
        assert.equal((await chain.header(before.height))!.hash, before.hash);
        await place.reorganise(2);
        const after = await chain.tip();
        assert.equal(after.height, before.height + 1);
        const fresh = await chain.headers(before.height - 3, 5);
        assert.deepEqual(fresh.slice(0, 2), old.slice(0, 2));
        assert(fresh.slice(2).every(({ hash }) => old.every((gone) => gone.hash !== hash)));
        assert.equal(fresh.at(-1)!.hash, after.hash);
        assert.deepEqual(await chain.header(before.height), fresh[3]);
        for (const [i, { previous }] of fresh.slice(1).entries()) assert.equal(previous, fresh[i]!.hash);
      }),
    );
    it(
      "makes what was in them wait again, unproven, until another block takes it",
      onChain(async (place, chain) => {
        const { outpoint, script } = await newCoin(place, 1, 20_000n);
        await place.mine(1);
        // Every question is asked before, too: an answer that is kept must not outlive its block.
        const first = await newestBlock(place);
        assert.deepEqual(await chain.status(outpoint.txid), first);
        assert.deepEqual((await chain.transaction(outpoint.txid))!.position, first);
        assert.deepEqual((await chain.utxos(script.scriptPubKey))[0]!.position, first);
        assert.deepEqual((await chain.history(script.scriptPubKey))[0]!.position, first);
        await checkProof(place, (await chain.merkleProof(outpoint.txid))!, 1);
        await place.reorganise(1);
        const waiting = { kind: "waiting" } as const;
        assert.deepEqual(await chain.status(outpoint.txid), waiting);
        assert.deepEqual((await chain.transaction(outpoint.txid))!.position, waiting);
        assert.equal(await chain.merkleProof(outpoint.txid), null);
        assert.deepEqual((await chain.utxos(script.scriptPubKey))[0]!.position, waiting);
        assert.deepEqual((await chain.history(script.scriptPubKey))[0]!.position, waiting);
        await place.mine(1);
        const second = await newestBlock(place);
        assert.notDeepEqual(second, first);
        assert.deepEqual(await chain.status(outpoint.txid), second);
        await checkProof(place, (await chain.merkleProof(outpoint.txid))!, 1);
      }),
    );
    it(
      "leaves alone what lies deeper",
      onChain(async (place, chain) => {
        const { outpoint } = await newCoin(place, 1, 20_000n);
        await place.mine(1);
        const position = await newestBlock(place);
        await place.mine(2);
        await place.reorganise(2);
        assert.deepEqual(await chain.status(outpoint.txid), position);
        await checkProof(place, (await chain.merkleProof(outpoint.txid))!, 4);
      }),
    );
    it(
      "can take a payment's coins for another one: the payment is gone, and the other one is its coins' spender",
      onChain(async (place, chain) => {
        if (place.overtake === undefined) return;
        const coin = await newCoin(place, 1, 20_000n);
        await place.mine(1);
        const payment = spend([coin], [{ script: keyScript(2), value: 19_000n }]);
        const other = spend([coin], [{ script: keyScript(3), value: 18_000n }]);
        await chain.broadcast(payment.raw);
        await place.mine(1);
        assert.equal((await chain.outspend(coin.outpoint))!.txid, payment.txid);
        assert.equal((await chain.status(payment.txid))!.kind, "confirmed");
        await place.overtake(1, other.raw);
        assert.deepEqual([await chain.status(payment.txid), await chain.merkleProof(payment.txid)], [null, null]);
        assert.deepEqual(await chain.utxos(keyScript(2).scriptPubKey), []);
        const spender = await chain.outspend(coin.outpoint);
        assert.deepEqual([spender!.txid, spender!.position], [other.txid, await chain.status(other.txid)]);
        await checkProof(place, (await chain.merkleProof(other.txid))!, 2);
      }),
    );
  });
}
