/** A coin is what its transaction and its block prove; what a server only says moves nothing. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { CoinProofs } from "./coin-proofs.ts";
import { ChainLied, ChainRefused, ChainUnreachable, type BitcoinChain, type Utxo } from "./chain-port.ts";
import { openDesk, type Desk } from "./testing/one-key-desk.ts";

let desk: Desk;
let mined: Utxo;

before(async () => {
  desk = await openDesk();
  await desk.coin(0);
  [mined] = (await desk.esplora.utxos(desk.view.script(0, 0).scriptPubKey)) as [Utxo];
});
after(() => desk.close());

/** The desk's server, which answers otherwise in one thing. */
const server = (change: Partial<BitcoinChain>): BitcoinChain =>
  new Proxy(desk.esplora, {
    get: (real, name) => {
      const own: unknown = Reflect.get(change, name);
      if (own !== undefined) return own;
      const found: unknown = Reflect.get(real, name);
      return typeof found === "function" ? (found.bind(real) as unknown) : found;
    },
  });

const look = (utxo: Utxo, change: Partial<BitcoinChain> = {}) => new CoinProofs(server(change), "regtest").look(utxo);

const height = (): number => {
  assert.ok(mined.position.kind === "confirmed");
  return mined.position.height;
};

describe("a coin", () => {
  test("in a block that its server proves is confirmed, and is not asked about again", async () => {
    let asked = 0;
    const proofs = new CoinProofs(
      server({
        merkleProof: (txid) => {
          asked += 1;
          return desk.esplora.merkleProof(txid);
        },
      }),
      "regtest",
    );
    for (let i = 0; i < 3; i++) assert.deepEqual(await proofs.look(mined), { height: height(), coinbase: false });
    assert.equal(asked, 1);
  });

  test("that waits is a coin without a height", async () => {
    assert.deepEqual(await look({ ...mined, position: { kind: "waiting" } }), { height: null, coinbase: false });
  });

  test("whose block is not proven counts as waiting", async () => {
    const waiting = { height: null, coinbase: false };
    assert.deepEqual(await look(mined, { merkleProof: async () => null }), waiting);
    const proof = (await desk.esplora.merkleProof(mined.outpoint.txid))!;
    assert.deepEqual(await look(mined, { merkleProof: async () => ({ ...proof, height: proof.height + 1 }) }), waiting);
    assert.deepEqual(
      await look(mined, { merkleProof: async () => ({ ...proof, branch: ["11".repeat(32)] }) }),
      waiting,
    );
    const raw = proof.header.raw.slice();
    raw[76]! ^= 1;
    const unworked = { ...proof, header: { ...proof.header, raw } };
    assert.deepEqual(await look(mined, { merkleProof: async () => unworked }), waiting);
  });

  test("that its transaction did not make is none", async () => {
    assert.equal(await look({ ...mined, value: mined.value * 2n }), null);
    assert.equal(await look({ ...mined, scriptPubKey: desk.view.script(0, 1).scriptPubKey }), null);
    assert.equal(await look({ ...mined, outpoint: { ...mined.outpoint, vout: 7 } }), null);
    assert.equal(await look({ ...mined, outpoint: { txid: "ab".repeat(32), vout: 0 } }), null);
    const other = await desk.coin(2);
    const rawTx = (await desk.esplora.rawTransaction(other.outpoint.txid))!;
    assert.equal(await look(mined, { rawTransaction: async () => rawTx }), null);
    assert.equal(await look(mined, { rawTransaction: async () => Uint8Array.of(1, 2, 3) }), null);
  });

  test("that its server contradicts itself about is left out; a server that does not answer is said", async () => {
    for (const error of [new ChainLied("no"), new ChainRefused({ code: null, message: "no", raw: "no" })])
      assert.equal(await look(mined, { merkleProof: () => Promise.reject(error) }), null);
    await assert.rejects(
      look(mined, { merkleProof: () => Promise.reject(new ChainUnreachable("away")) }),
      ChainUnreachable,
    );
  });

  test("of a block's own reward is known as such", async () => {
    const { address, scriptPubKey } = desk.view.script(0, 3);
    desk.chain.mine(1, { to: address });
    const [reward] = await desk.esplora.utxos(scriptPubKey);
    assert.equal((await look(reward!))?.coinbase, true);
  });
});
