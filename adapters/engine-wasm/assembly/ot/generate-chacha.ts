/** ChaCha20's block function (RFC 8439 §2.3) on four blocks at once, one per 32-bit lane. */

const WORDS = 16;
const DOUBLE_ROUNDS = 10;
const indices = Array.from({ length: WORDS }, (_, i) => i);

/** §2.1. */
const quarterRound = (a: number, b: number, c: number, d: number): string => `
    x${a} = i32x4.add(x${a}, x${b}); x${d} = rotateLeft(v128.xor(x${d}, x${a}), 16);
    x${c} = i32x4.add(x${c}, x${d}); x${b} = rotateLeft(v128.xor(x${b}, x${c}), 12);
    x${a} = i32x4.add(x${a}, x${b}); x${d} = rotateLeft(v128.xor(x${d}, x${a}), 8);
    x${c} = i32x4.add(x${c}, x${d}); x${b} = rotateLeft(v128.xor(x${b}, x${c}), 7);`;

/** §2.3: the columns of the 4 × 4 state, then its diagonals. */
const doubleRound = (): string =>
  [0, 1, 2, 3].map((i) => quarterRound(i, 4 + i, 8 + i, 12 + i)).join("") +
  [0, 1, 2, 3].map((i) => quarterRound(i, 4 + ((i + 1) & 3), 8 + ((i + 2) & 3), 12 + ((i + 3) & 3))).join("");

/** `chachaBlocks(input, output)`: 16 vectors each, vector w holding word w of the four blocks. */
export const chachaSource = (): string => `
import { rotateLeft } from "./lanes";

export function chachaBlocks(input: usize, output: usize): void {
${indices.map((i) => `  let x${i} = v128.load(input, ${16 * i});`).join("\n")}
  for (let round = 0; round < ${DOUBLE_ROUNDS}; round++) {${doubleRound()}
  }
${indices.map((i) => `  v128.store(output, i32x4.add(x${i}, v128.load(input, ${16 * i})), ${16 * i});`).join("\n")}
}
`;
