import { Block, type Transaction } from "bitcoinjs-lib";
import { displayHash } from "./hash.ts";
import { MAX_BLOCK_WEIGHT, REGTEST_BITS, subsidy } from "./params.ts";
import { BlockInvalid } from "./rejected.ts";
import { isCoinbase } from "./transaction-rules.ts";

/** Target of `REGTEST_BITS`: 0x7fffff followed by 29 zero bytes. */
const TARGET = 0x7fffffn << 232n;

/** True if the header's hash is at most regtest's target. */
export const meetsTarget = (block: Block): boolean => BigInt(`0x${block.getId()}`) <= TARGET;

/** Header, Merkle roots, shape and weight (Core's CheckBlock, ContextualCheckBlock). Throws `BlockInvalid`. */
export function checkBlock(
  block: Block,
  { height, previous, medianTime }: { height: number; previous: string; medianTime: number },
): void {
  const require = (condition: boolean, reason: string): void => {
    if (!condition) throw new BlockInvalid(`block ${height}: ${reason}`);
  };
  const [coinbase, ...others] = block.transactions ?? [];
  if (coinbase === undefined) throw new BlockInvalid(`block ${height}: bad-blk-length`);
  require(displayHash(block.prevHash!) === previous, "prev-blk-not-found");
  require(block.bits === REGTEST_BITS, "bad-diffbits");
  require(meetsTarget(block), "high-hash");
  require(block.timestamp > medianTime, "time-too-old");
  require(isCoinbase(coinbase), "bad-cb-missing");
  require(!others.some(isCoinbase), "bad-cb-multiple");
  require(startsWith(coinbase.ins[0]!.script, heightScript(height)), "bad-cb-height");
  require(block.checkTxRoots(), "bad-txnmrklroot or bad-witness-merkle-match");
  require(block.weight() <= MAX_BLOCK_WEIGHT, "bad-blk-weight");
}

/** A coinbase may take the subsidy and the fees, no more. Throws `BlockInvalid`. */
export function checkCoinbaseValue(block: Block, { height, fees }: { height: number; fees: bigint }): void {
  const taken = block.transactions![0]!.outs.reduce((sum, output) => sum + output.value, 0n);
  if (taken > subsidy(height) + fees) throw new BlockInvalid(`block ${height}: bad-cb-amount`);
}

/** The height as a script pushes it, which every coinbase starts with (BIP34). */
export function heightScript(height: number): Uint8Array {
  if (height <= 16) return Uint8Array.of(height === 0 ? 0 : 0x50 + height);
  const bytes: number[] = [];
  for (let rest = height; rest > 0; rest >>= 8) bytes.push(rest & 0xff);
  if ((bytes.at(-1)! & 0x80) !== 0) bytes.push(0); // a set top bit would mean a negative number
  return Uint8Array.of(bytes.length, ...bytes);
}

const startsWith = (bytes: Uint8Array, prefix: Uint8Array): boolean =>
  Buffer.compare(bytes.subarray(0, prefix.length), prefix) === 0;

/** Merkle root over txids, as a header holds it. */
export const merkleRoot = (transactions: Transaction[]): Uint8Array => Block.calculateMerkleRoot(transactions);

/** What the coinbase commits to: the root over wtxids with the reserved value (BIP141). */
export const witnessCommitment = (transactions: Transaction[]): Uint8Array =>
  Block.calculateMerkleRoot(transactions, true);
