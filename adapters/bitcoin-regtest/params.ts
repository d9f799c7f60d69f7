import { Block } from "bitcoinjs-lib";

/**
 * Regtest as Bitcoin Core defines it (chainparams.cpp, CRegTestParams), plus the limits every network shares
 * (consensus.h, policy.h). Amounts are satoshis, sizes bytes or weight units.
 */

/** Compact form of the easiest target: every second hash is below it. */
export const REGTEST_BITS = 0x207fffff;
/** Difficulty of `REGTEST_BITS` relative to the easiest target of the main network. */
export const REGTEST_DIFFICULTY = 4.6565423739069247e-10;
/** Blocks between halvings of the subsidy. */
export const HALVING_INTERVAL = 150;
export const INITIAL_SUBSIDY = 5_000_000_000n;
/** A coinbase output can be spent by a block this many higher than its own. */
export const COINBASE_MATURITY = 100;
export const MAX_MONEY = 2_100_000_000_000_000n;
export const MAX_BLOCK_WEIGHT = 4_000_000;
/** Below this a lock time is a height, from here on a Unix time. */
export const LOCKTIME_THRESHOLD = 500_000_000;
/** A block's time must exceed the median of this many blocks before it (BIP113). */
export const MEDIAN_TIME_SPAN = 11;

/** Hash of regtest's first block, in the order people read hashes. */
export const GENESIS_HASH = "0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206";

const GENESIS_HEADER =
  "0100000000000000000000000000000000000000000000000000000000000000000000003ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4adae5494dffff7f2002000000";
const GENESIS_COINBASE =
  "01000000010000000000000000000000000000000000000000000000000000000000000000ffffffff4d04ffff001d0104455468652054696d65732030332f4a616e2f32303039204368616e63656c6c6f72206f6e206272696e6b206f66207365636f6e64206261696c6f757420666f722062616e6b73ffffffff0100f2052a01000000434104678afdb0fe5548271967f1a67130b7105cd6a828e03909a67962e0ea1f61deb649f6bc3f4cef38c4f35504e51ec112de5c384df7ba0b8d578a4c702b6bf11d5fac00000000";

/** Regtest's first block. Its coinbase output can never be spent: Core does not put it among the coins. */
export const genesisBlock = (): Block => Block.fromHex(`${GENESIS_HEADER}01${GENESIS_COINBASE}`);

/** What a block of `height` may create out of nothing, in satoshis. */
export function subsidy(height: number): bigint {
  const halvings = Math.floor(height / HALVING_INTERVAL);
  return halvings >= 64 ? 0n : INITIAL_SUBSIDY >> BigInt(halvings);
}
