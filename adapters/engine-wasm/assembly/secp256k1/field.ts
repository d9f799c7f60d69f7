/** Integers mod p = 2^256 − 2^32 − 977, on top of the straight-line `arithmetic.ts`. All functions run a fixed pattern. */
import { copy, mul, scale, square, squareTimes, sub } from "./arithmetic";
import { PRIME } from "./constants";
import { fieldRegister } from "./memory";

const LIMBS: i32 = 9;
const LIMB_BITS: i32 = 29;
const LIMB_MASK: i32 = 0x1fffffff;
const TOP_MASK: i32 = 0xffffff;

/**
 * out = a as its representative in [0, p), in unsigned limbs: l_i < 2^29, l_8 < 2^24 (which is magnitude 2).
 *
 * Carrying leaves |v| ≤ 2^23·2^232 + B·(2^203 + 2^174 + …) < 2^255 + 2^232 < p, so v + p lies in (0, 2p), and one conditional
 * subtraction is enough. Limbs of v and p together stay below 2^30.
 */
export function canonical(out: usize, a: usize): void {
  const difference = fieldRegister(0);
  scale(out, a, 1);
  let carried: i32 = 0;
  for (let i: i32 = 0; i < LIMBS; i++) {
    const limb = load<i32>(out + 4 * i) + load<i32>(PRIME + 4 * i) + carried;
    carried = i < LIMBS - 1 ? limb >> LIMB_BITS : 0;
    store<i32>(out + 4 * i, i < LIMBS - 1 ? limb & LIMB_MASK : limb);
  }
  const below = lessPrime(difference, out);
  selectElement(out, difference, out, below);
}

/** out = a − p for unsigned limbs of a < 2p: −1 (all bits set) if a < p, else 0. `out` means nothing in the first case. */
function lessPrime(out: usize, a: usize): i32 {
  let carried: i32 = 0;
  for (let i: i32 = 0; i < LIMBS; i++) {
    const limb = load<i32>(a + 4 * i) - load<i32>(PRIME + 4 * i) + carried;
    carried = limb >> LIMB_BITS;
    store<i32>(out + 4 * i, limb & LIMB_MASK);
  }
  return carried >> 31;
}

/** out = b where `mask` is −1, a where it is 0. */
export function selectElement(out: usize, a: usize, b: usize, mask: i32): void {
  for (let i: i32 = 0; i < LIMBS; i++) {
    const kept = load<i32>(a + 4 * i);
    store<i32>(out + 4 * i, kept ^ ((kept ^ load<i32>(b + 4 * i)) & mask));
  }
}

/** −1 if a ≡ 0 (mod p), else 0. Magnitude: any. */
export function isZero(a: usize): i32 {
  const value = fieldRegister(1);
  canonical(value, a);
  let bits: i32 = 0;
  for (let i: i32 = 0; i < LIMBS; i++) bits |= load<i32>(value + 4 * i);
  return (bits - 1) >> 31;
}

/** −1 if a ≡ b (mod p), else 0. Magnitudes: 7 together. */
export function isEqual(a: usize, b: usize): i32 {
  const difference = fieldRegister(2);
  sub(difference, a, b);
  return isZero(difference);
}

/** 1 if the representative of a in [0, p) is odd, else 0. */
export function isOdd(a: usize): i32 {
  const value = fieldRegister(1);
  canonical(value, a);
  return load<i32>(value) & 1;
}

/** out = the 32 bytes, big-endian, carried to magnitude 1. −1 if they are below p, else 0 (then out is the value mod p). */
export function fromBytes(out: usize, bytes: usize): i32 {
  let pending: u64 = 0;
  let bits: i32 = 0;
  let limb: i32 = 0;
  for (let i: i32 = 31; i >= 0; i--) {
    pending |= <u64>load<u8>(bytes + i) << bits;
    bits += 8;
    if (bits >= LIMB_BITS) {
      store<i32>(out + limb, <i32>pending & LIMB_MASK);
      pending >>= LIMB_BITS;
      bits -= LIMB_BITS;
      limb += 4;
    }
  }
  store<i32>(out + limb, <i32>pending);
  const below = lessPrime(fieldRegister(0), out);
  scale(out, out, 1);
  return below;
}

/** bytes = a's representative in [0, p), 32 bytes big-endian. */
export function toBytes(bytes: usize, a: usize): void {
  const value = fieldRegister(1);
  canonical(value, a);
  let pending: u64 = 0;
  let bits: i32 = 0;
  let at: i32 = 31;
  for (let i: i32 = 0; i < LIMBS; i++) {
    pending |= <u64>load<u32>(value + 4 * i) << bits;
    for (bits += LIMB_BITS; bits >= 8 && at >= 0; bits -= 8) {
      store<u8>(bytes + at, <u8>pending);
      pending >>= 8;
      at--;
    }
  }
}

/**
 * out = a^((p − 3)/4), from which root and inverse follow. The exponent is, in binary, 223 ones, a zero, 22 ones, 00001011.
 * Below, r_n is a^(2^n − 1), an exponent of n ones. Magnitude: 3 at most. `out` must not be `a`.
 */
export function rootPower(out: usize, a: usize): void {
  const r2 = fieldRegister(3), r3 = fieldRegister(4), r11 = fieldRegister(5), r22 = fieldRegister(6);
  const r44 = fieldRegister(7), r88 = fieldRegister(8);
  square(r2, a); mul(r2, r2, a);
  square(r3, r2); mul(r3, r3, a);
  squareTimes(out, r3, 3); mul(out, out, r3); // r6
  squareTimes(out, out, 3); mul(out, out, r3); // r9
  squareTimes(r11, out, 2); mul(r11, r11, r2);
  squareTimes(r22, r11, 11); mul(r22, r22, r11);
  squareTimes(r44, r22, 22); mul(r44, r44, r22);
  squareTimes(r88, r44, 44); mul(r88, r88, r44);
  squareTimes(out, r88, 88); mul(out, out, r88); // r176
  squareTimes(out, out, 44); mul(out, out, r44); // r220
  squareTimes(out, out, 3); mul(out, out, r3); // r223
  squareTimes(out, out, 23); mul(out, out, r22);
  squareTimes(out, out, 5); mul(out, out, a);
  squareTimes(out, out, 3); mul(out, out, r2);
}

/** out = 1/a, and 0 for 0: a^(p − 2), with p − 2 = 4·(p − 3)/4 + 1. Magnitude: 3 at most. */
export function invert(out: usize, a: usize): void {
  const base = fieldRegister(9), root = fieldRegister(10);
  copy(base, a);
  rootPower(root, base);
  squareTimes(root, root, 2);
  mul(out, root, base);
}

/** out = a^((p + 1)/4), a square root if there is one (p ≡ 3 mod 4): −1 if there is, else 0. Magnitude: 3 at most. */
export function squareRoot(out: usize, a: usize): i32 {
  const base = fieldRegister(9), root = fieldRegister(10), check = fieldRegister(11);
  copy(base, a);
  rootPower(root, base);
  mul(out, root, base);
  square(check, out);
  return isEqual(check, base);
}
