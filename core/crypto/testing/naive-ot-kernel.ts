/** The OT kernel written as its specification reads, bit by bit and integer by integer: slow, and wrong in other ways if at all. */
import { concatBytes, toHex, transcript } from "@conclave/bytes";
import { chacha20 } from "@noble/ciphers/chacha.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { mod, secp256k1Group } from "../index.ts";

const ORDER = secp256k1Group.order;
const [ROWS, WIDE] = [512, 80];

export const bitOf = (bytes: Uint8Array, bit: number): number => (bytes[Math.floor(bit / 8)]! >> (bit % 8)) & 1;

const integer = (bytes: Uint8Array): bigint => BigInt(`0x${toHex(bytes)}`);

/** ChaCha20 of each leaf, xored as `OtKernel.expandLeaves` says. */
export function naiveExpand(session: Uint8Array, leaves: Uint8Array): { planes: Uint8Array; sums: Uint8Array } {
  const start = transcript("ot/extension/stream", { session }).slice(0, 16);
  const counter = new DataView(start.buffer).getUint32(0, true) & ~1;
  const planes = new Uint8Array(256 * WIDE);
  const sums = new Uint8Array(64 * WIDE);
  for (let leaf = 0; leaf < 64 * 16; leaf++) {
    const key = leaves.slice(leaf * 32, leaf * 32 + 32);
    const stream = chacha20(key, start.slice(4), new Uint8Array(WIDE), undefined, counter >>> 0);
    const [tree, index] = [Math.floor(leaf / 16), leaf % 16];
    for (let i = 0; i < WIDE; i++) {
      sums[tree * WIDE + i]! ^= stream[i]!;
      for (let bit = 0; bit < 4; bit++)
        if ((index >> bit) % 2 === 1) planes[(4 * tree + bit) * WIDE + i]! ^= stream[i]!;
    }
  }
  return { planes, sums };
}

/** a·b in GF(2^128): schoolbook, then division by x^128 + x^7 + x^2 + x + 1. */
export function naiveProduct(a: bigint, b: bigint): bigint {
  let product = 0n;
  for (let i = 0n; i < 128n; i++) if (((b >> i) & 1n) === 1n) product ^= a << i;
  for (let i = 255n; i >= 128n; i--) if (((product >> i) & 1n) === 1n) product ^= ((1n << 128n) | 0x87n) << (i - 128n);
  return product;
}

export function naiveChecksum(row: Uint8Array, challenges: Uint8Array): Uint8Array {
  const block = (bytes: Uint8Array, m: number): bigint => integer(bytes.slice(16 * m, 16 * m + 16).reverse());
  let sum = block(row, 4);
  for (let m = 0; m < 4; m++) sum ^= naiveProduct(block(row, m), block(challenges, m));
  return Uint8Array.from({ length: 16 }, (_, i) => Number((sum >> BigInt(8 * i)) & 0xffn));
}

export function naiveColumns(rows: Uint8Array): Uint8Array {
  const columns = new Uint8Array(ROWS * 32);
  for (let row = 0; row < 256; row++) {
    for (let column = 0; column < ROWS; column++) {
      columns[column * 32 + Math.floor(row / 8)]! |= bitOf(rows, row * WIDE * 8 + column) << (row % 8);
    }
  }
  return columns;
}

/** Scalars of `hashColumns`, row after row. */
export function naiveHashes(session: Uint8Array, columns: Uint8Array, width: number): bigint[] {
  const prefix = transcript("ot/extension/hash", { session });
  return Array.from({ length: ROWS * width }, (_, at) => {
    const [row, i] = [Math.floor(at / width), at % width];
    const number = Uint8Array.of(Math.floor(row / 256), row % 256, i);
    const digest = sha256(concatBytes(prefix, prefix, number, columns.subarray(32 * row, 32 * row + 32)));
    return mod(integer(digest), ORDER);
  });
}

export function naiveGadget(session: Uint8Array): bigint[] {
  const prefix = transcript("ot/rvole/gadget", { session });
  return Array.from({ length: ROWS }, (_, row) => {
    const number = Uint8Array.of(Math.floor(row / 256), row % 256);
    return mod(integer(sha256(concatBytes(prefix, prefix, number))), ORDER);
  });
}

export const scalarBytes = (scalars: readonly bigint[]): Uint8Array =>
  concatBytes(...scalars.map((scalar) => secp256k1Group.encodeScalar(scalar)));
