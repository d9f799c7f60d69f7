/**
 * Points (X : Y : Z) with x = X/Z, y = Y/Z; the identity is (0 : 1 : 0). The formulas are the complete ones of Renes, Costello
 * and Batina, "Complete addition formulas for prime order elliptic curves" (2016), for a = 0: right for every pair of points,
 * doublings and the identity included, and without any branch.
 *
 * All coordinates in and out have magnitude 1. The magnitudes of intermediate values stand at the end of their lines.
 */
import { add, copy, double, mul, mulSum, negate, scale, square, sub, subBoth, triple } from "./arithmetic";
import { ONE, ZERO } from "./constants";
import { invert, isEqual, isZero } from "./field";
import { ELEMENT, POINT, pointRegister, POINT_USED, PREFIXES, Y, Z } from "./memory";

/** 3·b of the curve's equation y² = x³ + b, b = 7. */
const B3: i64 = 21;

const t0 = pointRegister(0), t1 = pointRegister(1), t2 = pointRegister(2), t3 = pointRegister(3);
const t4 = pointRegister(4), t5 = pointRegister(5), left = pointRegister(6), right = pointRegister(7);

/** out = p + q (Algorithm 7), 12 multiplications. */
export function addPoints(out: usize, p: usize, q: usize): void {
  mul(t0, p, q); // X1·X2
  mul(t1, p + Y, q + Y); // Y1·Y2
  mul(t2, p + Z, q + Z); // Z1·Z2
  add(left, p, p + Y);
  add(right, q, q + Y);
  mul(t3, left, right); // 2·2
  subBoth(t3, t3, t0, t1); // X1·Y2 + X2·Y1: 3
  add(left, p + Y, p + Z);
  add(right, q + Y, q + Z);
  mul(t4, left, right); // 2·2
  subBoth(t4, t4, t1, t2); // Y1·Z2 + Y2·Z1: 3
  add(left, p, p + Z);
  add(right, q, q + Z);
  mul(t5, left, right); // 2·2
  subBoth(t5, t5, t0, t2); // X1·Z2 + X2·Z1: 3
  scale(t5, t5, B3); // 1
  scale(t2, t2, B3); // 1
  finishAddition(out);
}

/** out = p + q for an affine q = (x, y), never the identity (Algorithm 8), 11 multiplications. */
export function addAffine(out: usize, p: usize, q: usize): void {
  mul(t0, p, q); // X1·x
  mul(t1, p + Y, q + Y); // Y1·y
  add(left, p, p + Y);
  add(right, q, q + Y);
  mul(t3, left, right); // 2·2
  subBoth(t3, t3, t0, t1); // X1·y + x·Y1: 3
  mul(t4, q + Y, p + Z);
  add(t4, t4, p + Y); // Y1 + y·Z1: 2
  mul(t5, q, p + Z);
  add(t5, t5, p); // X1 + x·Z1: 2
  scale(t5, t5, B3); // 1
  scale(t2, p + Z, B3); // 1
  finishAddition(out);
}

/**
 * The common end of both additions, from t0 = X1·X2 (1), t1 = Y1·Y2 (1), t2 = 3b·Z1·Z2 (1), t3 = X1·Y2 + X2·Y1 (3),
 * t4 = Y1·Z2 + Y2·Z1 (3), t5 = 3b·(X1·Z2 + X2·Z1) (1):
 *   X3 = t3·(t1 − t2) − t4·t5,  Y3 = (t1 − t2)·(t1 + t2) + t5·3·t0,  Z3 = (t1 + t2)·t4 + 3·t0·t3.
 */
function finishAddition(out: usize): void {
  const sum = left, difference = right;
  triple(t0, t0); // 3
  add(sum, t1, t2); // 2
  sub(difference, t1, t2); // 2
  mulSum(out + Y, difference, sum, t5, t0); // 2·2 + 1·3
  mulSum(out + Z, sum, t4, t0, t3); // 2·3 + 3·3
  negate(t5, t5); // 1
  mulSum(out, t3, difference, t4, t5); // 3·2 + 3·1
}

/** out = 2·p (Algorithm 9), 6 multiplications and 2 squarings. */
export function doublePoint(out: usize, p: usize): void {
  square(t0, p + Y); // Y²
  mul(t1, p + Y, p + Z); // Y·Z
  square(t2, p + Z);
  scale(t2, t2, B3); // 3b·Z²: 1
  mul(t3, p, p + Y);
  double(t3, t3); // 2·X·Y: 2
  scale(t4, t0, 8); // 8·Y²: 1
  add(left, t0, t2); // 2
  triple(right, t2);
  sub(right, t0, right); // Y² − 9b·Z²: 4
  mul(out + Z, t1, t4); // 1·1
  mul(out, right, t3); // 4·2
  mulSum(out + Y, right, left, t2, t4); // 4·2 + 1·1
}

/** out = −p. */
export function negatePoint(out: usize, p: usize): void {
  copy(out, p);
  negate(out + Y, p + Y);
  copy(out + Z, p + Z);
}

/** out = p. */
export function copyPoint(out: usize, p: usize): void {
  for (let at: i32 = 0; at < POINT_USED; at += 4) store<i32>(out + at, load<i32>(p + at));
}

/** out = (0 : 1 : 0). */
export function setIdentity(out: usize): void {
  copy(out, ZERO);
  copy(out + Y, ONE);
  copy(out + Z, ZERO);
}

/** −1 if p is the identity, else 0. */
export function isIdentity(p: usize): i32 {
  return isZero(p + Z);
}

/** −1 if p = q, else 0. Both cross products are zero for the identity only, where X is zero and Y is not. */
export function isSamePoint(p: usize, q: usize): i32 {
  const a = left, b = right;
  mul(a, p, q + Z);
  mul(b, q, p + Z);
  const sameX = isEqual(a, b);
  mul(a, p + Y, q + Z);
  mul(b, q + Y, p + Z);
  return sameX & isEqual(a, b);
}

/**
 * Brings `count` points, 1 to 32 and none the identity, to Z = 1 with one inversion (Montgomery's trick). The time depends on
 * the count only.
 */
export function normalizePoints(points: usize, count: i32): void {
  const inverse = t0, single = t1;
  copy(PREFIXES, points + Z);
  for (let i: i32 = 1; i < count; i++) {
    mul(PREFIXES + i * ELEMENT, PREFIXES + (i - 1) * ELEMENT, points + i * POINT + Z);
  }
  invert(inverse, PREFIXES + (count - 1) * ELEMENT);
  for (let i: i32 = count - 1; i >= 0; i--) {
    const point = points + i * POINT;
    if (i > 0) mul(single, inverse, PREFIXES + (i - 1) * ELEMENT);
    else copy(single, inverse);
    mul(inverse, inverse, point + Z);
    mul(point, point, single);
    mul(point + Y, point + Y, single);
    copy(point + Z, ONE);
  }
}
