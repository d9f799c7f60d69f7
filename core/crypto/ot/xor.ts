/**
 * Sums (xor) of byte strings, a word at a time: rows are many KB, and a byte at a time they would cost as much as the kernels.
 * Which words are read and written depends on the lengths only.
 */
import { assert } from "@conclave/bytes";

const WORD_BYTES = 4;

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.length);

/** target ⊕= part, repeated as often as it fits, in place. Both lengths are whole words. */
export function addRepeated(target: Uint8Array, part: Uint8Array): void {
  assert(part.length % WORD_BYTES === 0 && target.length % part.length === 0, "the part fits whole times");
  const [sum, added] = [viewOf(target), viewOf(part)];
  for (let start = 0; start < target.length; start += part.length) {
    for (let i = 0; i < part.length; i += WORD_BYTES) {
      sum.setInt32(start + i, sum.getInt32(start + i, true) ^ added.getInt32(i, true), true);
    }
  }
}

/** The sum of all pieces of `length` bytes, a number of whole words. */
export function sumOf(pieces: Uint8Array, length: number): Uint8Array {
  assert(length % WORD_BYTES === 0 && pieces.length % length === 0, "whole pieces");
  const result = new Uint8Array(length);
  const [sum, added] = [viewOf(result), viewOf(pieces)];
  for (let start = 0; start < pieces.length; start += length) {
    for (let i = 0; i < length; i += WORD_BYTES) {
      sum.setInt32(i, sum.getInt32(i, true) ^ added.getInt32(start + i, true), true);
    }
  }
  return result;
}

/**
 * In place, row after row of `rowBytes` (whole words): target_row ⊕= bit_row·parts_⌊row/each⌋, with bits counted from the least
 * significant bit of the first byte. Each part serves `each` rows. The bits may be secret: they are masks.
 */
export function addSelected(
  target: Uint8Array,
  parts: Uint8Array,
  { bits, rowBytes, each }: { readonly bits: Uint8Array; readonly rowBytes: number; readonly each: number },
): void {
  const rows = 8 * bits.length;
  assert(rowBytes % WORD_BYTES === 0 && target.length === rows * rowBytes, "a row of whole words per bit");
  assert(parts.length * each === target.length, "as many parts as the rows need");
  const [sum, added] = [viewOf(target), viewOf(parts)];
  for (let row = 0; row < rows; row++) {
    const mask = -((bits[row >> 3]! >> (row & 7)) & 1);
    const [to, from] = [row * rowBytes, Math.floor(row / each) * rowBytes];
    for (let i = 0; i < rowBytes; i += WORD_BYTES) {
      sum.setInt32(to + i, sum.getInt32(to + i, true) ^ (added.getInt32(from + i, true) & mask), true);
    }
  }
}

/** Exchanges the halves (whole words) in place if `swap` is 1, leaves them if it is 0, in the same steps. */
export function swapHalves(pair: Uint8Array, swap: number): void {
  const half = pair.length / 2;
  assert(half % WORD_BYTES === 0, "halves of whole words");
  const view = viewOf(pair);
  for (let i = 0; i < half; i += WORD_BYTES) {
    const [first, second] = [view.getInt32(i, true), view.getInt32(half + i, true)];
    const difference = (first ^ second) & -swap;
    view.setInt32(i, first ^ difference, true);
    view.setInt32(half + i, second ^ difference, true);
  }
}
