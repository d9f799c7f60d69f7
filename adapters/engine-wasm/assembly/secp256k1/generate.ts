/**
 * Writes the straight-line part of the secp256k1 kernel: arithmetic mod p on nine limbs, and every constant.
 *
 * Representation: an integer v = Σ l_i·2^(29i), i = 0 … 8, each l_i a signed 32-bit word. Limbs are balanced around zero, so
 * that subtraction and negation need no multiple of p, and products may be added up in signed 64-bit words.
 *
 * Bounds: an element has magnitude m if |l_i| ≤ m·B for i < 8 and |l_8| ≤ m·2^23, with B = 2^28 + 2^18. Functions that carry
 * give magnitude 1. Sums of elements have the sum of their magnitudes; a word holds magnitude 7, since 7·B < 2^31.
 *
 * Products: column k of a·b is Σ a_i·b_(k−i). The widest is column 7, with eight full products: |c_7| ≤ 8·m_a·m_b·B². B² is
 * below 1.002·2^56, so for m_a·m_b ≤ 15 it stays below 120.3·2^56, and 2^63 = 128·2^56 leaves 7.7·2^56 for the carry from
 * the column before (at most 2^35) and for what is folded down (at most 2^51, see `fold`). Column 8 has nine products, two of
 * them with a top limb: less than column 7. A sum of two products (`mulSum`) needs m_a·m_b + m_c·m_d ≤ 15, and a square
 * m ≤ 3, for the same reason; the doubled limb of a square fits its 64-bit word by far.
 */

const LIMBS = 9;
const LIMB_BITS = 29;
const TOP_BITS = 24;
const P = 2n ** 256n - 2n ** 32n - 977n;
const Q = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;

/** The endomorphism λ·(x, y) = (β·x, y). */
const BETA = 0x7ae96a2b657c07106e64479eac3434e99cf0497512f58995c1396c28719501een;
/** A short basis (A1, B1), (A2, B2 = A1) of {(a, b): a + b·λ ≡ 0 mod q}; B1 is negative, so −B1 is kept. */
const A1 = 0x3086d221a7d46bcde86c90e49284eb15n;
const MINUS_B1 = 0xe4437ed6010e88286f547fa90abfe4c3n;
const A2 = 0x114ca50f7a8e2f3f657c1108d9d44cfd8n;

const range = (count: number): number[] => [...Array(count).keys()];
const line = (text: string): string => `  ${text};\n`;
const lines = (texts: readonly string[]): string => texts.map(line).join("");

/** The text of `export function name(parameters): void { body }`, under its comment. */
const procedure = (comment: string, name: string, parameters: readonly string[], body: string): string =>
  `/** ${comment} */\nexport function ${name}(${parameters.join(", ")}): void {\n${body}}\n\n`;

const pointers = (...names: string[]): string[] => names.map((name) => `${name}: usize`);

/** `const a0: i64 = …` for the limbs of the element at `pointer`. */
const loadWide = (pointer: string): string =>
  lines(range(LIMBS).map((i) => `const ${pointer}${i}: i64 = <i64>load<i32>(${pointer}, ${4 * i})`));

/** Move what exceeds `bits` bits of `from`, rounded to the nearest, into `to`: leaves |from| ≤ 2^(bits − 1). */
const carry = (from: string, to: string, bits = LIMB_BITS): string =>
  line(`t = (${from} + ${2 ** (bits - 1)}) >> ${bits}; ${from} -= t << ${bits}; ${to} += t`);

/**
 * The same, leaving 0 ≤ from < 2^bits: two steps less, for a column that is added to afterwards. The shift rounds down, so at
 * most 1 more in size is moved than by rounding to the nearest.
 */
const carryDown = (from: string, to: string): string =>
  line(`t = ${from} >> ${LIMB_BITS}; ${from} &= ${2 ** LIMB_BITS - 1}; ${to} += t`);

/** The terms of each column of a product. */
function productColumns(a: string, b: string): string[] {
  return range(2 * LIMBS - 1).map((k) =>
    range(LIMBS)
      .filter((i) => k - i >= 0 && k - i < LIMBS)
      .map((i) => `${a}${i} * ${b}${k - i}`)
      .join(" + "),
  );
}

/** The same for a square, with d_i = 2·a_i: 45 products instead of 81. */
function squareColumns(): string[] {
  return range(2 * LIMBS - 1).map((k) =>
    range(LIMBS)
      .filter((i) => i <= k - i && k - i < LIMBS)
      .map((i) => (2 * i === k ? `a${i} * a${i}` : `d${i} * a${k - i}`))
      .join(" + "),
  );
}

