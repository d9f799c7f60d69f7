import { assert } from "@conclave/bytes";
import { mulAddUnsafe, normalizeZ } from "@noble/curves/abstract/curve.js";
import { secp256k1, secp256k1_hasher } from "@noble/curves/secp256k1.js";
import { bytesToNumberBE, numberToBytesBE } from "@noble/curves/utils.js";
import { domainTag } from "./domain-tag.ts";
import { BETA, splitScalar } from "./endomorphism.ts";
import type { Group, Point } from "./group.ts";

const Curve = secp256k1.Point;
type CurvePoint = InstanceType<typeof Curve>;

const ORDER = Curve.Fn.ORDER;
const COMPRESSED_BYTES = 33;
const SCALAR_BYTES = 32;

const open = (point: Point): CurvePoint => point as unknown as CurvePoint;
const seal = (point: CurvePoint): Point => point as unknown as Point;

/** secp256k1 (SEC 2 §2.4.1) on noble's BigInt arithmetic: portable, and the reference for faster engines. */
export const secp256k1Group: Group = {
  name: "secp256k1",
  order: ORDER,
  pointBytes: COMPRESSED_BYTES,
  generator: seal(Curve.BASE),
  identity: seal(Curve.ZERO),

  multiplyBaseSecret: (k) => seal(Curve.BASE.multiply(k)),
  multiplySecret: (point, k) => seal(open(point).multiply(k)),
  multiplyBase: (k) => seal(Curve.BASE.multiplyUnsafe(k)),
  combine(points, scalars) {
    assert(points.length === scalars.length, "as many scalars as points");
    const halves = points.flatMap((point, i) => halve(open(point), scalars[i]!));
    return seal(
      mulAddUnsafe(
        Curve,
        halves.map(({ point }) => point),
        halves.map(({ scalar }) => scalar),
      ),
    );
  },
  add: (a, b) => seal(open(a).add(open(b))),
  negate: (point) => seal(open(point).negate()),
  equals: (a, b) => open(a).equals(open(b)),
  isIdentity: (point) => open(point).is0(),
  prepare: (point) => {
    open(point).precompute(8, false);
  },

  encode(point) {
    if (open(point).is0()) throw new RangeError("the identity has no encoding");
    return open(point).toBytes(true);
  },
  encodeAll(points) {
    if (points.some((point) => open(point).is0())) throw new RangeError("the identity has no encoding");
    return normalizeZ(Curve, points.map(open)).map((point) => point.toBytes(true));
  },
  decode(bytes) {
    if (bytes.length !== COMPRESSED_BYTES || (bytes[0] !== 2 && bytes[0] !== 3)) {
      throw new RangeError("a point is 33 bytes beginning with 02 or 03");
    }
    try {
      return seal(Curve.fromBytes(bytes));
    } catch (cause) {
      throw new RangeError("not a point of secp256k1", { cause });
    }
  },
  decodeAll: (encodings) => encodings.map((bytes) => secp256k1Group.decode(bytes)),
  hashToCurve: (message, dst) => seal(secp256k1_hasher.hashToCurve(message, { DST: domainTag(dst) })),
  hasEvenY(point) {
    if (open(point).is0()) throw new RangeError("the identity has no y-coordinate");
    return (open(point).toAffine().y & 1n) === 0n;
  },

  encodeScalar(k) {
    assert(k >= 0n && k < ORDER, "a scalar is reduced before it is encoded");
    return numberToBytesBE(k, SCALAR_BYTES);
  },
  decodeScalar(bytes) {
    if (bytes.length !== SCALAR_BYTES) throw new RangeError("a scalar is 32 bytes");
    const k = bytesToNumberBE(bytes);
    if (k >= ORDER) throw new RangeError("a scalar is below the group order");
    return k;
  },
  reduce: (bytes) => bytesToNumberBE(bytes) % ORDER,
};

/** k·P as two terms with scalars of half the length: low·P + high·(λ·P), signs moved into the points. */
function halve(point: CurvePoint, k: bigint): readonly { readonly point: CurvePoint; readonly scalar: bigint }[] {
  if (k < 0n || k >= ORDER) throw new RangeError("a scalar lies in [0, q)");
  if (k === 0n || point.is0()) return [];
  const { low, high } = splitScalar(k, ORDER);
  const rotated = new Curve(Curve.Fp.mul(point.X, BETA), point.Y, point.Z);
  const term = (base: CurvePoint, scalar: bigint) =>
    scalar < 0n ? { point: base.negate(), scalar: -scalar } : { point: base, scalar };
  return [term(point, low), term(rotated, high)].filter(({ scalar }) => scalar !== 0n);
}
