/**
 * Where everything lies. All memory is static: the module never grows it, so views on it stay valid.
 *
 * What a secret multiplication writes is one stretch (`SCRATCH`), which `wipe` overwrites before it returns. What the
 * compiler of the WebAssembly engine keeps on the machine stack is beyond our reach, as everywhere in this language.
 * The tables of `combine.ts` lie outside: it works on public values only.
 */

/** Bytes of a field element: nine limbs. */
export const ELEMENT: i32 = 36;
/** Bytes between projective points (X, Y, Z): three elements, rounded up to whole vectors of 16 bytes. */
export const POINT: i32 = 112;
/** Bytes between affine points (x, y) of a table, rounded up likewise. */
export const AFFINE: i32 = 80;

/** Offsets of Y and Z in a point, and the bytes of a point without padding. */
export const Y: i32 = ELEMENT;
export const Z: i32 = 2 * ELEMENT;
export const POINT_USED: i32 = 3 * ELEMENT;

/** At most this many points go in or out in one call. */
export const MAX_POINTS: i32 = 32;
/** Bytes of an encoded point, and of a scalar. */
export const ENCODED: i32 = 33;
export const SCALAR: i32 = 32;

/** Points in and out: `MAX_POINTS`. */
export const points: usize = memory.data(3584, 16);
/** Scalars in: one for each point and one for the generator, 32 bytes little-endian each. */
export const scalars: usize = memory.data(1056, 16);
/** Encodings in and out: `MAX_POINTS`. */
export const encodings: usize = memory.data(1056, 16);

const SCRATCH_BYTES: i32 = 5248;
const SCRATCH: usize = memory.data(5248, 16);
const FIELD_REGISTERS: usize = SCRATCH;
const POINT_REGISTERS: usize = SCRATCH + 512;
const MAP_REGISTERS: usize = SCRATCH + 1024;
const SCALAR_REGISTERS: usize = SCRATCH + 1536;

/** Elements for the functions of one layer each: an inner layer never touches those of an outer one. At most 14 each. */
@inline export function fieldRegister(i: i32): usize { return FIELD_REGISTERS + i * ELEMENT; }
@inline export function pointRegister(i: i32): usize { return POINT_REGISTERS + i * ELEMENT; }
@inline export function mapRegister(i: i32): usize { return MAP_REGISTERS + i * ELEMENT; }

/** Integers of the scalar code: the product of scalar and reciprocal (16 words), quotients, halves, a recoded scalar. */
export const PRODUCT: usize = SCALAR_REGISTERS;
export const QUOTIENT_1: usize = SCALAR_REGISTERS + 64;
export const QUOTIENT_2: usize = SCALAR_REGISTERS + 96;
export const LOW: usize = SCALAR_REGISTERS + 128;
export const HIGH: usize = SCALAR_REGISTERS + 160;
export const RECODED: usize = SCALAR_REGISTERS + 192;

/** The sum so far, the table entry that was chosen, a sum that may be dropped, and 16 multiples of a point. */
export const ACCUMULATOR: usize = SCRATCH + 1920;
export const CHOSEN: usize = SCRATCH + 2032;
export const SUM: usize = SCRATCH + 2144;
export const MULTIPLES: usize = SCRATCH + 2256;
/** Products Z_0, Z_0·Z_1, … of `MAX_POINTS` points. */
export const PREFIXES: usize = SCRATCH + 4096;

/** Overwrites whatever a function of this kernel wrote, but for its result, and the scalars that it was given. */
export function wipe(): void {
  memory.fill(SCRATCH, 0, SCRATCH_BYTES);
  memory.fill(scalars, 0, 1056);
}