/**
 * Columns 9 … 16 down to 0 … 8, by 2^261 ≡ 2^37 + 31264 = 256·2^29 + 31264 (mod p). Each column is split first, its upper part
 * going to the next one; from the top down, so that no split waits for another. A column below 2^63 becomes at most
 * 2^29 + 2^34, and brings at most 2^35·31264 + 2^35·256 < 2^50 to a lower one. c16, a product of two top limbs, is below 2^50,
 * so what h takes from it is below 2^22 and brings less than 2^45 to columns 0, 1 and 8.
 */
const fold = (): string =>
  line(`const h: i64 = c16 >> ${LIMB_BITS}; c16 &= ${2 ** LIMB_BITS - 1}`) +
  range(7).map((i) => carryDown(`c${15 - i}`, `c${16 - i}`)).join("") +
  range(8).map((i) => line(`c${i} += c${i + 9} * 31264; c${i + 1} += c${i + 9} << 8`)).join("") +
  line("c8 += h * 31264; c0 += h * 8003584; c1 += h << 16");

/** What exceeds 24 bits of the top limb comes back by 2^256 ≡ 8·2^29 + 977 (mod p). */
const foldTop = (): string =>
  line(`t = (c8 + ${2 ** (TOP_BITS - 1)}) >> ${TOP_BITS}; c8 -= t << ${TOP_BITS}; c0 += t * 977; c1 += t << 3`);

const carries = (...columns: number[]): string => columns.map((i) => carry(`c${i}`, `c${i + 1}`)).join("");
const carriesDown = (...columns: number[]): string => columns.map((i) => carryDown(`c${i}`, `c${i + 1}`)).join("");

const storeColumns = (): string => lines(range(LIMBS).map((i) => `store<i32>(out, <i32>c${i}, ${4 * i})`));

/**
 * Carries nine columns below 2^63 to magnitude 1, in two chains that do not wait for each other. Columns 0, 1 and 4 are
 * balanced only by the last carries, since something is still added to them. Column 4 ends the first at most 2^29 + 2^35,
 * hence the last carry: c5 is at most 2^28 + 2^7. What the top brings back is at most 2^39: then c0 is at most 2^29 + 2^49, so
 * c1 at most 2^29 + 2^42 + 2^21, so c2 at most 2^28 + 2^14.
 */
const settle = (): string =>
  carriesDown(4) + carries(5, 6, 7) + carriesDown(0, 1) + carries(2, 3) + foldTop() + carries(0, 1, 4);

/**
 * The same for columns of at most 21·2^31 < 2^36 (the top one at most 21·7·2^23 < 2^31): each carries at most 2^7 upwards, and
 * the top brings at most 977·2^7 < 2^17 back, so no limb exceeds 2^28 + 2^18.
 */
const settleSmall = (): string => carries(7, 6, 5, 4, 3, 2, 1, 0) + foldTop() + storeColumns();

const declareColumns = (columns: readonly string[]): string =>
  line("let t: i64") + lines(columns.map((terms, k) => `let c${k}: i64 = ${terms}`));

const multiplication = (): string =>
  procedure(
    "out = a·b. Magnitudes: m_a·m_b ≤ 15, gives 1. All operands of all functions here may be the same element.",
    "mul",
    pointers("out", "a", "b"),
    loadWide("a") + loadWide("b") + declareColumns(productColumns("a", "b")) + fold() + settle() + storeColumns(),
  );

const sumOfProducts = (): string => {
  const [left, right] = [productColumns("a", "b"), productColumns("c_", "d_")];
  const loads = loadWide("a") + loadWide("b") + loadWide("c_") + loadWide("d_");
  return procedure(
    "out = a·b + c·d, carried once. Magnitudes: m_a·m_b + m_c·m_d ≤ 15, gives 1.",
    "mulSum",
    pointers("out", "a", "b", "c_", "d_"),
    loads + declareColumns(left.map((terms, k) => `${terms} + ${right[k]}`)) + fold() + settle() + storeColumns(),
  );
};

const squaring = (): string =>
  procedure(
    "out = a². Magnitude: m ≤ 3, gives 1.",
    "square",
    pointers("out", "a"),
    loadWide("a") +
      lines(range(LIMBS - 1).map((i) => `const d${i}: i64 = a${i} << 1`)) +
      declareColumns(squareColumns()) +
      fold() +
      settle() +
      storeColumns(),
  );

