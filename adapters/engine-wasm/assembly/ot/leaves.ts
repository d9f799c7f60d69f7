/** SoftSpoken OT's expansion of seeds (eprint 2022/192, §3 and Figure 8), four leaves at a time. */
import { chachaBlocks } from "./chacha";
import { foldLanes, gather } from "./lanes";
import { SCRATCH } from "./scratch";

const TREES = 64;
const SEED_BYTES: usize = 32;
const ROW_BYTES: usize = 80;
/** A tree's 16 leaves are four groups of four: of a leaf's index, the low two bits are its lane, the high two its group. */
const GROUPS = 4;

const VECTOR: usize = 16;
const BLOCK_VECTORS: usize = 16 * VECTOR;
/** Words of ChaCha20's state (RFC 8439 §2.3). */
const CHACHA: usize = SCRATCH;
const KEY: usize = 4 * VECTOR;
const COUNTER: usize = 12 * VECTOR;
/** Per group two blocks, of which the row takes the first and a quarter of the second. */
const STREAMS: usize = SCRATCH + BLOCK_VECTORS;
const GROUP_BYTES: usize = 2 * BLOCK_VECTORS;

/** The constants and the nonce, which all blocks share. `start`: block counter and nonce, 16 bytes. */
function prepare(start: usize): void {
  v128.store(CHACHA, i32x4.splat(0x61707865), 0);
  v128.store(CHACHA, i32x4.splat(0x3320646e), 16);
  v128.store(CHACHA, i32x4.splat(0x79622d32), 32);
  v128.store(CHACHA, i32x4.splat(0x6b206574), 48);
  for (let i: usize = 0; i < 4; i++) v128.store(CHACHA + COUNTER + i * VECTOR, v128.load_splat<u32>(start + 4 * i));
}

/** The streams of four seeds. The first counter is even, so that the second does not wrap around. */
function expandGroup(seeds: usize, streams: usize): void {
  for (let i: usize = 0; i < 8; i++) v128.store(CHACHA + KEY + i * VECTOR, gather(seeds + 4 * i, SEED_BYTES));
  const counter = v128.load(CHACHA + COUNTER);
  chachaBlocks(CHACHA, streams);
  v128.store(CHACHA + COUNTER, i32x4.add(counter, i32x4.splat(1)));
  chachaBlocks(CHACHA, streams + BLOCK_VECTORS);
  v128.store(CHACHA + COUNTER, counter);
}

/** The sum, lane by lane, of the word vectors at `at` of two groups. */
@inline
function sumOf(first: usize, second: usize, at: usize): v128 {
  return v128.xor(v128.load(at + first * GROUP_BYTES), v128.load(at + second * GROUP_BYTES));
}

/** Sums a tree's streams, four words of the row at a time: into four rows of `planes`, and into one of `sums`. */
function sumTree(planes: usize, sums: usize): void {
  const lowBit = i32x4(0, -1, 0, -1);
  const highBit = i32x4(0, 0, -1, -1);
  for (let at: usize = 0; at < ROW_BYTES; at += VECTOR) {
    const a = STREAMS + 4 * at;
    const b = a + VECTOR;
    const c = b + VECTOR;
    const d = c + VECTOR;
    const a0 = v128.xor(sumOf(0, 1, a), sumOf(2, 3, a));
    const b0 = v128.xor(sumOf(0, 1, b), sumOf(2, 3, b));
    const c0 = v128.xor(sumOf(0, 1, c), sumOf(2, 3, c));
    const d0 = v128.xor(sumOf(0, 1, d), sumOf(2, 3, d));
    v128.store(sums + at, foldLanes(a0, b0, c0, d0));
    const row = planes + at;
    v128.store(
      row,
      foldLanes(v128.and(a0, lowBit), v128.and(b0, lowBit), v128.and(c0, lowBit), v128.and(d0, lowBit)),
    );
    v128.store(
      row + ROW_BYTES,
      foldLanes(v128.and(a0, highBit), v128.and(b0, highBit), v128.and(c0, highBit), v128.and(d0, highBit)),
    );
    v128.store(row + 2 * ROW_BYTES, foldLanes(sumOf(1, 3, a), sumOf(1, 3, b), sumOf(1, 3, c), sumOf(1, 3, d)));
    v128.store(row + 3 * ROW_BYTES, foldLanes(sumOf(2, 3, a), sumOf(2, 3, b), sumOf(2, 3, c), sumOf(2, 3, d)));
  }
}

/** `leaves`: 64 × 16 seeds. `planes`: 256 rows. `sums`: 64 rows. */
export function expandLeaves(start: usize, leaves: usize, planes: usize, sums: usize): void {
  prepare(start);
  for (let tree = 0; tree < TREES; tree++) {
    for (let group = 0; group < GROUPS; group++) {
      expandGroup(leaves, STREAMS + <usize>group * GROUP_BYTES);
      leaves += 4 * SEED_BYTES;
    }
    sumTree(planes, sums);
    planes += 4 * ROW_BYTES;
    sums += ROW_BYTES;
  }
}
