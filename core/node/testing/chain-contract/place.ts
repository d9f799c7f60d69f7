/** Where a view of the chain is tried: a chain that the test can move. */
import assert from "node:assert/strict";
import { parseTransaction, txidOf, verifyInclusion, type Network } from "@conclave/bitcoin";
import type { BitcoinChain, MerkleProof, Position } from "../../chain-port.ts";
import { keyScript, type KeyCoin } from "./keys.ts";

/** A chain of its own for one test, with ten blocks or more, and the port that looks at it. */
export interface ChainPlace {
  readonly chain: BitcoinChain;
  readonly network: Network;
  /** Pays `value` satoshis to a script from outside. The payment waits for the next block. Its txid. */
  fund(scriptPubKey: Uint8Array, value: bigint): Promise<string>;
  /** Mines blocks; the first one takes everything that waits. */
  mine(blocks: number): Promise<void>;
  /** The newest `depth` blocks are replaced by `depth` + 1 empty ones; what they held waits again. */
  reorganise(depth: number): Promise<void>;
  /** The same, but the first new block holds `rawTx`, and what contradicts it is gone. Absent where that cannot happen. */
  overtake?(depth: number, rawTx: Uint8Array): Promise<void>;
  /** The server forgets a waiting transaction. Absent where it forgets nothing. */
  forget?(txid: string): Promise<void>;
  /** Mines a block whose reward goes to a script; the reward's txid. Absent where blocks pay nobody. */
  reward?(scriptPubKey: Uint8Array): Promise<string>;
  dispose(): Promise<void>;
}

export const UNKNOWN = "ab".repeat(32);

/** Pays to script number `n` and returns the coin, which waits. */
export async function newCoin(place: ChainPlace, n: number, value: bigint): Promise<KeyCoin> {
  const script = keyScript(n);
  const txid = await place.fund(script.scriptPubKey, value);
  const coins = await place.chain.utxos(script.scriptPubKey);
  const coin = coins.find(({ outpoint }) => outpoint.txid === txid);
  assert(coin !== undefined, "a payment shows among the coins of its script");
  return { outpoint: coin.outpoint, script, value };
}

/** The position of whatever the newest block holds. */
export async function newestBlock({ chain }: ChainPlace): Promise<Position> {
  const { height, hash, time } = await chain.tip();
  return { kind: "confirmed", height, blockHash: hash, blockTime: time };
}

/** What custody would make of a proof: it believes the evidence, not the server. Throws `InclusionRefused`. */
export async function checkProof(place: ChainPlace, proof: MerkleProof, depth: number): Promise<void> {
  const rawTx = await place.chain.rawTransaction(proof.txid);
  assert(rawTx !== null, "what is in a block has bytes");
  assert.equal(txidOf(parseTransaction(rawTx)), proof.txid);
  const headers = await place.chain.headers(proof.height, depth);
  const claim = {
    rawTx,
    proof: { block_height: proof.height, merkle: proof.branch, pos: proof.position },
    headers: headers.map(({ raw }) => raw),
    depth,
    network: place.network,
  };
  assert.deepEqual(verifyInclusion(claim), { txid: proof.txid, height: proof.height, depth });
  assert.deepEqual(proof.header, headers[0]);
}

/** One promise of the chain's port, tried on a chain of its own. */
export type ChainTest = (place: ChainPlace, chain: BitcoinChain) => Promise<void>;

/** Makes a chain for a test and disposes of it afterwards. */
export type OnChain = (test: ChainTest) => () => Promise<void>;

export const chainsFrom =
  (makePlace: () => Promise<ChainPlace>): OnChain =>
  (test) =>
  async () => {
    const place = await makePlace();
    try {
      await test(place, place.chain);
    } finally {
      await place.dispose();
    }
  };
