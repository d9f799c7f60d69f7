/** The half of the portable OT kernel that works on bits: expansion, consistency check, transposition. No branch on a secret. */
import { assert } from "@conclave/bytes";
import { chachaBlock, chachaInput } from "./chacha20.ts";
import { streamStart } from "./kernel-inputs.ts";
import type { OtKernel } from "./kernel.ts";
import {
  BASE_OTS,
  CHECK_BLOCKS,
  CHECK_BYTES,
  COLUMN_BYTES,
  LEAVES,
  MULTIPLY_OTS,
  ROW_BYTES,
  SEED_BYTES,
  STATISTICAL_BITS,
  TREE_DEPTH,
  TREES,
} from "./parameters.ts";

const WORD_BITS = 32;
const ROW_WORDS = ROW_BYTES / 4;
const SEED_WORDS = SEED_BYTES / 4;
const BLOCK_WORDS = 16;
const CHECK_WORDS = CHECK_BYTES / 4;
/** Where a ChaCha20 input holds its key, its counter and its nonce. */
const [KEY, COUNTER, NONCE] = [4, 12, 13];

export const binaryKernel: Pick<OtKernel, "expandLeaves" | "checksums" | "columns"> = {
  expandLeaves,
  checksums,
  columns,
};

function expandLeaves(session: Uint8Array, leaves: Uint8Array): { planes: Uint8Array; sums: Uint8Array } {
  assert(leaves.length === TREES * LEAVES * SEED_BYTES, "as many leaves as the trees have");
  const seeds = wordsOf(leaves);
  const planes = new Uint32Array(TREES * TREE_DEPTH * ROW_WORDS);
  const sums = new Uint32Array(TREES * ROW_WORDS);
  const stream = leafStream(session);
  for (let tree = 0; tree < TREES; tree++) {
    for (let leaf = 0; leaf < LEAVES; leaf++) {
      stream.generate(seeds, (tree * LEAVES + leaf) * SEED_WORDS);
      addWords(sums, tree * ROW_WORDS, stream.row);
      for (let bit = 0; bit < TREE_DEPTH; bit++) {
        if (((leaf >> bit) & 1) === 1) addWords(planes, (tree * TREE_DEPTH + bit) * ROW_WORDS, stream.row);
      }
    }
  }
  const expanded = { planes: bytesOf(planes), sums: bytesOf(sums) };
  for (const secret of [seeds, planes, sums]) secret.fill(0);
  stream.wipe();
  return expanded;
}

interface LeafStream {
  /** What `generate` made last. */
  readonly row: Uint32Array;
  /** The stream of the seed at word `at` of `seeds`. */
  generate(seeds: Uint32Array, at: number): void;
  wipe(): void;
}

function leafStream(session: Uint8Array): LeafStream {
  const [counter, ...nonce] = wordsOf(streamStart(session));
  const input = chachaInput();
  input.set(nonce, NONCE);
  const blocks = new Uint32Array(2 * BLOCK_WORDS);
  const [first, second] = [blocks.subarray(0, BLOCK_WORDS), blocks.subarray(BLOCK_WORDS)];
  return {
    row: blocks.subarray(0, ROW_WORDS),
    generate(seeds, at) {
      for (let i = 0; i < SEED_WORDS; i++) input[KEY + i] = seeds[at + i]!;
      input[COUNTER] = counter!;
      chachaBlock(input, first);
      input[COUNTER] = counter! + 1;
      chachaBlock(input, second);
    },
    wipe() {
      input.fill(0);
      blocks.fill(0);
    },
  };
}

function addWords(target: Uint32Array, at: number, words: Uint32Array): void {
  for (let i = 0; i < words.length; i++) target[at + i]! ^= words[i]!;
}

function checksums(rows: Uint8Array, challenges: Uint8Array): Uint8Array {
  assert(rows.length % ROW_BYTES === 0, "whole rows");
  assert(challenges.length === CHECK_BLOCKS * CHECK_BYTES, "a challenge per block of choices");
  const multiples = multiplesOf(wordsOf(challenges));
  const words = wordsOf(rows);
  const count = rows.length / ROW_BYTES;
  const results = new Uint32Array(count * CHECK_WORDS);
  for (let row = 0; row < count; row++) {
    let [r0, r1, r2, r3] = [0, 0, 0, 0];
    let m = 0;
    for (let i = 0; i < MULTIPLY_OTS / WORD_BITS; i++) {
      const word = words[row * ROW_WORDS + i]!;
      for (let bit = 0; bit < WORD_BITS; bit++, m += CHECK_WORDS) {
        const mask = -((word >>> bit) & 1);
        r0 ^= multiples[m]! & mask;
        r1 ^= multiples[m + 1]! & mask;
        r2 ^= multiples[m + 2]! & mask;
        r3 ^= multiples[m + 3]! & mask;
      }
    }
    results.set([r0, r1, r2, r3], row * CHECK_WORDS);
    const last = row * ROW_WORDS + MULTIPLY_OTS / WORD_BITS;
    addWords(results, row * CHECK_WORDS, words.subarray(last, last + CHECK_WORDS));
  }
  words.fill(0);
  return bytesOf(results);
}