/** The element stays in registers from one square to the next. */
const repeatedSquaring = (): string =>
  procedure(
    "out = a^(2^count), count > 0. Magnitude: m ≤ 3, gives 1.",
    "squareTimes",
    [...pointers("out", "a"), "count: i32"],
    loadWide("a").replaceAll("const", "let") +
      "  for (; count > 0; count--) {\n" +
      lines(range(LIMBS - 1).map((i) => `const d${i}: i64 = a${i} << 1`)) +
      declareColumns(squareColumns()) +
      fold() +
      settle() +
      lines(range(LIMBS).map((i) => `a${i} = c${i}`)) +
      "  }\n" +
      lines(range(LIMBS).map((i) => `store<i32>(out, <i32>a${i}, ${4 * i})`)),
  );

const scaling = (): string =>
  procedure(
    "out = factor·a, for |factor| ≤ 21. Magnitude: m ≤ 7, gives 1. With factor 1 it only carries.",
    "scale",
    [...pointers("out", "a"), "factor: i64"],
    line("let t: i64") +
      lines(range(LIMBS).map((i) => `let c${i}: i64 = <i64>load<i32>(a, ${4 * i}) * factor`)) +
      settleSmall(),
  );

/** A function that treats limbs one by one. `term` says what becomes of limb i. */
const limbwise = (comment: string, name: string, operands: string[], term: (limb: (of: string) => string) => string) =>
  procedure(
    comment,
    name,
    pointers("out", ...operands),
    lines(range(LIMBS).map((i) => `store<i32>(out, ${term((of) => `load<i32>(${of}, ${4 * i})`)}, ${4 * i})`)),
  );

const linear = (): string =>
  [
    limbwise("out = a + b. Gives m_a + m_b.", "add", ["a", "b"], (l) => `${l("a")} + ${l("b")}`),
    limbwise("out = a − b. Gives m_a + m_b.", "sub", ["a", "b"], (l) => `${l("a")} - ${l("b")}`),
    limbwise(
      "out = a − b − c. Gives m_a + m_b + m_c.",
      "subBoth",
      ["a", "b", "c"],
      (l) => `${l("a")} - ${l("b")} - ${l("c")}`,
    ),
    limbwise("out = −a. Gives m_a.", "negate", ["a"], (l) => `-${l("a")}`),
    limbwise("out = 2·a. Gives 2·m_a.", "double", ["a"], (l) => `${l("a")} << 1`),
    limbwise("out = 3·a. Gives 3·m_a.", "triple", ["a"], (l) => `${l("a")} * 3`),
    limbwise("out = a.", "copy", ["a"], (l) => l("a")),
  ].join("");

/** Signed limbs of the representative of v in (−p/2, p/2): magnitude 1. */
function balancedLimbs(v: bigint): number[] {
  let rest = v > P / 2n ? v - P : v;
  return range(LIMBS).map((i) => {
    if (i === LIMBS - 1) return Number(rest);
    const limb = BigInt.asIntN(LIMB_BITS, rest);
    rest = (rest - limb) >> BigInt(LIMB_BITS);
    return Number(limb);
  });
}

/** v in `count` digits of `bits` bits, least significant first. */
const digits = (v: bigint, count: number, bits: number): number[] =>
  range(count).map((i) => Number(BigInt.asUintN(bits, v >> BigInt(bits * i))));

const words = (v: bigint, count: number): number[] => digits(v, count, 32);

const constant = (comment: string, name: string, type: string, values: readonly number[]): string =>
  `/** ${comment} */\nexport const ${name}: usize = memory.data<${type}>([${values.join(", ")}]);\n`;

const element = (comment: string, name: string, v: bigint): string =>
  constant(comment, name, "i32", balancedLimbs(((v % P) + P) % P));

function power(base: bigint, exponent: bigint): bigint {
  let [result, square] = [1n, base % P];
  for (let e = exponent; e > 0n; e >>= 1n) {
    if (e & 1n) result = (result * square) % P;
    square = (square * square) % P;
  }
  return result;
}

/** The curve (SEC 2 §2.4.1) and its endomorphism λ·(x, y) = (β·x, y). */
const curveConstants = (): string =>
  element("0.", "ZERO", 0n) +
  element("1.", "ONE", 1n) +
  element("b of y² = x³ + b.", "CURVE_B", 7n) +
  element("x of the generator.", "GENERATOR_X", 0x79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798n) +
  element("y of the generator.", "GENERATOR_Y", 0x483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8n) +
  element("β, the cube root of 1 that belongs to λ.", "BETA", BETA) +
  element("2^256, for reducing wide integers.", "TWO_256", 2n ** 256n) +
  constant("p, unsigned limbs of 29 bits.", "PRIME", "i32", digits(P, LIMBS, LIMB_BITS));

