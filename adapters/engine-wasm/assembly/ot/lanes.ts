/** Vectors of four 32-bit words, one message or one cipher block per lane, and the shuffles that fill and empty them. */

/** Shifts are what engines do best here: a byte shuffle for a rotation by 16 or 8 measured no faster. */
@inline
export function rotateLeft(x: v128, count: i32): v128 {
  return v128.or(i32x4.shl(x, count), i32x4.shr_u(x, 32 - count));
}

/** FIPS 180-4 §4.1.2 (4.4). */
@inline
export function bigSigma0(x: v128): v128 {
  return v128.xor(v128.xor(rotateLeft(x, 30), rotateLeft(x, 19)), rotateLeft(x, 10));
}

/** (4.5) */
@inline
export function bigSigma1(x: v128): v128 {
  return v128.xor(v128.xor(rotateLeft(x, 26), rotateLeft(x, 21)), rotateLeft(x, 7));
}

/** (4.6) */
@inline
export function smallSigma0(x: v128): v128 {
  return v128.xor(v128.xor(rotateLeft(x, 25), rotateLeft(x, 14)), i32x4.shr_u(x, 3));
}

/** (4.7) */
@inline
export function smallSigma1(x: v128): v128 {
  return v128.xor(v128.xor(rotateLeft(x, 15), rotateLeft(x, 13)), i32x4.shr_u(x, 10));
}

/** Ch of (4.2): y where x has a one, else z. */
@inline
export function choose(x: v128, y: v128, z: v128): v128 {
  return v128.xor(z, v128.and(x, v128.xor(y, z)));
}

/** The words at `at`, `at + stride`, `at + 2·stride`, `at + 3·stride`. */
@inline
export function gather(at: usize, stride: usize): v128 {
  const first = v128.load_zero<u32>(at);
  const second = v128.load_lane<u32>(at + stride, first, 1);
  const third = v128.load_lane<u32>(at + 2 * stride, second, 2);
  return v128.load_lane<u32>(at + 3 * stride, third, 3);
}

/** The inverse of `gather`. */
@inline
export function scatter(x: v128, at: usize, stride: usize): void {
  v128.store_lane<u32>(at, x, 0);
  v128.store_lane<u32>(at + stride, x, 1);
  v128.store_lane<u32>(at + 2 * stride, x, 2);
  v128.store_lane<u32>(at + 3 * stride, x, 3);
}

/** Big-endian words to native ones and back. */
@inline
export function swapBytes(x: v128): v128 {
  return v128.shuffle<u8>(x, x, 3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12);
}

/** Per argument the sum (xor) of its four lanes, as the four lanes of the result. */
@inline
export function foldLanes(a: v128, b: v128, c: v128, d: v128): v128 {
  const ab = v128.xor(v128.shuffle<u32>(a, b, 0, 4, 1, 5), v128.shuffle<u32>(a, b, 2, 6, 3, 7));
  const cd = v128.xor(v128.shuffle<u32>(c, d, 0, 4, 1, 5), v128.shuffle<u32>(c, d, 2, 6, 3, 7));
  return v128.xor(v128.shuffle<u32>(ab, cd, 0, 1, 4, 5), v128.shuffle<u32>(ab, cd, 2, 3, 6, 7));
}

/** One perfect shuffle of 256 bytes: byte k of the first half goes to place 2k, byte k of the second to 2k + 1. */
function interleave(from: usize, to: usize): void {
  for (let i: usize = 0; i < 128; i += 16) {
    const low = v128.load(from + i);
    const high = v128.load(from + i, 128);
    v128.store(to + 2 * i, v128.shuffle<u8>(low, high, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23));
    v128.store(to + 2 * i, v128.shuffle<u8>(low, high, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31), 16);
  }
}

/**
 * Transposes a square of 16 × 16 bytes in place; `spare` is another 256 bytes. A perfect shuffle rotates the eight bits of a
 * byte's place by one, so four of them exchange the four bits of its row with the four of its column.
 */
export function transposeSquare(square: usize, spare: usize): void {
  interleave(square, spare);
  interleave(spare, square);
  interleave(square, spare);
  interleave(spare, square);
}
