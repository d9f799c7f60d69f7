/** `length` random bytes: the only entropy core code may use. Tests and simulations pass a seeded stream. */
export type Rng = (length: number) => Uint8Array;
