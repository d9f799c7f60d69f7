/**
 * Arithmetic on matrices of scalars, DKLS23's multiplication (eprint 2023/765, Protocol 5.2). A matrix has 512 rows; a scalar
 * in it is 32 bytes, little-endian, any number below 2^256 that is congruent to what it stands for. `canonical` chooses the
 * one below q.
 */
import { addComplement, addMasked, canonical, isNotReduced, multiplyAdd, reduceColumns } from "./scalar";
import { SCRATCH } from "./scratch";

const ROWS: usize = 512;
const SCALAR_BYTES: usize = 32;
/** Of a matrix that is three wide. */
const WIDE_ROW_BYTES: usize = 96;
const ACCUMULATOR_BYTES: usize = 128;
const FIRST: usize = SCRATCH;
const SECOND: usize = FIRST + ACCUMULATOR_BYTES;
const SCALAR: usize = SECOND + ACCUMULATOR_BYTES;

/** −1 if bit `row` is set, else 0. */
@inline
function maskAt(bits: usize, row: usize): u32 {
  return 0 - ((<u32>load<u8>(bits + (row >> 3)) >> <u32>(row & 7)) & 1);
}

/** accumulator += x & mask, limb by limb: a column grows by less than 2^32. */
@inline
function accumulate(x: usize, mask: u32, accumulator: usize): void {
  const mask64 = <u64>mask;
  for (let i: usize = 0; i < 8; i++) {
    const at = accumulator + 8 * i;
    store<u64>(at, load<u64>(at) + (<u64>load<u32>(x + 4 * i) & mask64));
  }
}

/** `result`: the sum of the scalars of `gadget` whose bit is set. Columns stay below 512·2^32 = 2^41. */
export function selectedSum(gadget: usize, bits: usize, result: usize): void {
  memory.fill(FIRST, 0, ACCUMULATOR_BYTES);
  for (let row: usize = 0; row < ROWS; row++) accumulate(gadget + row * SCALAR_BYTES, maskAt(bits, row), FIRST);
  reduceColumns(FIRST, result);
}

/**
 * `zero` becomes zero − one + input. `constants` holds (input + 1 − 2^256) mod q per column: ~one is 2^256 − 1 − one.
 */
export function correct(zero: usize, one: usize, constants: usize, width: usize): void {
  const rowBytes = width * SCALAR_BYTES;
  const end = zero + ROWS * rowBytes;
  for (; zero < end; zero += rowBytes, one += rowBytes) {
    for (let at: usize = 0; at < rowBytes; at += SCALAR_BYTES) {
      addComplement(zero + at, one + at, constants + at, zero + at);
    }
  }
}

/** `rows` becomes rows + bit·corrections. */
export function applyCorrections(rows: usize, bits: usize, corrections: usize, width: usize): void {
  const rowBytes = width * SCALAR_BYTES;
  for (let row: usize = 0; row < ROWS; row++) {
    const mask = maskAt(bits, row);
    for (let at = row * rowBytes; at < (row + 1) * rowBytes; at += SCALAR_BYTES) {
      addMasked(rows + at, corrections + at, mask, rows + at);
    }
  }
}

/**
 * Per row its third scalar, plus the first two times `weights`, plus `added` where the bit is set: 32 bytes big-endian, fully
 * reduced. Columns stay below 2·2^36 + 2·2^32 < 2^38.
 */
export function weigh(rows: usize, weights: usize, bits: usize, added: usize, result: usize): void {
  for (let row: usize = 0; row < ROWS; row++) {
    memory.fill(FIRST, 0, ACCUMULATOR_BYTES);
    accumulate(rows + 2 * SCALAR_BYTES, -1, FIRST);
    accumulate(added, maskAt(bits, row), FIRST);
    multiplyAdd(weights, rows, FIRST);
    multiplyAdd(weights + SCALAR_BYTES, rows + SCALAR_BYTES, FIRST);
    reduceColumns(FIRST, SCALAR);
    reverse(SCALAR, result + row * SCALAR_BYTES);
    rows += WIDE_ROW_BYTES;
  }
}

/** Of a matrix three wide, the inner products of its first two columns with `gadget`. Columns stay below 512·2^36 = 2^45. */
export function innerProducts(gadget: usize, rows: usize, result: usize): void {
  memory.fill(FIRST, 0, 2 * ACCUMULATOR_BYTES);
  for (let row: usize = 0; row < ROWS; row++) {
    multiplyAdd(gadget, rows, FIRST);
    multiplyAdd(gadget, rows + SCALAR_BYTES, SECOND);
    gadget += SCALAR_BYTES;
    rows += WIDE_ROW_BYTES;
  }
  reduceColumns(FIRST, result);
  reduceColumns(SECOND, result + SCALAR_BYTES);
}

/** 32 bytes in reverse order; `to` may be `from`. */
function reverse(from: usize, to: usize): void {
  const a = bswap(load<u64>(from, 0));
  const b = bswap(load<u64>(from, 8));
  const c = bswap(load<u64>(from, 16));
  store<u64>(to, bswap(load<u64>(from, 24)), 0);
  store<u64>(to, c, 8);
  store<u64>(to, b, 16);
  store<u64>(to, a, 24);
}

/** In place: `count` scalars become canonical and big-endian. */
export function encode(scalars: usize, count: usize): void {
  for (let i: usize = 0; i < count; i++) {
    canonical(scalars, SCALAR);
    reverse(SCALAR, scalars);
    scalars += SCALAR_BYTES;
  }
}

/** In place, the inverse of `encode`. Returns 0 if all are canonical. */
export function decode(scalars: usize, count: usize): u32 {
  let wrong: u32 = 0;
  for (let i: usize = 0; i < count; i++) {
    reverse(scalars, scalars);
    wrong |= isNotReduced(scalars);
    scalars += SCALAR_BYTES;
  }
  return wrong;
}
