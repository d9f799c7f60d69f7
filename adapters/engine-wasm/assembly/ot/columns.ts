/** The transposition between the two readings of the OT extension's bit matrix. */
import { transposeSquare } from "./lanes";
import { SCRATCH } from "./scratch";

const ROWS: usize = 256;
const ROW_BYTES: usize = 80;
/** Of a row, the first 512 bits. */
const USED_BYTES: usize = 64;
const COLUMN_BYTES: usize = 32;

const VECTOR: usize = 16;
const SQUARE: usize = SCRATCH;
const SPARE: usize = SQUARE + 256;

/** Eight columns of 16 rows, whose bits are in the 16 bytes of `bits`: `bitmask` takes the top bit of each. */
function storeColumns(bits: v128, columns: usize): void {
  for (let column: usize = 8; column-- > 0; ) {
    store<u16>(columns + column * COLUMN_BYTES, <u16>i8x16.bitmask(bits));
    bits = i8x16.add(bits, bits);
  }
}

/** `result`: 512 columns of 32 bytes; bit r of column c is bit c of row r, least significant first. */
export function columns(rows: usize, result: usize): void {
  for (let row: usize = 0; row < ROWS; row += 16) {
    for (let at: usize = 0; at < USED_BYTES; at += VECTOR) {
      for (let i: usize = 0; i < 16; i++) v128.store(SQUARE + i * VECTOR, v128.load(rows + (row + i) * ROW_BYTES + at));
      transposeSquare(SQUARE, SPARE);
      for (let i: usize = 0; i < 16; i++) {
        storeColumns(v128.load(SQUARE + i * VECTOR), result + 8 * (at + i) * COLUMN_BYTES + row / 8);
      }
    }
  }
}
