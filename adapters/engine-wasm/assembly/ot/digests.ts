/** Many short hashes under one prefix: SHA-256(P ‖ P ‖ …), four at a time from the state that P ‖ P leaves behind. */
import { gather, scatter, swapBytes } from "./lanes";
import { compressColumns, compressNumbers, INITIAL_STATE, ROUND_CONSTANTS } from "./sha";
import { SCRATCH } from "./scratch";

const ROWS = 512;
const SCALAR_BYTES: usize = 32;
const COLUMN_BYTES: usize = 32;

const VECTOR: usize = 16;
const WORDS: usize = SCRATCH;
const DIGEST: usize = WORDS + 16 * VECTOR;
const MIDSTATE: usize = DIGEST + 8 * VECTOR;
const SCHEDULE: usize = MIDSTATE + 32;

/** FIPS 180-4 §6.2.2 for the one block P ‖ P. `prefix`: 32 bytes. */
function startFrom(prefix: usize): void {
  for (let i: usize = 0; i < 16; i++) store<u32>(SCHEDULE + 4 * i, bswap(load<u32>(prefix + 4 * (i & 7))));
  for (let i: usize = 16; i < 64; i++) {
    const at = SCHEDULE + 4 * i;
    const x = load<u32>(at - 60);
    const y = load<u32>(at - 8);
    const sigma0 = rotr(x, 7) ^ rotr(x, 18) ^ (x >> 3);
    const sigma1 = rotr(y, 17) ^ rotr(y, 19) ^ (y >> 10);
    store<u32>(at, sigma1 + load<u32>(at - 28) + sigma0 + load<u32>(at - 64));
  }
  let a = load<u32>(INITIAL_STATE, 0);
  let b = load<u32>(INITIAL_STATE, 4);
  let c = load<u32>(INITIAL_STATE, 8);
  let d = load<u32>(INITIAL_STATE, 12);
  let e = load<u32>(INITIAL_STATE, 16);
  let f = load<u32>(INITIAL_STATE, 20);
  let g = load<u32>(INITIAL_STATE, 24);
  let h = load<u32>(INITIAL_STATE, 28);
  for (let i: usize = 0; i < 64; i++) {
    const sum1 = rotr(e, 6) ^ rotr(e, 11) ^ rotr(e, 25);
    const t1 = h + sum1 + (g ^ (e & (f ^ g))) + load<u32>(ROUND_CONSTANTS + 4 * i) + load<u32>(SCHEDULE + 4 * i);
    const sum0 = rotr(a, 2) ^ rotr(a, 13) ^ rotr(a, 22);
    const t2 = sum0 + ((a & b) ^ (a & c) ^ (b & c));
    h = g;
    g = f;
    f = e;
    e = d + t1;
    d = c;
    c = b;
    b = a;
    a = t1 + t2;
  }
  store<u32>(MIDSTATE, a + load<u32>(INITIAL_STATE, 0), 0);
  store<u32>(MIDSTATE, b + load<u32>(INITIAL_STATE, 4), 4);
  store<u32>(MIDSTATE, c + load<u32>(INITIAL_STATE, 8), 8);
  store<u32>(MIDSTATE, d + load<u32>(INITIAL_STATE, 12), 12);
  store<u32>(MIDSTATE, e + load<u32>(INITIAL_STATE, 16), 16);
  store<u32>(MIDSTATE, f + load<u32>(INITIAL_STATE, 20), 20);
  store<u32>(MIDSTATE, g + load<u32>(INITIAL_STATE, 24), 24);
  store<u32>(MIDSTATE, h + load<u32>(INITIAL_STATE, 28), 28);
}

/** Four digests, each read big-endian: their last word is the least significant limb. They stay unreduced, below 2^256. */
function storeDigests(result: usize, stride: usize): void {
  for (let i: usize = 0; i < 8; i++) scatter(v128.load(DIGEST + (7 - i) * VECTOR), result + 4 * i, stride);
}

/** Four columns as words 1 … 8 of messages that have three bytes before them and the padding's first bit behind. */
function loadColumns(columns: usize): void {
  for (let i: usize = 1; i < 8; i++) {
    v128.store(WORDS + i * VECTOR, swapBytes(gather(columns + 4 * i - 3, COLUMN_BYTES)));
  }
  const tail = i32x4.shl(swapBytes(gather(columns + 28, COLUMN_BYTES)), 8);
  v128.store(WORDS + 8 * VECTOR, v128.or(tail, i32x4.splat(0x80)));
}

/** Rows of `width` scalars: row j, scalar i is the hash of j (two bytes), i (one byte), column j. */
export function hashColumns(prefix: usize, columns: usize, width: i32, result: usize): void {
  startFrom(prefix);
  const stride = <usize>width * SCALAR_BYTES;
  for (let row = 0; row < ROWS; row += 4) {
    loadColumns(columns);
    const numbers = i32x4.shl(i32x4.add(i32x4.splat(row), i32x4(0, 1, 2, 3)), 16);
    const first = v128.or(numbers, i32x4.shr_u(swapBytes(gather(columns, COLUMN_BYTES)), 24));
    for (let i = 0; i < width; i++) {
      v128.store(WORDS, v128.or(first, i32x4.splat(i << 8)));
      compressColumns(WORDS, MIDSTATE, DIGEST);
      storeDigests(result + <usize>i * SCALAR_BYTES, stride);
    }
    columns += 4 * COLUMN_BYTES;
    result += 4 * stride;
  }
}

/** One scalar per row: the hash of its number, two bytes. */
export function gadget(prefix: usize, result: usize): void {
  startFrom(prefix);
  for (let row = 0; row < ROWS; row += 4) {
    const numbers = i32x4.shl(i32x4.add(i32x4.splat(row), i32x4(0, 1, 2, 3)), 16);
    v128.store(WORDS, v128.or(numbers, i32x4.splat(0x8000)));
    compressNumbers(WORDS, MIDSTATE, DIGEST);
    storeDigests(result, SCALAR_BYTES);
    result += 4 * SCALAR_BYTES;
  }
}