/** Σ 2^(bits − 1)·2^(bits·i): added to a scalar, it makes the digits of the sum, less 2^(bits − 1), the scalar's signed digits. */
const recodingOffset = (bits: number, count: number): bigint =>
  range(count).reduce((sum, i) => sum + (1n << BigInt(bits * i + bits - 1)), 0n);

/** round(2^384·numerator / q). */
const reciprocal = (numerator: bigint): bigint => ((numerator << 385n) + Q) / (2n * Q);

const scalarConstants = (): string =>
  constant("A1 = B2 of the lattice basis, 5 words.", "LATTICE_A1", "u32", words(A1, 5)) +
  constant("A2, 5 words.", "LATTICE_A2", "u32", words(A2, 5)) +
  constant("−B1, 5 words.", "LATTICE_MINUS_B1", "u32", words(MINUS_B1, 5)) +
  constant("round(2^384·B2 / q), 8 words.", "RECIPROCAL_B2", "u32", words(reciprocal(A1), 8)) +
  constant("round(2^384·(−B1) / q), 8 words.", "RECIPROCAL_MINUS_B1", "u32", words(reciprocal(MINUS_B1), 8)) +
  constant("Recodes 130 bits into 26 digits of 5 bits, 5 words.", "HALF_OFFSET", "u32", words(recodingOffset(5, 26), 5)) +
  constant("Recodes 260 bits into 52 digits of 5 bits, 9 words.", "FULL_OFFSET", "u32", words(recodingOffset(5, 52), 9));

/** RFC 9380 §8.7 (E', Z) and appendix E.1 (the isogeny). */
const hashConstants = (): string => {
  const c = {
    A: 0x3f8731abdd661adca08a5558f0f5d272e953d363cb6f0e5d405447c01a444533n,
    B: 1771n,
    // c2 of sqrt_ratio for p ≡ 3 mod 4 (appendix F.2.1.2): √−Z, Z = −11. Either root will do: sgn0(y) is set afterwards.
    SQRT_MINUS_Z: power(11n, (P + 1n) / 4n),
    X_NUM_0: 0x8e38e38e38e38e38e38e38e38e38e38e38e38e38e38e38e38e38e38daaaaa8c7n,
    X_NUM_1: 0x07d3d4c80bc321d5b9f315cea7fd44c5d595d2fc0bf63b92dfff1044f17c6581n,
    X_NUM_2: 0x534c328d23f234e6e2a413deca25caece4506144037c40314ecbd0b53d9dd262n,
    X_NUM_3: 0x8e38e38e38e38e38e38e38e38e38e38e38e38e38e38e38e38e38e38daaaaa88cn,
    X_DEN_0: 0xd35771193d94918a9ca34ccbb7b640dd86cd409542f8487d9fe6b745781eb49bn,
    X_DEN_1: 0xedadc6f64383dc1df7c4b2d51b54225406d36b641f5e41bbc52a56612a8c6d14n,
    Y_NUM_0: 0x4bda12f684bda12f684bda12f684bda12f684bda12f684bda12f684b8e38e23cn,
    Y_NUM_1: 0xc75e0c32d5cb7c0fa9d0a54b12a0a6d5647ab046d686da6fdffc90fc201d71a3n,
    Y_NUM_2: 0x29a6194691f91a73715209ef6512e576722830a201be2018a765e85a9ecee931n,
    Y_NUM_3: 0x2f684bda12f684bda12f684bda12f684bda12f684bda12f684bda12f38e38d84n,
    Y_DEN_0: 0xfffffffffffffffffffffffffffffffffffffffffffffffffffffffefffff93bn,
    Y_DEN_1: 0x7a06534bb8bdb49fd5e9e6632722c2989467c1bfc8e8d978dfb425d2685c2573n,
    Y_DEN_2: 0x6484aa716545ca2cf3a70c3fa8fe337e0a3d21162f0d6299a7bf8192bfd2a76fn,
  };
  return Object.entries(c).map(([name, v]) => element(`Hash to curve: ${name}.`, `SSWU_${name}`, v)).join("");
};

const HEAD = "// Written by generate.ts. The bounds are proved there.\n\n";

/** The kernel's generated source files by name. */
export const files = (): Readonly<Record<string, string>> => ({
  "arithmetic.ts": HEAD + multiplication() + sumOfProducts() + squaring() + repeatedSquaring() + scaling() + linear(),
  "constants.ts": HEAD + curveConstants() + scalarConstants() + hashConstants(),
});
