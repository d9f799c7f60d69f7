/** RFC 9380's hash_to_curve for `secp256k1_XMD:SHA-256_SSWU_RO_` (§8.7), after expand_message_xmd. */
import { add, mul, negate, scale, square } from "./arithmetic";
import {
  ONE, SSWU_A, SSWU_B, SSWU_SQRT_MINUS_Z, SSWU_X_DEN_0, SSWU_X_DEN_1, SSWU_X_NUM_0, SSWU_X_NUM_1, SSWU_X_NUM_2, SSWU_X_NUM_3,
  SSWU_Y_DEN_0, SSWU_Y_DEN_1, SSWU_Y_DEN_2, SSWU_Y_NUM_0, SSWU_Y_NUM_1, SSWU_Y_NUM_2, SSWU_Y_NUM_3, TWO_256,
} from "./constants";
import { fromBytes, isEqual, isOdd, isZero, rootPower, selectElement } from "./field";
import { encodings, mapRegister, POINT, points, Y, Z } from "./memory";
import { addPoints } from "./point";

/** Z = −11, the non-square of the suite. */
const NON_SQUARE: i64 = -11;
/** L, bytes per field element. */
const WIDE_BYTES: i32 = 48;

/** The upper 16 bytes of a wide integer, behind 16 zeros. */
const WIDE_HIGH: usize = memory.data(32);

const u = mapRegister(0), xNum = mapRegister(1), xDen = mapRegister(2), y = mapRegister(3);
const t1 = mapRegister(4), t2 = mapRegister(5), t3 = mapRegister(6), t4 = mapRegister(7), t5 = mapRegister(8);
const power1 = mapRegister(9), power2 = mapRegister(10), power3 = mapRegister(11), root = mapRegister(12);

/** points[0] = the point of 96 uniform bytes at `encodings`: hash_to_curve (§3) after expand_message. */
export function hashToPoint(): void {
  mapToCurve(points, encodings);
  mapToCurve(points + POINT, encodings + WIDE_BYTES);
  addPoints(points, points, points + POINT); // the cofactor is 1
}

/** out = map_to_curve of 48 bytes, big-endian, mod p (§5.2). */
function mapToCurve(out: usize, bytes: usize): void {
  // high·2^256 + low, with 16 and 32 bytes.
  fromBytes(t1, bytes + 16);
  memory.copy(WIDE_HIGH + 16, bytes, 16);
  fromBytes(t2, WIDE_HIGH);
  mul(u, t2, TWO_256);
  add(u, u, t1);
  scale(u, u, 1);
  mapToIsogenous();
  isogeny(out);
}

/** (xNum/xDen, y) on E': y² = x³ + A·x + B, from u. The numbers are the steps of appendix F.2; m is a magnitude above 1. */
function mapToIsogenous(): void {
  square(t1, u); // 1
  scale(t1, t1, NON_SQUARE); // 2: Z·u²
  square(t2, t1); // 3
  add(t2, t2, t1); // 4: Z²·u⁴ + Z·u², m = 2
  add(t3, t2, ONE); // 5: m = 3
  mul(xNum, t3, SSWU_B); // 6
  const isExceptional = isZero(t2);
  negate(t2, t2);
  scale(t4, ONE, NON_SQUARE);
  selectElement(t4, t2, t4, isExceptional); // 7: m = 2
  mul(xDen, t4, SSWU_A); // 8
  square(t2, xNum); // 9
  square(t4, xDen); // 10
  mul(t5, t4, SSWU_A); // 11
  add(t2, t2, t5); // 12: m = 2
  mul(t2, t2, xNum); // 13
  mul(t4, t4, xDen); // 14: xDen³
  mul(t5, t4, SSWU_B); // 15
  add(t2, t2, t5); // 16: m = 2; the curve's right side is t2/t4
  scale(t2, t2, 1);
  mul(t3, t1, xNum); // 17: the other candidate for xNum
  const isSquare = rootOfRatio(); // 18
  mul(t5, t1, u); // 19
  mul(t5, t5, y); // 20
  selectElement(xNum, t3, xNum, isSquare); // 21
  selectElement(y, t5, y, isSquare); // 22
  negate(t5, y);
  selectElement(y, y, t5, -(isOdd(u) ^ isOdd(y))); // 23, 24
}

/** y = √(t2/t4), or √(Z·t2/t4) if that has no root: −1 in the first case, else 0 (appendix F.2.1.2, for p ≡ 3 mod 4). */
function rootOfRatio(): i32 {
  square(power1, t4);
  mul(power2, t2, t4);
  mul(power1, power1, power2);
  rootPower(root, power1);
  mul(root, root, power2);
  square(power1, root);
  mul(power1, power1, t4);
  const isSquare = isEqual(power1, t2);
  mul(power2, root, SSWU_SQRT_MINUS_Z);
  selectElement(y, power2, root, isSquare);
  return isSquare;
}

/**
 * out = the 3-isogeny of (xNum/xDen, y) (appendix E.1), every polynomial multiplied by xDen³, so that nothing is inverted.
 * Its denominators are zero only on points of order 3, and E' has none: its order is q.
 */
function isogeny(out: usize): void {
  square(power1, xDen);
  mul(power3, power1, xDen); // xDen³
  mul(power1, power1, xNum); // xNum·xDen²
  square(power2, xNum);
  mul(t5, power2, xNum); // xNum³
  mul(power2, power2, xDen); // xNum²·xDen
  polynomial(t1, SSWU_X_NUM_0, SSWU_X_NUM_1, SSWU_X_NUM_2, SSWU_X_NUM_3);
  polynomial(t3, SSWU_Y_NUM_0, SSWU_Y_NUM_1, SSWU_Y_NUM_2, SSWU_Y_NUM_3);
  polynomial(t4, SSWU_Y_DEN_0, SSWU_Y_DEN_1, SSWU_Y_DEN_2, ONE);
  mul(t2, power3, SSWU_X_DEN_0);
  mul(root, power1, SSWU_X_DEN_1);
  add(t2, t2, root);
  add(t2, t2, power2); // m = 3
  mul(t3, t3, y);
  mul(out, t1, t4);
  mul(out + Y, t3, t2);
  mul(out + Z, t2, t4);
}

/** out = k0·xDen³ + k1·xNum·xDen² + k2·xNum²·xDen + k3·xNum³, carried. */
function polynomial(out: usize, k0: usize, k1: usize, k2: usize, k3: usize): void {
  mul(out, power3, k0);
  mul(root, power1, k1);
  add(out, out, root);
  mul(root, power2, k2);
  add(out, out, root);
  mul(root, t5, k3);
  add(out, out, root); // m = 4
  scale(out, out, 1);
}