/** χ_m·x^i at place 128·m + i, so that a block times its challenge is a masked sum over the block's bits. */
function multiplesOf(challenges: Uint32Array): Uint32Array {
  const multiples = new Uint32Array(MULTIPLY_OTS * CHECK_WORDS);
  for (let m = 0; m < CHECK_BLOCKS; m++) {
    const power = challenges.slice(m * CHECK_WORDS, (m + 1) * CHECK_WORDS);
    for (let i = 0; i < STATISTICAL_BITS; i++) {
      multiples.set(power, (m * STATISTICAL_BITS + i) * CHECK_WORDS);
      timesX(power);
    }
  }
  return multiples;
}

/** In place, modulo x^128 + x^7 + x^2 + x + 1. */
function timesX(value: Uint32Array): void {
  const overflow = value[3]! >>> 31;
  for (let i = 3; i > 0; i--) value[i] = (value[i]! << 1) | (value[i - 1]! >>> 31);
  value[0] = (value[0]! << 1) ^ (0x87 & -overflow);
}

/** In squares of 8 × 8 bits: eight bytes of a column of squares become eight bytes of a row of squares. */
function columns(rows: Uint8Array): Uint8Array {
  assert(rows.length === BASE_OTS * ROW_BYTES, "a row per base OT");
  const result = new Uint8Array(MULTIPLY_OTS * COLUMN_BYTES);
  const square = new Uint8Array(8);
  for (let row = 0; row < BASE_OTS; row += 8) {
    for (let byte = 0; byte < MULTIPLY_OTS / 8; byte++) {
      for (let i = 0; i < 8; i++) square[i] = rows[(row + i) * ROW_BYTES + byte]!;
      transposeSquare(square);
      for (let i = 0; i < 8; i++) result[(byte * 8 + i) * COLUMN_BYTES + row / 8] = square[i]!;
    }
  }
  square.fill(0);
  return result;
}

/** Swaps ever larger blocks across the diagonal (Hacker's Delight §7-3, mirrored): bit j of byte i with bit i of byte j. */
function transposeSquare(s: Uint8Array): void {
  let low = s[0]! | (s[1]! << 8) | (s[2]! << 16) | (s[3]! << 24);
  let high = s[4]! | (s[5]! << 8) | (s[6]! << 16) | (s[7]! << 24);
  low = swapBits(swapBits(low, 0x00aa00aa, 7), 0x0000cccc, 14);
  high = swapBits(swapBits(high, 0x00aa00aa, 7), 0x0000cccc, 14);
  const across = ((low >>> 4) ^ high) & 0x0f0f0f0f;
  high ^= across;
  low ^= across << 4;
  for (let i = 0; i < 4; i++) {
    s[i] = low >>> (8 * i);
    s[4 + i] = high >>> (8 * i);
  }
}

/** Exchanges the bits under `mask` with those `distance` above them. */
function swapBits(word: number, mask: number, distance: number): number {
  const difference = (word ^ (word >>> distance)) & mask;
  return word ^ difference ^ (difference << distance);
}

/** Little-endian words, whatever the machine's own order is. */
function wordsOf(bytes: Uint8Array): Uint32Array {
  const words = new Uint32Array(bytes.length / 4);
  for (let i = 0; i < words.length; i++) {
    words[i] = bytes[4 * i]! | (bytes[4 * i + 1]! << 8) | (bytes[4 * i + 2]! << 16) | (bytes[4 * i + 3]! << 24);
  }
  return words;
}

function bytesOf(words: Uint32Array): Uint8Array {
  const bytes = new Uint8Array(words.length * 4);
  for (let i = 0; i < bytes.length; i++) bytes[i] = words[i >> 2]! >>> (8 * (i & 3));
  return bytes;
}
