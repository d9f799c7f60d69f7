/** Blocks: the tip, headers, and proofs that custody accepts. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { InclusionRefused } from "@conclave/bitcoin";
import { keyScript } from "./keys.ts";
import { checkProof, newCoin, type OnChain, UNKNOWN } from "./place.ts";

export function blocksContract(onChain: OnChain): void {
  describe("blocks", () => {
    it(
      "are those of our network, and the server is well",
      onChain(async (_, chain) => {
        await chain.verifyNetwork();
        const { state, message } = chain.health();
        assert.deepEqual([state, message.length > 0], ["ok", true]);
      }),
    );
    it(
      "end at the tip, which moves with each of them",
      onChain(async (place, chain) => {
        const before = await chain.tip();
        await place.mine(3);
        const after = await chain.tip();
        assert.equal(after.height, before.height + 3);
        const header = await chain.header(after.height);
        assert.deepEqual([header!.hash, header!.time], [after.hash, after.time]);
        assert.equal((await chain.header(before.height))!.hash, before.hash);
      }),
    );
    it(
      "have headers by height and by hash; there are none above the tip, nor of blocks nobody knows",
      onChain(async (_, chain) => {
        const { height } = await chain.tip();
        const header = await chain.header(height - 1);
        assert.equal(header!.raw.length, 80);
        assert.deepEqual(await chain.header(header!.hash), header);
        assert.deepEqual([await chain.header(height + 1), await chain.header(UNKNOWN)], [null, null]);
      }),
    );
    it(
      "have headers upwards in one piece, fewer at the tip, none above it",
      onChain(async (place, chain) => {
        await place.mine(25);
        const { height, hash } = await chain.tip();
        const headers = await chain.headers(height - 24, 100);
        assert.equal(headers.length, 25);
        assert.equal(headers.at(-1)!.hash, hash);
        for (const [i, header] of headers.entries()) {
          assert.deepEqual(await chain.header(height - 24 + i), header);
          if (i > 0) assert.equal(header.previous, headers[i - 1]!.hash);
        }
        assert.deepEqual(await chain.headers(height - 24, 6), headers.slice(0, 6));
        assert.deepEqual(await chain.headers(height + 1, 6), []);
      }),
    );
    it(
      "prove what they hold, at every place in them, as deep as they are buried and no deeper",
      onChain(async (place, chain) => {
        const txids: string[] = [];
        for (let n = 0; n < 6; n++) txids.push(await place.fund(keyScript(n).scriptPubKey, 20_000n));
        await place.mine(1);
        const { height } = await chain.tip();
        await place.mine(5);
        for (const txid of txids) {
          const proof = await chain.merkleProof(txid);
          assert.deepEqual([proof!.txid, proof!.height], [txid, height]);
          await checkProof(place, proof!, 1);
          await checkProof(place, proof!, 6);
          await assert.rejects(checkProof(place, proof!, 7), InclusionRefused);
        }
      }),
    );
    it(
      "prove nothing that waits or that nobody knows",
      onChain(async (place, chain) => {
        const { outpoint } = await newCoin(place, 1, 20_000n);
        assert.deepEqual([await chain.merkleProof(outpoint.txid), await chain.merkleProof(UNKNOWN)], [null, null]);
      }),
    );
  });
}
