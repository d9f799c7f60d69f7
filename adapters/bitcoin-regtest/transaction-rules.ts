import type { Transaction } from "bitcoinjs-lib";
import { displayHash, spentOutpoint } from "./hash.ts";
import { COINBASE_MATURITY, LOCKTIME_THRESHOLD, MAX_BLOCK_WEIGHT, MAX_MONEY } from "./params.ts";
import { refuse } from "./rejected.ts";
import type { Output } from "./script-index.ts";

/** An output that can be spent, with what the rules ask about its origin. */
export interface Coin extends Output {
  /** Height of its block; for one in the mempool, that of the next block. */
  readonly height: number;
  readonly coinbase: boolean;
}

/** Where a transaction is to be mined: what the time rules compare with. */
export interface SpendContext {
  /** Height of the block that will hold the transaction. */
  readonly height: number;
  /** Median time past of the block before it, Unix seconds. */
  readonly medianTime: number;
  /** Median time past of the block before the one of the given height. */
  medianTimeBefore(height: number): number;
}

const NULL_HASH = "00".repeat(32);
const SEQUENCE_FINAL = 0xffffffff;

/** What is wrong with a transaction wherever it stands (Core's CheckTransaction). Throws `Rejected`. */
export function checkTransaction(tx: Transaction): void {
  if (tx.ins.length === 0) refuse("bad-txns-vin-empty");
  if (tx.outs.length === 0) refuse("bad-txns-vout-empty");
  if (tx.byteLength(false) * 4 > MAX_BLOCK_WEIGHT) refuse("bad-txns-oversize");
  checkOutputValues(tx.outs);
  if (new Set(tx.ins.map(spentOutpoint)).size !== tx.ins.length) refuse("bad-txns-inputs-duplicate");
  if (isCoinbase(tx)) {
    const length = tx.ins[0]!.script.length;
    if (length < 2 || length > 100) refuse("bad-cb-length");
  } else if (tx.ins.some((input) => displayHash(input.hash) === NULL_HASH && input.index === 0xffffffff)) {
    refuse("bad-txns-prevout-null");
  }
}

function checkOutputValues(outputs: readonly Output[]): void {
  let total = 0n;
  for (const { value } of outputs) {
    if (value < 0n) refuse("bad-txns-vout-negative");
    if (value > MAX_MONEY) refuse("bad-txns-vout-toolarge");
    total += value;
    if (total > MAX_MONEY) refuse("bad-txns-txouttotal-toolarge");
  }
}

/** A coinbase has one input, which spends nothing: an all-zero hash *and* index 2^32 − 1. */
export const isCoinbase = (tx: Transaction): boolean =>
  tx.ins.length === 1 && tx.ins[0]!.index === 0xffffffff && displayHash(tx.ins[0]!.hash) === NULL_HASH;

/** True if nLockTime allows the transaction in a block of this height and median time past (BIP113). */
export function isFinal(tx: Transaction, { height, medianTime }: SpendContext): boolean {
  if (tx.locktime === 0) return true;
  if (tx.locktime < (tx.locktime < LOCKTIME_THRESHOLD ? height : medianTime)) return true;
  return tx.ins.every((input) => input.sequence === SEQUENCE_FINAL);
}

const SEQUENCE_LOCK_DISABLED = 0x80000000;
const SEQUENCE_LOCK_IN_TIME = 0x00400000;
const SEQUENCE_LOCK_MASK = 0x0000ffff;
/** BIP68 counts time in units of 512 seconds. */
const SEQUENCE_LOCK_SHIFT = 9;

/** True if every input is as old as its sequence number demands (BIP68; version 2 and later). */
export function sequenceLocksPass(tx: Transaction, coins: readonly Coin[], context: SpendContext): boolean {
  if (tx.version < 2) return true;
  return tx.ins.every(({ sequence }, i) => {
    if ((sequence & SEQUENCE_LOCK_DISABLED) !== 0) return true;
    const age = sequence & SEQUENCE_LOCK_MASK;
    const { height } = coins[i]!;
    if ((sequence & SEQUENCE_LOCK_IN_TIME) === 0) return context.height >= height + age;
    return context.medianTime >= context.medianTimeBefore(height) + (age << SEQUENCE_LOCK_SHIFT);
  });
}

/** The fee in satoshis, after maturity and value rules (Core's CheckTxInputs). Throws `Rejected`. */
export function checkInputs(tx: Transaction, coins: readonly Coin[], spendHeight: number): bigint {
  let total = 0n;
  for (const coin of coins) {
    const depth = spendHeight - coin.height;
    if (coin.coinbase && depth < COINBASE_MATURITY) {
      refuse(`bad-txns-premature-spend-of-coinbase, tried to spend coinbase at depth ${depth}`);
    }
    total += coin.value;
  }
  const spent = tx.outs.reduce((sum, output) => sum + output.value, 0n);
  if (total < spent) refuse(`bad-txns-in-belowout, value in (${total}) < value out (${spent})`);
  return total - spent;
}
