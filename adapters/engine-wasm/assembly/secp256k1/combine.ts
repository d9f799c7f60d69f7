/** Σ k_i·P_i for public scalars and points (Straus 1964, with the endomorphism): takes a time that depends on all of them. */
import { copy, mul } from "./arithmetic";
import { BETA, GENERATOR_X, GENERATOR_Y, ONE } from "./constants";
import { ACCUMULATOR, AFFINE, CHOSEN, HIGH, LOW, MAX_POINTS, POINT, points, SCALAR, scalars, Y, Z } from "./memory";
import { addAffine, addPoints, copyPoint, doublePoint, negatePoint, normalizePoints, setIdentity } from "./point";
import { splitScalar, wnaf, WNAF_LENGTH } from "./scalar";

/** Digits of a point: odd, below 2^4 in size, so eight odd multiples 1·P … 15·P. */
const WIDTH: i32 = 5;
const ENTRIES: i32 = 8;
/** Digits of the generator: below 2^7, from a table that is built once. */
const GENERATOR_WIDTH: i32 = 8;
const GENERATOR_ENTRIES: i32 = 64;

/** Per point eight entries of P, then eight of λ·P: 32·16·112 bytes. */
const TABLES: usize = memory.data(57344, 16);
/** (2j + 1)·G at entry j, affine, then the same of λ·G: 2·64·80 bytes. */
const GENERATOR_TABLE: usize = memory.data(10240, 16);
/** Per term the digits of both halves, one byte each; the generator's are the last: 33·2·136 bytes. */
const DIGITS: usize = memory.data(8976, 16);
const DIGITS_STRIDE: i32 = 136;

/** To be called once, before `combinePoints`. */
export function buildOddGeneratorTable(): void {
  const twice = ACCUMULATOR;
  copy(points, GENERATOR_X);
  copy(points + Y, GENERATOR_Y);
  copy(points + Z, ONE);
  doublePoint(twice, points);
  for (let j: i32 = 0; j < GENERATOR_ENTRIES; j += MAX_POINTS) {
    for (let i: i32 = 1; i < MAX_POINTS; i++) addPoints(points + i * POINT, points + (i - 1) * POINT, twice);
    addPoints(CHOSEN, points + (MAX_POINTS - 1) * POINT, twice);
    normalizePoints(points, MAX_POINTS);
    for (let i: i32 = 0; i < MAX_POINTS; i++) {
      const entry = GENERATOR_TABLE + (j + i) * AFFINE;
      const rotated = entry + GENERATOR_ENTRIES * AFFINE;
      copy(entry, points + i * POINT);
      copy(entry + Y, points + i * POINT + Y);
      mul(rotated, entry, BETA);
      copy(rotated + Y, entry + Y);
    }
    copyPoint(points, CHOSEN);
  }
}

/** points[0] = Σ_(i < count) scalars[i]·points[i] + scalars[count]·G. */
export function combinePoints(count: i32): void {
  for (let i: i32 = 0; i < count; i++) {
    fillOddMultiples(TABLES + i * 2 * ENTRIES * POINT, points + i * POINT);
    recode(i, WIDTH);
  }
  recode(count, GENERATOR_WIDTH);
  setIdentity(ACCUMULATOR);
  let started = false;
  for (let bit: i32 = WNAF_LENGTH - 1; bit >= 0; bit--) {
    if (started) doublePoint(ACCUMULATOR, ACCUMULATOR);
    for (let half: i32 = 0; half < 2; half++) {
      for (let i: i32 = 0; i <= count; i++) {
        const d: i32 = load<i8>(digitsOf(i, half) + bit);
        if (d == 0) continue;
        started = true;
        if (i < count) addMultiple(TABLES + (2 * i + half) * ENTRIES * POINT, d);
        else addGenerator(GENERATOR_TABLE + half * GENERATOR_ENTRIES * AFFINE, d);
      }
    }
  }
  copyPoint(points, ACCUMULATOR);
}

@inline function digitsOf(term: i32, half: i32): usize { return DIGITS + (2 * term + half) * DIGITS_STRIDE; }

/** The digits of both halves of scalars[term]. */
function recode(term: i32, width: i32): void {
  splitScalar(scalars + term * SCALAR);
  wnaf(digitsOf(term, 0), LOW, width);
  wnaf(digitsOf(term, 1), HIGH, width);
}

/** table = P, 3·P, …, 15·P, then λ times these. */
function fillOddMultiples(table: usize, p: usize): void {
  const twice = CHOSEN;
  doublePoint(twice, p);
  copyPoint(table, p);
  for (let j: i32 = 1; j < ENTRIES; j++) addPoints(table + j * POINT, table + (j - 1) * POINT, twice);
  for (let j: i32 = 0; j < ENTRIES; j++) {
    const entry = table + j * POINT;
    const rotated = entry + ENTRIES * POINT;
    copyPoint(rotated, entry);
    mul(rotated, entry, BETA);
  }
}

/** ACCUMULATOR += d times the first entry of a table of odd multiples. */
function addMultiple(table: usize, d: i32): void {
  let entry = table + ((d < 0 ? -d : d) >> 1) * POINT;
  if (d < 0) {
    negatePoint(CHOSEN, entry);
    entry = CHOSEN;
  }
  addPoints(ACCUMULATOR, ACCUMULATOR, entry);
}

/** The same for an affine table. */
function addGenerator(table: usize, d: i32): void {
  let entry = table + ((d < 0 ? -d : d) >> 1) * AFFINE;
  if (d < 0) {
    negatePoint(CHOSEN, entry); // its third coordinate is padding, and not used
    entry = CHOSEN;
  }
  addAffine(ACCUMULATOR, ACCUMULATOR, entry);
}
