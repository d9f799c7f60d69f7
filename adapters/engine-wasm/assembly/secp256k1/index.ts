/**
 * The secp256k1 kernel. Its caller writes to `points`, `scalars` and `encodings`, calls, and reads there; see `memory.ts` for
 * their layout. The functions named after field operations take addresses and exist for the tests.
 */
import * as arithmetic from "./arithmetic";
import { buildOddGeneratorTable, combinePoints } from "./combine";
import { decodePoint, encodePoints } from "./encoding";
import * as field from "./field";
import { hashToPoint } from "./hash";
import { POINT, points, scalars, wipe } from "./memory";
import { buildGeneratorTable, multiplyGenerator, multiplyPoint } from "./multiply";
import * as point from "./point";
import * as scalar from "./scalar";

export { encodings, points, scalars } from "./memory";

/** Fills the generator's tables. To be called once, before anything else. */
export function initialize(): void {
  buildGeneratorTable();
  buildOddGeneratorTable();
}

/** points[0] = scalars[0]·G, for a secret scalar below q. */
export function multiplyBaseSecret(): void {
  multiplyGenerator(points, scalars);
}

/** points[0] = scalars[0]·points[0], for a secret scalar below q. */
export function multiplySecret(): void {
  multiplyPoint(points, points, scalars);
}

/** points[0] = Σ scalars[i]·points[i] over `count` (at most 32) terms, plus scalars[count]·G. All public. */
export function combine(count: i32): void {
  combinePoints(count);
}

/** points[0] = points[0] + points[1]. */
export function add(): void {
  point.addPoints(points, points, points + POINT);
}

/** points[0] = 2·points[0]. */
export function double(): void {
  point.doublePoint(points, points);
}

/** Is points[0] = points[1]? */
export function equals(): bool {
  return point.isSamePoint(points, points + POINT) != 0;
}

/** Is points[0] the identity? */
export function isIdentity(): bool {
  return point.isIdentity(points) != 0;
}

/** encodings[i] = points[i] for i < count (1 to 32); none may be the identity. Wipes what it used: a key may be made of these. */
export function encode(count: i32): void {
  encodePoints(count);
  wipe();
}

/** points[0] = encodings[0], whose first byte is 2 or 3. False if there is no such point. */
export function decode(): bool {
  return decodePoint() != 0;
}

/** points[0] = the point of 96 uniform bytes at `encodings`. */
export function hashToCurve(): void {
  hashToPoint();
}

export function fieldMul(out: usize, a: usize, b: usize): void { arithmetic.mul(out, a, b); }
export function fieldMulSum(out: usize, a: usize, b: usize, c: usize, d: usize): void { arithmetic.mulSum(out, a, b, c, d); }
export function fieldSquare(out: usize, a: usize): void { arithmetic.square(out, a); }
export function fieldScale(out: usize, a: usize, factor: i32): void { arithmetic.scale(out, a, factor); }
export function fieldCanonical(out: usize, a: usize): void { field.canonical(out, a); }
export function fieldInvert(out: usize, a: usize): void { field.invert(out, a); }
export function fieldSquareRoot(out: usize, a: usize): bool { return field.squareRoot(out, a) != 0; }
export function fieldFromBytes(out: usize, bytes: usize): bool { return field.fromBytes(out, bytes) != 0; }
export function fieldToBytes(bytes: usize, a: usize): void { field.toBytes(bytes, a); }

/** Splits scalars[0]; its halves, 160 bits in two's complement, are then at `low` and `high`. */
export function splitScalar(): void { scalar.splitScalar(scalars); }
export { HIGH as high, LOW as low } from "./memory";
