import { assert, equalBytes } from "@conclave/bytes";
import { mulAddUnsafe } from "@noble/curves/abstract/curve.js";
import { ed25519, ed25519_hasher } from "@noble/curves/ed25519.js";
import { bytesToNumberLE, numberToBytesLE } from "@noble/curves/utils.js";
import { domainTag } from "./domain-tag.ts";
import type { Group, Point } from "./group.ts";

const Curve = ed25519.Point;
type CurvePoint = InstanceType<typeof Curve>;

const ORDER = Curve.Fn.ORDER;
const POINT_BYTES = 32;
const SCALAR_BYTES = 32;

const open = (point: Point): CurvePoint => point as unknown as CurvePoint;
const seal = (point: CurvePoint): Point => point as unknown as Point;

/** The prime-order subgroup of edwards25519 (RFC 8032 §5.1) on noble's BigInt arithmetic. */
export const ed25519Group: Group = {
  name: "ed25519",
  order: ORDER,
  pointBytes: POINT_BYTES,
  generator: seal(Curve.BASE),
  identity: seal(Curve.ZERO),

  multiplyBaseSecret: (k) => seal(Curve.BASE.multiply(k)),
  multiplySecret: (point, k) => seal(open(point).multiply(k)),
  multiplyBase: (k) => seal(Curve.BASE.multiplyUnsafe(k)),
  combine(points, scalars) {
    assert(points.length === scalars.length, "as many scalars as points");
    return seal(mulAddUnsafe(Curve, points.map(open), [...scalars]));
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
    return open(point).toBytes();
  },
  encodeAll: (points) => points.map((point) => ed25519Group.encode(point)),
  decode(bytes) {
    if (bytes.length !== POINT_BYTES) throw new RangeError("a point is 32 bytes");
    const point = decodeCurvePoint(bytes);
    if (point.is0()) throw new RangeError("the identity is not accepted");
    if (!point.isTorsionFree()) throw new RangeError("the point is outside the prime-order subgroup");
    return seal(point);
  },
  decodeAll: (encodings) => encodings.map((bytes) => ed25519Group.decode(bytes)),
  hashToCurve: (message, dst) => seal(ed25519_hasher.hashToCurve(message, { DST: domainTag(dst) })),
  hasEvenY() {
    throw new RangeError("BIP340 parity is defined on secp256k1 only");
  },

  encodeScalar(k) {
    assert(k >= 0n && k < ORDER, "a scalar is reduced before it is encoded");
    return numberToBytesLE(k, SCALAR_BYTES);
  },
  decodeScalar(bytes) {
    if (bytes.length !== SCALAR_BYTES) throw new RangeError("a scalar is 32 bytes");
    const k = bytesToNumberLE(bytes);
    if (k >= ORDER) throw new RangeError("a scalar is below the group order");
    return k;
  },
  reduce: (bytes) => bytesToNumberLE(bytes) % ORDER,
};

/** RFC 8032 §5.1.3 with the canonical form enforced: y below p, and no sign bit on x = 0. */
function decodeCurvePoint(bytes: Uint8Array): CurvePoint {
  let point: CurvePoint;
  try {
    point = Curve.fromBytes(bytes);
  } catch (cause) {
    throw new RangeError("not a point of edwards25519", { cause });
  }
  if (!equalBytes(point.toBytes(), bytes)) throw new RangeError("the point is not encoded canonically");
  return point;
}
