/**
 * The part of the Engine that OT extension and multiplication spend their time in: thousands of small hashes and additions
 * mod q that are worth doing in one call. Every engine computes the same bytes. All inputs but `session` and `challenges` are
 * secret: an engine that can do so works on them in constant time, and wipes its own copies.
 */

/**
 * A matrix of integers mod q (secp256k1's order), one row per extended OT. Only the engine that made it can look inside: it
 * may hold integers, or bytes.
 */
export interface ScalarRows {
  readonly __brand: "ScalarRows";
}

export interface OtKernel {
  /**
   * Expand the leaves of all trees to one stream of 80 bytes each, and add them up (SoftSpoken §3, Figure 8).
   *
   * `leaves` holds TREES × LEAVES seeds of 32 bytes, tree after tree. The stream of a seed is 80 bytes of ChaCha20 (RFC 8439)
   * under the seed as key; `session`'s transcript `ot/extension/stream` gives 16 bytes, of which the first four (little-endian,
   * lowest bit cleared) are the first block counter and the other twelve the nonce.
   *
   * `planes`: for tree j and bit b = 0…3 the row 4j + b, the sum (xor) of the streams of all leaves whose index has bit b set.
   * `sums`: per tree the sum of all 16 streams. A holder of all leaves but one keeps them at index ⊕ missing index, so that
   * the missing one is at 0: its planes leave it out, and its sums mean nothing.
   */
  expandLeaves(session: Uint8Array, leaves: Uint8Array): { readonly planes: Uint8Array; readonly sums: Uint8Array };

  /**
   * For each row of 80 bytes, blocks B_0 … B_4 of 128 bits: Σ_m B_m·χ_m ⊕ B_4 in GF(2^128) modulo x^128 + x^7 + x^2 + x + 1,
   * 16 bytes per row. Bit i of a block, counted from the least significant bit of its first byte, is the coefficient of x^i.
   * `challenges` holds χ_0 … χ_3, 16 bytes each.
   */
  checksums(rows: Uint8Array, challenges: Uint8Array): Uint8Array;

  /** The first 512 columns of 256 rows of 80 bytes: 512 × 32 bytes. Bit r of column c is bit c of row r, least significant first. */
  columns(rows: Uint8Array): Uint8Array;

  /**
   * Row j: SHA-256(P ‖ P ‖ j as two bytes, big-endian ‖ i as one byte ‖ column j) mod q for i = 0 … width − 1, with
   * P = transcript `ot/extension/hash` of `session`; each digest is read big-endian. `columns` holds 32 bytes per row.
   */
  hashColumns(session: Uint8Array, columns: Uint8Array, width: number): ScalarRows;

  /** The gadget vector: row j, one wide, is SHA-256(P ‖ P ‖ j as two bytes, big-endian) mod q, P = transcript `ot/rvole/gadget`. */
  gadget(session: Uint8Array): ScalarRows;

  /** Σ_j bit_j·gadget_j. `bits`: 64 bytes, bit j counted from the least significant bit of the first byte. */
  selectedSum(gadget: ScalarRows, bits: Uint8Array): bigint;

  /** zero − one + inputs[i] in column i of each row. */
  correct(zero: ScalarRows, one: ScalarRows, inputs: readonly bigint[]): ScalarRows;

  /** Row j: rows_j + bit_j·corrections_j. */
  applyCorrections(rows: ScalarRows, bits: Uint8Array, corrections: ScalarRows): ScalarRows;

  /**
   * Per row, its third column plus the first two times their weights, less bit_j·`subtrahend`: 32 bytes big-endian each,
   * fully reduced. `selected` is absent where nothing is subtracted.
   */
  weigh(
    rows: ScalarRows,
    weights: readonly [bigint, bigint],
    selected?: { readonly bits: Uint8Array; readonly subtrahend: bigint },
  ): Uint8Array;

  /** Σ_j gadget_j·rows_{j,i} for the first two columns i. */
  innerProducts(gadget: ScalarRows, rows: ScalarRows): readonly [bigint, bigint];

  /** Row after row, each scalar 32 bytes big-endian, fully reduced. */
  encodeRows(rows: ScalarRows): Uint8Array;
  /** Throws `RangeError` on another length than 512 × width × 32, or a scalar that is not below q. */
  decodeRows(bytes: Uint8Array, width: number): ScalarRows;
  /** Overwrite what can be overwritten. The rows must not be used again. */
  wipe(rows: ScalarRows): void;
}
