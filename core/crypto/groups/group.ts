/** A group element. Only its `Group` can look inside: another engine may keep points in other coordinates or in WASM memory. */
export interface Point {
  readonly __brand: "Point";
}

export type GroupName = "secp256k1" | "ed25519";

/**
 * A cyclic group of prime order in additive notation. Scalars are integers in [0, order).
 *
 * Methods named `…Secret` run a fixed pattern of group operations whatever the scalar is; all others may take a time that
 * depends on their arguments and must see public values only.
 */
export interface Group {
  readonly name: GroupName;
  /** q, the prime order of the group. */
  readonly order: bigint;
  /** Length of an encoded point: 33 (compressed SEC 1) for secp256k1, 32 (RFC 8032) for ed25519. */
  readonly pointBytes: number;
  readonly generator: Point;
  readonly identity: Point;

  /** k·G for a secret k in [1, q). */
  multiplyBaseSecret(k: bigint): Point;
  /** k·P for a secret k in [1, q). */
  multiplySecret(point: Point, k: bigint): Point;
  /** k·G for a public k in [0, q). */
  multiplyBase(k: bigint): Point;
  /** Σ k_i·P_i for public scalars in [0, q) and public points. The identity for empty lists. */
  combine(points: readonly Point[], scalars: readonly bigint[]): Point;
  add(a: Point, b: Point): Point;
  negate(point: Point): Point;
  equals(a: Point, b: Point): boolean;
  isIdentity(point: Point): boolean;
  /** Spend about 40 ms and some memory once, so that later multiplications of this long-lived point are fast. */
  prepare(point: Point): void;

  /** Canonical bytes of a point. Throws `RangeError` for the identity, which has no encoding here. */
  encode(point: Point): Uint8Array;
  /** The points of a round, encoded together: one inversion instead of many. */
  encodeAll(points: readonly Point[]): Uint8Array[];
  /** Throws `RangeError` on wrong length, non-canonical bytes, points off the curve or outside the prime-order group, and the identity. */
  decode(bytes: Uint8Array): Point;
  /** Many points at once, for messages that hold hundreds. Throws as `decode` does. */
  decodeAll(encodings: readonly Uint8Array[]): Point[];
  /**
   * RFC 9380 hash_to_curve with a SHA-2 random-oracle suite: `secp256k1_XMD:SHA-256_SSWU_RO_` or
   * `edwards25519_XMD:SHA-512_ELL2_RO_`. Takes a time that depends on the message. `dst`: domain separation tag, 1 to 255 bytes.
   */
  hashToCurve(message: Uint8Array, dst: string): Point;
  /** True if the affine y-coordinate is even: BIP340's sign. Throws `RangeError` for the identity, and on ed25519. */
  hasEvenY(point: Point): boolean;

  /** Canonical 32 bytes of a scalar: big-endian on secp256k1 (SEC 1), little-endian on ed25519 (RFC 8032). */
  encodeScalar(k: bigint): Uint8Array;
  /** Throws `RangeError` unless 32 bytes encode an integer below q. */
  decodeScalar(bytes: Uint8Array): bigint;
  /** Integer of `bytes` in the group's byte order, mod q. Uniform if `bytes` is uniform and at least 48 bytes long. */
  reduce(bytes: Uint8Array): bigint;
}
