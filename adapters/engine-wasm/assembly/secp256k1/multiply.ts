/**
 * Multiplication by secret scalars. The sequence of operations and of memory addresses is the same for every scalar: tables
 * are read in full under masks, and a digit of zero adds the identity, or a point whose sum is then dropped.
 */
import { copy, mul } from "./arithmetic";
import { BETA, GENERATOR_X, GENERATOR_Y, ONE } from "./constants";
import {
  ACCUMULATOR, AFFINE, CHOSEN, ELEMENT, HIGH, LOW, MULTIPLES, POINT, POINT_USED, RECODED, SUM, wipe, Y, Z,
} from "./memory";
import { addAffine, addPoints, copyPoint, doublePoint, normalizePoints, setIdentity } from "./point";
import { digit, FULL_DIGITS, HALF_DIGITS, recodeFull, recodeHalf, splitScalar } from "./scalar";

/** Tables hold the multiples 1 … 16 of a point: digits lie in [−16, 15]. */
const ENTRIES: i32 = 16;

/** j·32^i·G at entry 16·i + j − 1, affine: 52·16·80 bytes. Filled by `buildGeneratorTable`. */
const GENERATOR_TABLE: usize = memory.data(66560, 16);

/** To be called once, before `multiplyGenerator`. */
export function buildGeneratorTable(): void {
  const base = ACCUMULATOR;
  copy(base, GENERATOR_X);
  copy(base + Y, GENERATOR_Y);
  copy(base + Z, ONE);
  for (let i: i32 = 0; i < FULL_DIGITS; i++) {
    fillMultiples(base);
    const last = MULTIPLES + (ENTRIES - 1) * POINT;
    doublePoint(base, last); // 2·16·32^i = 32^(i + 1)
    normalizePoints(MULTIPLES, ENTRIES);
    for (let j: i32 = 0; j < ENTRIES; j++) {
      const entry = GENERATOR_TABLE + (i * ENTRIES + j) * AFFINE;
      copy(entry, MULTIPLES + j * POINT);
      copy(entry + Y, MULTIPLES + j * POINT + Y);
    }
  }
}

/** MULTIPLES = p, 2·p, …, 16·p: the even ones by doubling, which is cheaper. */
function fillMultiples(p: usize): void {
  copyPoint(MULTIPLES, p);
  for (let j: i32 = 1; j < ENTRIES; j += 2) {
    const even = MULTIPLES + j * POINT;
    doublePoint(even, MULTIPLES + (j >> 1) * POINT);
    if (j + 1 < ENTRIES) addPoints(even + POINT, even, p);
  }
}

/** out = k·G for a secret k below 2^256: one entry of each of 52 tables. Wipes what it used. */
export function multiplyGenerator(out: usize, k: usize): void {
  recodeFull(k);
  setIdentity(ACCUMULATOR);
  for (let i: i32 = 0; i < FULL_DIGITS; i++) {
    const d = digit(RECODED, i);
    chooseAffine(GENERATOR_TABLE + i * ENTRIES * AFFINE, d);
    // For a digit of zero nothing was chosen, and the sum means nothing.
    addAffine(SUM, ACCUMULATOR, CHOSEN);
    moveUnless(ACCUMULATOR, SUM, zeroMask(d));
  }
  copyPoint(out, ACCUMULATOR);
  wipe();
}

/** out = k·p for a secret k below q and any p: 26 digits of each half of k, with 125 doublings. Wipes what it used. */
export function multiplyPoint(out: usize, p: usize, k: usize): void {
  splitScalar(k);
  recodeHalf(LOW);
  recodeHalf(HIGH);
  fillMultiples(p);
  choosePoint(digit(LOW, HALF_DIGITS - 1));
  copyPoint(ACCUMULATOR, CHOSEN);
  addRotated(digit(HIGH, HALF_DIGITS - 1));
  for (let i: i32 = HALF_DIGITS - 2; i >= 0; i--) {
    for (let j: i32 = 0; j < 5; j++) doublePoint(ACCUMULATOR, ACCUMULATOR);
    choosePoint(digit(LOW, i));
    addPoints(ACCUMULATOR, ACCUMULATOR, CHOSEN);
    addRotated(digit(HIGH, i));
  }
  copyPoint(out, ACCUMULATOR);
  wipe();
}

