/**
 * Integers mod q, secp256k1's group order (SEC 2 §2.4.1), in eight limbs of 32 bits, least significant first. Limbs and the
 * columns they are summed in are held in 64 bits, so that carries can wait. Reduction folds what is above 2^256 back as a
 * multiple of C = 2^256 − q < 2^129, which is congruent to 2^256.
 */

const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
const LIMBS = 8;
/** Columns of a product of two scalars; column k weighs 2^(32·k). */
const COLUMNS = 2 * LIMBS;

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
const names = (letter: string, count: number): string[] => range(count).map((i) => `${letter}${i}`);
const constant = (name: string, value: string): string => `  const ${name}: u64 = ${value};`;

/** C's limbs. The last one is 1. */
const C = range(5).map((i) => `0x${((((1n << 256n) - ORDER) >> BigInt(32 * i)) & 0xffffffffn).toString(16)}`);

const loadLimbs = (letter: string, at: string): string[] =>
  range(LIMBS).map((i) => constant(`${letter}${i}`, `load<u32>(${at}, ${4 * i})`));
const storeLimbs = (limbs: readonly string[], at: string): string[] =>
  limbs.map((limb, i) => `  store<u32>(${at}, <u32>${limb}, ${4 * i});`);

/** What `products` computes with. */
const WORKING = "  let product: u64, sum: u64, high: u64, carried: u64;";

/**
 * The columns of x·y: Σ x_i·y_j over i + j = k. The high half of each product belongs to the next column. The low halves are
 * not added up by themselves: they come to the sum of the products, mod 2^64, less 2^32 times that of the high halves.
 * Of at most 8 products each, a column is below (8 + 8)·2^32 = 2^36.
 */
function products(letter: string, x: readonly string[], y: readonly string[]): string[] {
  const lines = ["  carried = 0;"];
  const columns = x.length + y.length;
  for (let k = 0; k < columns - 1; k++) {
    lines.push("  sum = 0; high = 0;");
    for (const [i, limb] of x.entries()) {
      const other = y[k - i];
      if (other !== undefined) lines.push(`  product = ${limb} * ${other}; sum += product; high += product >> 32;`);
    }
    lines.push(constant(`${letter}${k}`, "sum - (high << 32) + carried"), "  carried = high;");
  }
  return [...lines, constant(`${letter}${columns - 1}`, "carried")];
}

/** Limbs of the number in `columns`: one more than there are columns, the last being what is carried out of them. */
function carry(letter: string, columns: readonly string[]): string[] {
  const lines = columns.flatMap((column, k) => [
    constant(`${letter}c${k}`, k === 0 ? column : `(${letter}c${k - 1} >> 32) + ${column}`),
    constant(`${letter}${k}`, `${letter}c${k} & 0xffffffff`),
  ]);
  return [...lines, constant(`${letter}${columns.length}`, `${letter}c${columns.length - 1} >> 32`)];
}

/** limbs_0…7 + C·limbs_8…, in `count` limbs: the caller knows that the number fits. C's last limb needs no product. */
function fold(letter: string, limbs: readonly string[], count: number): string[] {
  const high = limbs.slice(LIMBS);
  const columns = range(count).map((k) => {
    const terms = [k < LIMBS ? limbs[k] : undefined, k < high.length + 4 ? `${letter}p${k}` : undefined, high[k - 4]];
    return terms.filter((term) => term !== undefined).join(" + ");
  });
  return [...products(`${letter}p`, high, C.slice(0, 4)), ...carry(letter, columns)];
}

/**
 * The same where limb 8 is below 2^30, so that its products with C's limbs fit a column. The ninth limb of the result is at
 * most 1; if it is 1 the others are below limb_8·C < 2^159.
 */
const foldLimb = (letter: string, limbs: readonly string[]): string[] =>
  carry(
    letter,
    range(LIMBS).map((k) => (k < C.length ? `${limbs[k]} + ${limbs[LIMBS]} * ${C[k]}` : limbs[k]!)),
  );

/**
 * The lower five limbs of the same for the result of `foldLimb`; the number is below 2^256 then. Nothing is carried past
 * limb 4: if limb 8 is 0, nothing is added, and if it is 1, the limbs come to less than 2^159 + C < 2^160.
 */
const foldBit = (letter: string, limbs: readonly string[]): string[] =>
  carry(
    letter,
    C.map((limb, k) => `${limbs[k]} + ${limbs[LIMBS]} * ${limb}`),
  );

