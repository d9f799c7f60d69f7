/**
 * The endomorphism of secp256k1: λ·(x, y) = (β·x, y), which turns one 256-bit scalar into two of half the length and so
 * halves the doublings of a public multiplication (Gallant, Lambert, Vanstone 2001; constants as in SEC 2's curve,
 * derived from β³ = 1 mod p, λ³ = 1 mod q and a short basis of the lattice {(a, b): a + b·λ ≡ 0 mod q}).
 */

/** β, a cube root of unity mod p. */
export const BETA = 0x7ae96a2b657c07106e64479eac3434e99cf0497512f58995c1396c28719501een;
/** λ, the cube root of unity mod q that belongs to β. */
export const LAMBDA = 0x5363ad4cc05c30e0a5261c028812645a122e22ea20816678df02967c1b23bd72n;

const A1 = 0x3086d221a7d46bcde86c90e49284eb15n;
const B1 = -0xe4437ed6010e88286f547fa90abfe4c3n;
const A2 = 0x114ca50f7a8e2f3f657c1108d9d44cfd8n;
const B2 = A1;

/** n / d, rounded to the nearest integer. */
const rounded = (n: bigint, d: bigint): bigint => (n >= 0n ? n + d / 2n : n - d / 2n) / d;

/** k = low + high·λ mod q with |low|, |high| < 2^128, for k in [0, q). Variable time: for public scalars. */
export function splitScalar(k: bigint, order: bigint): { readonly low: bigint; readonly high: bigint } {
  const c1 = rounded(B2 * k, order);
  const c2 = rounded(-B1 * k, order);
  return { low: k - c1 * A1 - c2 * A2, high: -c1 * B1 - c2 * B2 };
}
