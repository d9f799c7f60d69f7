/** secp256k1 as a schoolbook has it: affine points, BigInt, Euclid, double and add. An oracle that shares nothing with the rest. */

export const P = 2n ** 256n - 2n ** 32n - 977n;
export const Q = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
export const LAMBDA = 0x5363ad4cc05c30e0a5261c028812645a122e22ea20816678df02967c1b23bd72n;

/** null is the identity. */
export type Affine = readonly [x: bigint, y: bigint] | null;

export const G: Affine = [
  0x79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798n,
  0x483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8n,
];

export const mod = (value: bigint, modulus: bigint): bigint => ((value % modulus) + modulus) % modulus;

export function inverse(value: bigint, modulus: bigint): bigint {
  let [a, b, x, y] = [mod(value, modulus), modulus, 1n, 0n];
  while (a > 1n) [a, b, x, y] = [b % a, a, y - (b / a) * x, x];
  return mod(x, modulus);
}

export function power(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  for (const bit of exponent.toString(2)) result = mod(result * result * (bit === "1" ? base : 1n), P);
  return result;
}

export const negateAffine = (point: Affine): Affine => point && [point[0], mod(-point[1], P)];

export function addAffine(a: Affine, b: Affine): Affine {
  if (a === null) return b;
  if (b === null) return a;
  if (a[0] === b[0] && mod(a[1] + b[1], P) === 0n) return null;
  const slope =
    a[0] === b[0] ? 3n * a[0] * a[0] * inverse(2n * a[1], P) : (b[1] - a[1]) * inverse(mod(b[0] - a[0], P), P);
  const x = mod(slope * slope - a[0] - b[0], P);
  return [x, mod(slope * (a[0] - x) - a[1], P)];
}

export function multiplyAffine(point: Affine, k: bigint): Affine {
  let sum: Affine = null;
  for (const bit of k.toString(2)) {
    sum = addAffine(sum, sum);
    if (bit === "1") sum = addAffine(sum, point);
  }
  return sum;
}

/** SEC 1, compressed; the empty string for the identity. */
export const encodeAffine = (point: Affine): string =>
  point === null ? "" : (point[1] % 2n === 0n ? "02" : "03") + point[0].toString(16).padStart(64, "0");