/** Eight columns below 2^61 to eight limbs of a congruent number below 2^256: the carry out of them is below 2^30. */
const settle = (columns: readonly string[]): string[] => [
  ...carry("l", columns),
  ...foldLimb("m", names("l", LIMBS + 1)),
  ...foldBit("n", names("m", LIMBS + 1)),
];
/** The limbs that `foldLimb` to m and `foldBit` to n leave: `foldBit` changes the lower five only. */
const SETTLED = [...names("n", 5), "m5", "m6", "m7"];

/** limbs + C, which reaches 2^256 exactly if the number is not below q; then its low 256 bits are the number less q. */
const addC = (limbs: readonly string[]): string[] =>
  carry(
    "s",
    limbs.map((limb, k) => (k < C.length ? `${limb} + ${C[k]}` : limb)),
  );

/** The representative below q of a number below 2^256, chosen under a mask. */
const canonical = (limbs: readonly string[]): string[] => [
  ...addC(limbs),
  constant("mask", `0 - s${LIMBS}`),
  ...limbs.map((limb, k) => constant(`r${k}`, `${limb} ^ ((${limb} ^ s${k}) & mask)`)),
];

const procedure = (comment: string, signature: string, lines: readonly string[]): string =>
  `/** ${comment} */\nexport function ${signature} {\n${lines.join("\n")}\n}\n`;

export const scalarSource = (): string =>
  [
    procedure("columns += x·y. A column grows by less than 2^36.", "multiplyAdd(x: usize, y: usize, columns: usize): void", [
      WORKING,
      ...loadLimbs("x", "x"),
      ...loadLimbs("y", "y"),
      ...products("p", names("x", LIMBS), names("y", LIMBS)),
      ...range(COLUMNS).map((k) => `  store<u64>(columns, load<u64>(columns, ${8 * k}) + p${k}, ${8 * k});`),
    ]),
    // 2^46·Σ 2^(32·k) < 2^527: 17 limbs. Folded: 2^256 + 2^271·C < 2^401, 13 limbs; 2^256 + 2^145·C < 2^275, 9 limbs, the
    // ninth below 2^19.
    procedure(
      "The number in 16 columns, each below 2^46, fully reduced to eight limbs.",
      "reduceColumns(columns: usize, result: usize): void",
      [
        WORKING,
        ...carry("a", range(COLUMNS).map((k) => `load<u64>(columns, ${8 * k})`)),
        ...fold("b", names("a", COLUMNS + 1), 13),
        ...fold("d", names("b", 13), 9),
        ...foldLimb("m", names("d", LIMBS + 1)),
        ...foldBit("n", names("m", LIMBS + 1)),
        ...canonical(SETTLED),
        ...storeLimbs(names("r", LIMBS), "result"),
      ],
    ),
    procedure(
      "zero + ~one + constant, below 2^256: for any three numbers below 2^256, ~one being 2^256 − 1 − one.",
      "addComplement(zero: usize, one: usize, constant: usize, result: usize): void",
      [
        ...loadLimbs("x", "zero"),
        ...loadLimbs("y", "one"),
        ...loadLimbs("z", "constant"),
        ...settle(range(LIMBS).map((k) => `x${k} + (y${k} ^ 0xffffffff) + z${k}`)),
        ...storeLimbs(SETTLED, "result"),
      ],
    ),
    procedure(
      "x + (y & mask), below 2^256: for any two numbers below 2^256; the mask is 0 or −1.",
      "addMasked(x: usize, y: usize, mask: u32, result: usize): void",
      [
        ...loadLimbs("x", "x"),
        ...loadLimbs("y", "y"),
        ...settle(range(LIMBS).map((k) => `x${k} + (y${k} & mask)`)),
        ...storeLimbs(SETTLED, "result"),
      ],
    ),
    procedure("The representative below q of any number below 2^256.", "canonical(x: usize, result: usize): void", [
      ...loadLimbs("x", "x"),
      ...canonical(names("x", LIMBS)),
      ...storeLimbs(names("r", LIMBS), "result"),
    ]),
    procedure("1 if x is q or more, else 0.", "isNotReduced(x: usize): u32", [
      ...loadLimbs("x", "x"),
      ...addC(names("x", LIMBS)),
      `  return <u32>s${LIMBS};`,
    ]),
  ].join("\n");
