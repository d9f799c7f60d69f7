/**
 * Scalars: integers of 32-bit words, least significant first. All functions but `wnaf` run a fixed pattern.
 *
 * A multiplication by a secret k takes k apart into signed digits of five bits. Adding 16·Σ 32^i first makes the digits
 * of the sum, less 16 each, digits in [−16, 15] of k itself; k may even be negative, as long as the sum is not.
 */
import {
  FULL_OFFSET, HALF_OFFSET, LATTICE_A1, LATTICE_A2, LATTICE_MINUS_B1, RECIPROCAL_B2, RECIPROCAL_MINUS_B1,
} from "./constants";
import { HIGH, LOW, PRODUCT, QUOTIENT_1, QUOTIENT_2, RECODED } from "./memory";

/** Digits of a scalar below 2^256, and of one of its halves. */
export const FULL_DIGITS: i32 = 52;
export const HALF_DIGITS: i32 = 26;
const DIGIT_BITS: i32 = 5;

const SCALAR_WORDS: i32 = 8;
/** Halves are computed modulo 2^160, in two's complement. */
const HALF_WORDS: i32 = 5;

/** out = a·b mod 2^(32·count). `out` is another place than `a` and `b`. */
function multiplyWords(out: usize, a: usize, b: usize, factors: i32, count: i32): void {
  memory.fill(out, 0, 4 * count);
  for (let i: i32 = 0; i < factors; i++) {
    const factor: u64 = load<u32>(a + 4 * i);
    let carried: u64 = 0;
    // At most (2^32 − 1)^2 + 2·(2^32 − 1) = 2^64 − 1.
    for (let j: i32 = 0; j < factors && i + j < count; j++) {
      const at = out + 4 * (i + j);
      carried += <u64>load<u32>(at) + factor * <u64>load<u32>(b + 4 * j);
      store<u32>(at, <u32>carried);
      carried >>= 32;
    }
    if (i + factors < count) store<u32>(out + 4 * (i + factors), <u32>carried);
  }
}

/** out = a + b mod 2^(32·count). */
function addWords(out: usize, a: usize, b: usize, count: i32): void {
  let carried: u64 = 0;
  for (let i: i32 = 0; i < count; i++) {
    carried += <u64>load<u32>(a + 4 * i) + <u64>load<u32>(b + 4 * i);
    store<u32>(out + 4 * i, <u32>carried);
    carried >>= 32;
  }
}

/** out = a − b mod 2^(32·count). */
function subtractWords(out: usize, a: usize, b: usize, count: i32): void {
  let carried: i64 = 0;
  for (let i: i32 = 0; i < count; i++) {
    carried += <i64>load<u32>(a + 4 * i) - <i64>load<u32>(b + 4 * i);
    store<u32>(out + 4 * i, <u32>carried);
    carried >>= 32;
  }
}

/**
 * out = round(k·reciprocal / 2^384), 5 words. The reciprocal is off by at most 1/2, so before rounding the quotient is off by
 * at most 2^256/2^385 = 2^-129.
 */
function quotient(out: usize, k: usize, reciprocal: usize): void {
  multiplyWords(PRODUCT, k, reciprocal, SCALAR_WORDS, 2 * SCALAR_WORDS);
  let carried: u64 = load<u32>(PRODUCT + 44) >> 31;
  for (let i: i32 = 0; i < 4; i++) {
    carried += load<u32>(PRODUCT + 48 + 4 * i);
    store<u32>(out + 4 * i, <u32>carried);
    carried >>= 32;
  }
  store<u32>(out + 16, <u32>carried);
}

/**
 * LOW and HIGH: k = low + high·λ mod q (Gallant, Lambert, Vanstone 2001), in two's complement of 160 bits.
 *
 * With c1 = round(k·B2/q), c2 = round(−k·B1/q): low = k − c1·A1 − c2·A2, high = −c1·B1 − c2·B2. Exact rounding would give
 * |low| ≤ (A1 + A2)/2 < 0.64·2^128 and |high| ≤ (−B1 + B2)/2 < 0.55·2^128; our quotients are off by 2^-129 more.
 */
export function splitScalar(k: usize): void {
  quotient(QUOTIENT_1, k, RECIPROCAL_B2);
  quotient(QUOTIENT_2, k, RECIPROCAL_MINUS_B1);
  multiplyWords(PRODUCT, QUOTIENT_1, LATTICE_A1, HALF_WORDS, HALF_WORDS);
  subtractWords(LOW, k, PRODUCT, HALF_WORDS);
  multiplyWords(PRODUCT, QUOTIENT_2, LATTICE_A2, HALF_WORDS, HALF_WORDS);
  subtractWords(LOW, LOW, PRODUCT, HALF_WORDS);
  multiplyWords(HIGH, QUOTIENT_1, LATTICE_MINUS_B1, HALF_WORDS, HALF_WORDS);
  multiplyWords(PRODUCT, QUOTIENT_2, LATTICE_A1, HALF_WORDS, HALF_WORDS);
  subtractWords(HIGH, HIGH, PRODUCT, HALF_WORDS);
}

/**
 * Prepares a half, |half| < 2^128, for `digit`, in place: half + 16·Σ_(i < 26) 32^i lies in (0, 2^130), since what is added is
 * 0.516·2^130.
 */
export function recodeHalf(half: usize): void {
  addWords(half, half, HALF_OFFSET, HALF_WORDS);
}

/** RECODED = k, prepared for `digit`: k + 16·Σ_(i < 52) 32^i < 2^256 + 0.517·2^260 < 2^260. */
export function recodeFull(k: usize): void {
  memory.copy(RECODED, k, 4 * SCALAR_WORDS);
  store<u32>(RECODED + 4 * SCALAR_WORDS, 0);
  addWords(RECODED, RECODED, FULL_OFFSET, SCALAR_WORDS + 1);
}

/** The i-th signed digit, in [−16, 15], of a recoded scalar. */
export function digit(recoded: usize, i: i32): i32 {
  const bit = DIGIT_BITS * i;
  const word = load<u64>(recoded + ((bit >> 5) << 2));
  return (<i32>(word >> (bit & 31)) & 31) - 16;
}

/** Non-zero signed digits of a half may stand at these positions. */
export const WNAF_LENGTH: i32 = 129;

/**
 * Writes the width-`width` non-adjacent form of a half (changed on the way) to `out`, one signed byte per bit: odd digits below
 * 2^(width − 1), at least width − 1 zeros after each. Takes a time that depends on the half.
 */
export function wnaf(out: usize, half: usize, width: i32): void {
  memory.fill(out, 0, WNAF_LENGTH);
  const negative = load<i32>(half + 16) < 0;
  if (negative) {
    memory.fill(PRODUCT, 0, 4 * HALF_WORDS);
    subtractWords(half, PRODUCT, half, HALF_WORDS);
  }
  let carried: i32 = 0;
  for (let bit: i32 = 0; bit < WNAF_LENGTH; ) {
    // The words after a half belong to others: bits from 160 on are never looked at, since bit + width < 137.
    const ahead = <i32>(load<u64>(half + ((bit >> 5) << 2)) >> (bit & 31));
    if ((ahead & 1) == carried) {
      bit++;
      continue;
    }
    const value = (ahead & ((1 << width) - 1)) + carried;
    carried = (value >> (width - 1)) & 1;
    const signed = value - (carried << width);
    store<i8>(out + bit, <i8>(negative ? -signed : signed));
    bit += width;
  }
}
