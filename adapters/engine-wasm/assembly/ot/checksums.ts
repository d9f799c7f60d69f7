/**
 * SoftSpoken OT's consistency check: linear combinations of secret rows under public challenges in GF(2^128).
 *
 * Four bits of a block contribute one of the 16 sums of χ·x^i, χ·x^(i+1), χ·x^(i+2), χ·x^(i+3). A look-up by secret bits must
 * not touch memory, so it is a byte shuffle: the table of a nibble is held as 16 vectors, one per byte of the sum, and one
 * `swizzle` looks up that byte for 16 rows.
 */
import { transposeSquare } from "./lanes";
import { SCRATCH } from "./scratch";

const ROW_BYTES: usize = 80;
const SQUARE: usize = 256;
const VECTOR: usize = 16;
/** Rows that are worked on together. */
const ROWS: usize = 16;
/** Of the four blocks that are multiplied, 32 each. */
const NIBBLES: usize = 128;

/** Per nibble 16 vectors: vector b holds byte b of the nibble's 16 sums. Made of public challenges, so never wiped. */
const TABLES: usize = memory.data(128 * 256, 16);

const SPARE: usize = SCRATCH;
/** A square of bytes: 16 rows of one block, or the result. */
const BLOCK: usize = SPARE + SQUARE;
/** Per nibble a vector: that nibble of each row. */
const LOOKUPS: usize = BLOCK + SQUARE;

/** The sums of the four multiples of χ·x^i that start at `power`, as a table. */
function makeTable(power: usize, table: usize): void {
  v128.store(table, i32x4.splat(0));
  for (let bit: usize = 0; bit < 4; bit++) {
    const multiple = v128.load(power + bit * VECTOR);
    const half = table + (VECTOR << bit);
    for (let at = table; at < half; at += VECTOR) {
      v128.store(at + (VECTOR << bit), v128.xor(v128.load(at), multiple));
    }
  }
  transposeSquare(table, SPARE);
}

/** The tables of one challenge. x^128 is x^7 + x^2 + x + 1: what a doubling shifts out comes back as 0x87. */
function makeTables(challenge: usize, tables: usize): void {
  let low = load<u64>(challenge);
  let high = load<u64>(challenge, 8);
  for (let nibble: usize = 0; nibble < 32; nibble++) {
    for (let bit: usize = 0; bit < 4; bit++) {
      store<u64>(BLOCK + bit * VECTOR, low, 0);
      store<u64>(BLOCK + bit * VECTOR, high, 8);
      const overflow = high >> 63;
      high = (high << 1) | (low >> 63);
      low = (low << 1) ^ (0x87 & (0 - overflow));
    }
    makeTable(BLOCK, tables + nibble * SQUARE);
  }
}

/** Block `block` of 16 rows, byte by byte: vector b of BLOCK holds byte b of each row. */
function loadBlock(rows: usize, block: usize): void {
  for (let i: usize = 0; i < ROWS; i++) v128.store(BLOCK + i * VECTOR, v128.load(rows + i * ROW_BYTES + block * VECTOR));
  transposeSquare(BLOCK, SPARE);
}

function loadLookups(rows: usize): void {
  let lookup = LOOKUPS;
  for (let block: usize = 0; block < 4; block++) {
    loadBlock(rows, block);
    for (let i: usize = 0; i < VECTOR; i++) {
      const bytes = v128.load(BLOCK + i * VECTOR);
      v128.store(lookup, v128.and(bytes, i8x16.splat(0x0f)), 0);
      v128.store(lookup, i8x16.shr_u(bytes, 4), 16);
      lookup += 2 * VECTOR;
    }
  }
}

/** Adds to bytes `at` … `at` + 3 of 16 results what the tables give. */
function addProducts(at: usize): void {
  const result = BLOCK + at * VECTOR;
  let a = v128.load(result, 0);
  let b = v128.load(result, 16);
  let c = v128.load(result, 32);
  let d = v128.load(result, 48);
  let table = TABLES + at * VECTOR;
  for (let nibble: usize = 0; nibble < NIBBLES; nibble++) {
    const lookup = v128.load(LOOKUPS + nibble * VECTOR);
    a = v128.xor(a, i8x16.swizzle(v128.load(table, 0), lookup));
    b = v128.xor(b, i8x16.swizzle(v128.load(table, 16), lookup));
    c = v128.xor(c, i8x16.swizzle(v128.load(table, 32), lookup));
    d = v128.xor(d, i8x16.swizzle(v128.load(table, 48), lookup));
    table += SQUARE;
  }
  v128.store(result, a, 0);
  v128.store(result, b, 16);
  v128.store(result, c, 32);
  v128.store(result, d, 48);
}

/** `count` rows, a multiple of 16; `result` receives 16 bytes for each. `challenges`: χ_0 … χ_3. */
export function checksums(rows: usize, count: usize, challenges: usize, result: usize): void {
  for (let m: usize = 0; m < 4; m++) makeTables(challenges + m * VECTOR, TABLES + m * 32 * SQUARE);
  for (let row: usize = 0; row < count; row += ROWS) {
    loadLookups(rows);
    loadBlock(rows, 4);
    for (let at: usize = 0; at < VECTOR; at += 4) addProducts(at);
    transposeSquare(BLOCK, SPARE);
    memory.copy(result, BLOCK, SQUARE);
    rows += ROWS * ROW_BYTES;
    result += SQUARE;
  }
}
