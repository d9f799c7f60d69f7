/**
 * The parameter set of `dkls23-secp256k1-v1`, frozen. DKLS23 = eprint 2023/765, SoftSpoken = eprint 2022/192. Every
 * inequality that security rests on is checked in `parameters.test.ts`.
 */

/** κ: bits of the secp256k1 group order. */
export const SCALAR_BITS = 256;
/** λ_c: computational security; how many base OTs a pair makes, and bits of an OT seed. */
export const BASE_OTS = 256;
/** λ_s: statistical security; bits that the consistency check adds to the choices. */
export const STATISTICAL_BITS = 128;
/** ξ = κ + 2·λ_s: extended OTs of one multiplication. */
export const MULTIPLY_OTS = 512;
/** k of SoftSpoken: base OTs that one all-but-one OT is made of. */
export const TREE_DEPTH = 4;
/** Q = 2^k: leaves of one tree. */
export const LEAVES = 16;
/** λ_c / k. */
export const TREES = 64;
/** ξ + λ_s: bits of one row of the extension. */
export const ROW_BITS = 640;
/** ℓ: sender inputs of one multiplication, r_i and sk_i. */
export const INPUTS = 2;
/** ρ: columns that only the multiplication's check uses. */
export const CHECK_COLUMNS = 1;
/** ℓ + ρ: scalars that one extended OT carries. */
export const COLUMNS = 3;

export const SEED_BYTES = 32;
export const SESSION_BYTES = 32;
export const ROW_BYTES = ROW_BITS / 8;
export const COLUMN_BYTES = BASE_OTS / 8;
export const CHOICE_BYTES = MULTIPLY_OTS / 8;
export const CHECK_BYTES = STATISTICAL_BITS / 8;
/** ROW_BITS / λ_s − 1: blocks of choices that a challenge multiplies; the last block is added as it is. */
export const CHECK_BLOCKS = MULTIPLY_OTS / STATISTICAL_BITS;
