/** SHA-256's compression function (FIPS 180-4 §6.2.2) on four blocks at once, one per 32-bit lane. */

const ROUNDS = 64;
const MESSAGE_WORDS = 16;
const WORD = 0xffffffff;

/** A word of the message schedule: its value if it is the same in every block, else the name of a vector. */
type Word = number | string;

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

/** The largest x with x^power ≤ value. */
function integerRoot(value: bigint, power: bigint): bigint {
  let [low, high] = [0n, 1n << 64n];
  while (low < high) {
    const middle = (low + high + 1n) >> 1n;
    if (middle ** power <= value) low = middle;
    else high = middle - 1n;
  }
  return low;
}

/** The first 32 bits of the fractional parts of the `power`th roots of the first `count` primes (§4.2.2, §5.3.3). */
function primeRoots(count: number, power: bigint): number[] {
  const primes: number[] = [];
  for (let n = 2; primes.length < count; n++) if (primes.every((prime) => n % prime !== 0)) primes.push(n);
  return primes.map((prime) => Number(integerRoot(BigInt(prime) << (32n * power), power) & 0xffffffffn));
}

const ROUND_CONSTANTS = primeRoots(ROUNDS, 3n);
const INITIAL_STATE = primeRoots(8, 2n);

const rotateRight = (x: number, count: number): number => ((x >>> count) | (x << (32 - count))) >>> 0;
/** §4.1.2 (4.6), (4.7), for words that are known here. */
const SMALL_SIGMA = [
  (x: number): number => (rotateRight(x, 7) ^ rotateRight(x, 18) ^ (x >>> 3)) >>> 0,
  (x: number): number => (rotateRight(x, 17) ^ rotateRight(x, 19) ^ (x >>> 10)) >>> 0,
] as const;

const smallSigma = (which: 0 | 1, x: Word): Word =>
  typeof x === "number" ? SMALL_SIGMA[which](x) : `smallSigma${which}(${x})`;

/** The sum of words: what is known is added up here. */
function sum(...words: readonly Word[]): Word {
  const known = words.reduce<number>((total, word) => (typeof word === "number" ? (total + word) & WORD : total), 0) >>> 0;
  const vectors = words.filter((word) => typeof word === "string");
  if (vectors.length === 0) return known;
  const terms = known === 0 ? vectors : [...vectors, `i32x4.splat(${known})`];
  return terms.reduce((total, term) => `i32x4.add(${total}, ${term})`);
}

/** Round `i` on the registers a … h, which it renames instead of moving. `bc` holds b ⊕ c, the last round's a ⊕ b. */
function round(i: number, word: Word): string {
  const [a, b, , d, e, f, g, h] = range(8).map((k) => `r${(k - i + ROUNDS) % 8}`);
  const constant = word === 0 ? `v128.load_splat<u32>(ROUND_CONSTANTS, ${4 * i})` : "";
  const added =
    typeof word === "number"
      ? constant || `i32x4.splat(${(ROUND_CONSTANTS[i]! + word) & WORD})`
      : `i32x4.add(${word}, v128.load_splat<u32>(ROUND_CONSTANTS, ${4 * i}))`;
  return `
  t = i32x4.add(i32x4.add(${h}, ${added}), i32x4.add(bigSigma1(${e}), choose(${e}, ${f}, ${g})));
  ${d} = i32x4.add(${d}, t);
  ab = v128.xor(${a}, ${b});
  ${h} = i32x4.add(i32x4.add(t, bigSigma0(${a})), v128.xor(${b}, v128.and(ab, bc)));
  bc = ab;`;
}

/**
 * A function (words, state, output): `words` holds the message words that vary, one vector each, `state` the eight words that
 * all four blocks start from, and `output` receives eight vectors. `known` gives the words that are the same in every message
 * of this form (§5.1.1: padding and length), so that their share of the schedule is computed here.
 */
function compression(name: string, known: Readonly<Record<number, number>>): string {
  const words: Word[] = range(MESSAGE_WORDS).map((i) => known[i] ?? `w${i}`);
  const lines = words.flatMap((word, i) => (typeof word === "string" ? [`  let ${word} = v128.load(words, ${16 * i});`] : []));
  for (const i of range(8)) lines.push(`  let r${i} = v128.load_splat<u32>(state, ${4 * i});`);
  lines.push("  let t: v128, ab: v128, bc = v128.xor(r1, r2);");
  for (const i of range(ROUNDS)) {
    if (i >= MESSAGE_WORDS) {
      const next = sum(smallSigma(1, words[i - 2]!), words[i - 7]!, smallSigma(0, words[i - 15]!), words[i - 16]!);
      words[i] = typeof next === "number" ? next : `w${i}`;
      if (typeof next === "string") lines.push(`  const w${i} = ${next};`);
    }
    lines.push(round(i, words[i]!));
  }
  for (const i of range(8)) {
    lines.push(`  v128.store(output, i32x4.add(r${i}, v128.load_splat<u32>(state, ${4 * i})), ${16 * i});`);
  }
  return `export function ${name}(words: usize, state: usize, output: usize): void {\n${lines.join("\n")}\n}\n`;
}

/** Words `from` … 14 are zero, word 15 is the length in bits of a message of `bytes` bytes (it fits 32 bits). */
function padding(from: number, bytes: number): Record<number, number> {
  const zeros = range(15 - from).map((i) => [from + i, 0] as const);
  return Object.fromEntries([...zeros, [15, 8 * bytes] as const]);
}

/** Bytes before the block that is compressed: P ‖ P. */
const PREFIX_BYTES = 64;

/**
 * `compressColumns`: 35 bytes after the prefix, in words 0 … 8 with the padding's first bit.
 * `compressNumbers`: two bytes after the prefix, in word 0 with the padding's first bit.
 */
export const shaSource = (): string => `
import { bigSigma0, bigSigma1, choose, smallSigma0, smallSigma1 } from "./lanes";

export const ROUND_CONSTANTS: usize = memory.data<u32>([${ROUND_CONSTANTS.join(", ")}]);
export const INITIAL_STATE: usize = memory.data<u32>([${INITIAL_STATE.join(", ")}]);

${compression("compressColumns", padding(9, PREFIX_BYTES + 35))}
${compression("compressNumbers", padding(1, PREFIX_BYTES + 2))}
`;