/** ACCUMULATOR += d·λ·p. λ·(x, y) = (β·x, y), once per digit instead of once per entry: half the table to read and to wipe. */
function addRotated(d: i32): void {
  choosePoint(d);
  mul(CHOSEN, CHOSEN, BETA);
  addPoints(ACCUMULATOR, ACCUMULATOR, CHOSEN);
}

/** −1 if the digit is 0, else 0. */
@inline function zeroMask(d: i32): i32 { return ((d | -d) >> 31) ^ -1; }

/** to = from where `mask` is 0; unchanged where it is −1. */
function moveUnless(to: usize, from: usize, mask: i32): void {
  for (let at: i32 = 0; at < POINT_USED; at += 4) {
    const moved = load<i32>(from + at);
    store<i32>(to + at, moved ^ ((moved ^ load<i32>(to + at)) & mask));
  }
}

/** All bits of every lane set if entry j, counted from 0, is the |d|-th. */
@inline function entryMask(j: i32, size: i32): v128 { return i32x4.splat((((j + 1) ^ size) - 1) >> 31); }

/** y = −y where `sign` is −1. */
function negateWhere(y: usize, sign: i32): void {
  for (let at: i32 = 0; at < ELEMENT; at += 4) store<i32>(y + at, (load<i32>(y + at) ^ sign) - sign);
}

/** CHOSEN = d·p from MULTIPLES, the identity for 0. Reads every entry. */
function choosePoint(d: i32): void {
  const sign = d >> 31;
  const size = (d ^ sign) - sign;
  let v0 = i32x4.splat(0), v1 = v0, v2 = v0, v3 = v0, v4 = v0, v5 = v0, v6 = v0;
  for (let j: i32 = 0; j < ENTRIES; j++) {
    const mask = entryMask(j, size);
    const entry = MULTIPLES + j * POINT;
    v0 = v128.or(v0, v128.and(mask, v128.load(entry, 0)));
    v1 = v128.or(v1, v128.and(mask, v128.load(entry, 16)));
    v2 = v128.or(v2, v128.and(mask, v128.load(entry, 32)));
    v3 = v128.or(v3, v128.and(mask, v128.load(entry, 48)));
    v4 = v128.or(v4, v128.and(mask, v128.load(entry, 64)));
    v5 = v128.or(v5, v128.and(mask, v128.load(entry, 80)));
    v6 = v128.or(v6, v128.and(mask, v128.load(entry, 96)));
  }
  v128.store(CHOSEN, v0, 0);
  v128.store(CHOSEN, v1, 16);
  v128.store(CHOSEN, v2, 32);
  v128.store(CHOSEN, v3, 48);
  v128.store(CHOSEN, v4, 64);
  v128.store(CHOSEN, v5, 80);
  v128.store(CHOSEN, v6, 96);
  store<i32>(CHOSEN + Y, load<i32>(CHOSEN + Y) | (zeroMask(d) & 1));
  negateWhere(CHOSEN + Y, sign);
}

/** CHOSEN = d times the first entry of an affine table, (0, 0) for d = 0. Reads every entry. */
function chooseAffine(table: usize, d: i32): void {
  const sign = d >> 31;
  const size = (d ^ sign) - sign;
  let v0 = i32x4.splat(0), v1 = v0, v2 = v0, v3 = v0, v4 = v0;
  for (let j: i32 = 0; j < ENTRIES; j++) {
    const mask = entryMask(j, size);
    const entry = table + j * AFFINE;
    v0 = v128.or(v0, v128.and(mask, v128.load(entry, 0)));
    v1 = v128.or(v1, v128.and(mask, v128.load(entry, 16)));
    v2 = v128.or(v2, v128.and(mask, v128.load(entry, 32)));
    v3 = v128.or(v3, v128.and(mask, v128.load(entry, 48)));
    v4 = v128.or(v4, v128.and(mask, v128.load(entry, 64)));
  }
  v128.store(CHOSEN, v0, 0);
  v128.store(CHOSEN, v1, 16);
  v128.store(CHOSEN, v2, 32);
  v128.store(CHOSEN, v3, 48);
  v128.store(CHOSEN, v4, 64);
  negateWhere(CHOSEN + Y, sign);
}
