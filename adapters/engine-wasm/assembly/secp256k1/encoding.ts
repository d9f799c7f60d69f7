/** SEC 1 §2.3.3 and §2.3.4, compressed points. */
import { add, copy, mul, negate, square } from "./arithmetic";
import { CURVE_B, ONE } from "./constants";
import { fromBytes, isOdd, selectElement, squareRoot, toBytes } from "./field";
import { ENCODED, encodings, mapRegister, POINT, points, Y, Z } from "./memory";
import { normalizePoints } from "./point";

/** encodings[i] = 33 bytes of points[i], for i < count; none may be the identity. The points become affine on the way. */
export function encodePoints(count: i32): void {
  normalizePoints(points, count);
  for (let i: i32 = 0; i < count; i++) {
    const point = points + i * POINT;
    const bytes = encodings + i * ENCODED;
    store<u8>(bytes, 2 + isOdd(point + Y));
    toBytes(bytes + 1, point);
  }
}

/** points[0] = the point of encodings[0], whose first byte is 2 or 3. −1 if there is one, else 0. */
export function decodePoint(): i32 {
  const x = points, y = points + Y;
  const right = mapRegister(0), other = mapRegister(1);
  const isCanonical = fromBytes(x, encodings + 1);
  square(right, x);
  mul(right, right, x);
  add(right, right, CURVE_B);
  const isOnCurve = squareRoot(y, right);
  // y is never 0, since no point has order 2: one of y and −y is odd.
  negate(other, y);
  selectElement(y, y, other, -(isOdd(y) ^ (load<u8>(encodings) & 1)));
  copy(points + Z, ONE);
  return isCanonical & isOnCurve;
}
