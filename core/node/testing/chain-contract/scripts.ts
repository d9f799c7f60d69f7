/** What touches a script: its unspent coins and its history. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { BitcoinChain } from "../../chain-port.ts";
import { keyScript, spend } from "./keys.ts";
import { type ChainPlace, newCoin, newestBlock, type OnChain } from "./place.ts";

/** More payments than one page of any server holds. */
const LONG_HISTORY = 60;

const unused = keyScript(9_999);

async function txidsOf(chain: BitcoinChain, scriptPubKey: Uint8Array): Promise<readonly string[]> {
  return (await chain.history(scriptPubKey)).map(({ txid }) => txid);
}

/** Moves the whole of a 20,000 satoshi coin to another script. */
async function movedCoin(place: ChainPlace) {
  const coin = await newCoin(place, 1, 20_000n);
  await place.mine(1);
  const to = keyScript(2);
  const moved = spend([coin], [{ script: to, value: 19_000n }]);
  await place.chain.broadcast(moved.raw);
  return { coin, to, moved };
}

export function scriptsContract(onChain: OnChain): void {
  describe("the coins of a script", () => {
    it(
      "are none while nobody paid to it",
      onChain(async (_, chain) => assert.deepEqual(await chain.utxos(unused.scriptPubKey), [])),
    );
    it(
      "count while they wait, and say where they are afterwards",
      onChain(async (place, chain) => {
        const { scriptPubKey } = keyScript(1);
        const { outpoint } = await newCoin(place, 1, 20_000n);
        const waiting = { outpoint, scriptPubKey, value: 20_000n, position: { kind: "waiting" } };
        assert.deepEqual(await chain.utxos(scriptPubKey), [waiting]);
        await place.mine(1);
        const position = await newestBlock(place);
        assert.deepEqual(await chain.utxos(scriptPubKey), [{ ...waiting, position }]);
        await place.mine(1);
        assert.deepEqual(await chain.utxos(scriptPubKey), [{ ...waiting, position }]);
      }),
    );
    it(
      "are all of them, each once",
      onChain(async (place, chain) => {
        const { scriptPubKey } = keyScript(1);
        const values = [20_000n, 30_000n, 20_000n, 40_000n];
        const txids: string[] = [];
        for (const value of values) txids.push(await place.fund(scriptPubKey, value));
        await place.mine(1);
        txids.push(await place.fund(scriptPubKey, 50_000n));
        const found = await chain.utxos(scriptPubKey);
        assert.deepEqual(found.map(({ outpoint }) => outpoint.txid).sort(), txids.toSorted());
        assert.equal(
          found.reduce((sum, { value }) => sum + value, 0n),
          160_000n,
        );
      }),
    );
    it(
      "are gone once something spends them, though it still waits; its outputs count",
      onChain(async (place, chain) => {
        const { coin, to, moved } = await movedCoin(place);
        assert.deepEqual(await chain.utxos(coin.script.scriptPubKey), []);
        const [received] = await chain.utxos(to.scriptPubKey);
        assert.deepEqual([received!.outpoint, received!.value], [{ txid: moved.txid, vout: 0 }, 19_000n]);
        await place.mine(1);
        assert.deepEqual(await chain.utxos(coin.script.scriptPubKey), []);
      }),
    );
    it(
      "include the rewards of blocks, which spend nothing",
      onChain(async (place, chain) => {
        if (place.reward === undefined) return;
        const { scriptPubKey } = keyScript(1);
        const txid = await place.reward(scriptPubKey);
        assert.deepEqual(
          (await chain.utxos(scriptPubKey)).map(({ outpoint }) => outpoint.txid),
          [txid],
        );
        const { inputs, position } = (await chain.transaction(txid))!;
        assert.deepEqual([inputs.length, inputs[0]!.claimedPrevout], [1, null]);
        assert.deepEqual(position, await newestBlock(place));
      }),
    );
  });

  describe("the history of a script", () => {
    it(
      "is empty while nobody paid to it",
      onChain(async (_, chain) => assert.deepEqual(await chain.history(unused.scriptPubKey), [])),
    );
    it(
      "is newest first, what waits at the front, payments from it included",
      onChain(async (place, chain) => {
        const { coin, to, moved } = await movedCoin(place);
        const { scriptPubKey } = coin.script;
        assert.deepEqual(await txidsOf(chain, scriptPubKey), [moved.txid, coin.outpoint.txid]);
        await place.mine(1);
        const later = await place.fund(scriptPubKey, 20_000n);
        assert.deepEqual(await txidsOf(chain, scriptPubKey), [later, moved.txid, coin.outpoint.txid]);
        assert.deepEqual(await txidsOf(chain, to.scriptPubKey), [moved.txid]);
        for (const transaction of await chain.history(scriptPubKey))
          assert.deepEqual(transaction, await chain.transaction(transaction.txid));
      }),
    );
    it(
      `is whole, ${LONG_HISTORY} payments long, and each is in it once`,
      onChain(async (place, chain) => {
        const { scriptPubKey } = keyScript(1);
        const txids: string[] = [];
        for (let n = 0; n < LONG_HISTORY; n++) {
          txids.push(await place.fund(scriptPubKey, 20_000n + BigInt(n)));
          if (n % 2 === 1 && n < LONG_HISTORY - 2) await place.mine(1);
        }
        const found = await chain.history(scriptPubKey);
        assert.deepEqual(found.map(({ txid }) => txid).sort(), txids.toSorted());
        const heights = found.map(({ position }) => (position.kind === "waiting" ? Infinity : position.height));
        assert.deepEqual(
          heights,
          heights.toSorted((a, b) => b - a),
        );
        assert.deepEqual(heights.slice(0, 3), [Infinity, Infinity, (await chain.tip()).height]);
      }),
    );
  });
}
