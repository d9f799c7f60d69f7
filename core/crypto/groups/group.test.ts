import { AssertionError, codec, CodecError, concatBytes, fromHex, toHex } from "@conclave/bytes";
import { ed25519 } from "@noble/curves/ed25519.js";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ed25519Group, pointSchema, pointsSchema, scalarSchema, secp256k1Group } from "../index.ts";
import { groupContract, seededRng } from "../testing/index.ts";

groupContract(secp256k1Group, secp256k1Group);
groupContract(ed25519Group, ed25519Group);

const refuse = (group: typeof secp256k1Group, hex: string, why: RegExp): void => {
  assert.throws(
    () => group.decode(fromHex(hex)),
    (error: unknown) => error instanceof RangeError && why.test(error.message),
    hex,
  );
};

const G = "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798";
const G_Y = "483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8";

describe("secp256k1", () => {
  test("has the parameters of SEC 2 §2.4.1", () => {
    assert.equal(secp256k1Group.order, 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n);
    assert.equal(toHex(secp256k1Group.encode(secp256k1Group.generator)), `02${G}`);
    assert.equal(secp256k1Group.pointBytes, 33);
  });

  test("refuses every form but the compressed one", () => {
    const beginning = /33 bytes beginning with 02 or 03/;
    refuse(secp256k1Group, `04${G}${G_Y}`, beginning);
    refuse(secp256k1Group, `06${G}${G_Y}`, beginning);
    refuse(secp256k1Group, `07${G}${G_Y}`, beginning);
    for (const prefix of ["00", "01", "04", "05", "06", "07", "82", "ff"])
      refuse(secp256k1Group, prefix + G, beginning);
    refuse(secp256k1Group, G, beginning);
    refuse(secp256k1Group, "00", beginning);
    refuse(secp256k1Group, "00".repeat(33), beginning);
  });

  test("refuses x off the curve, not reduced, and zero", () => {
    const notAPoint = /not a point of secp256k1/;
    const hex = (x: bigint): string => x.toString(16).padStart(64, "0");
    const prime = 2n ** 256n - 2n ** 32n - 977n;
    for (const prefix of ["02", "03"]) {
      refuse(secp256k1Group, prefix + hex(5n), notAPoint);
      refuse(secp256k1Group, prefix + hex(0n), notAPoint);
      refuse(secp256k1Group, prefix + hex(prime), notAPoint);
      // x = 1 is on the curve; its second representative is not accepted.
      assert.doesNotThrow(() => secp256k1Group.decode(fromHex(prefix + hex(1n))));
      refuse(secp256k1Group, prefix + hex(prime + 1n), notAPoint);
      refuse(secp256k1Group, prefix + "ff".repeat(32), notAPoint);
    }
  });

  test("tells the parity of y, which the identity has not", () => {
    const { generator, identity } = secp256k1Group;
    assert.equal(secp256k1Group.hasEvenY(generator), true);
    assert.equal(secp256k1Group.hasEvenY(secp256k1Group.negate(generator)), false);
    assert.throws(() => secp256k1Group.hasEvenY(identity), RangeError);
    const rng = seededRng("parity");
    for (let i = 0; i < 8; i++) {
      const point = secp256k1Group.multiplyBase(secp256k1Group.reduce(rng(48)));
      assert.equal(secp256k1Group.hasEvenY(point), secp256k1Group.encode(point)[0] === 2);
    }
  });
});

/** The eight points of small order on edwards25519, and the encodings of them that are not canonical (RFC 8032 §5.1.3). */
const SMALL_ORDER = [
  "0100000000000000000000000000000000000000000000000000000000000000",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "0000000000000000000000000000000000000000000000000000000000000000",
  "0000000000000000000000000000000000000000000000000000000000000080",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
];
const NOT_CANONICAL = [
  "0100000000000000000000000000000000000000000000000000000000000080",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
  "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
  "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
];

describe("ed25519", () => {
  test("has the parameters of RFC 8032 §5.1", () => {
    assert.equal(ed25519Group.order, 2n ** 252n + 27742317777372353535851937790883648493n);
    assert.equal(toHex(ed25519Group.encode(ed25519Group.generator)), `58${"66".repeat(31)}`);
  });

  test("refuses the eight points of small order", () => {
    for (const hex of SMALL_ORDER) refuse(ed25519Group, hex, /identity|prime-order subgroup/);
    const orders = SMALL_ORDER.map((hex) => ed25519.Point.fromHex(hex)).filter((point) => point.isSmallOrder());
    assert.equal(orders.length, 8, "the list is what it says");
  });

  test("refuses encodings that are not canonical", () => {
    for (const hex of NOT_CANONICAL) refuse(ed25519Group, hex, /not encoded canonically|not a point/);
    // y = p + 3, the second representative of a y that is on the curve.
    refuse(ed25519Group, `f0${"ff".repeat(30)}7f`, /not encoded canonically|not a point/);
  });

  test("refuses points of mixed order: prime order plus each small order", () => {
    for (const hex of SMALL_ORDER.slice(1)) {
      const mixed = ed25519.Point.BASE.multiply(7n).add(ed25519.Point.fromHex(hex)).toHex();
      refuse(ed25519Group, mixed, /outside the prime-order subgroup/);
    }
  });

  test("refuses y off the curve", () => refuse(ed25519Group, `02${"00".repeat(31)}`, /not a point of edwards25519/));

  test("has no parity in the sense of BIP340", () => {
    assert.throws(() => ed25519Group.hasEvenY(ed25519Group.generator), RangeError);
  });
});

for (const group of [secp256k1Group, ed25519Group]) {
  describe(`${group.name} on the wire`, () => {
    test("refuses what the group refuses, as CodecError", () => {
      const [point, scalar] = [codec(pointSchema(group)), codec(scalarSchema(group))];
      const two = group.multiplyBase(2n);
      assert.ok(group.equals(point.decode(point.encode(two)), two));
      assert.equal(scalar.decode(scalar.encode(group.order - 1n)), group.order - 1n);
      const head = group.pointBytes === 33 ? "5821" : "5820";
      assert.throws(() => point.decode(fromHex(head + "00".repeat(group.pointBytes))), CodecError);
      assert.throws(() => scalar.decode(fromHex(`5820${"ff".repeat(32)}`)), CodecError);
      assert.throws(() => point.encode(group.identity), RangeError);
      assert.deepEqual([point.field, scalar.field], [{ kind: "point" }, { kind: "scalar" }]);
    });

    test("packs many points into one string, and refuses another number of them or one bad one", () => {
      const points = [1n, 2n, 3n].map((k) => group.multiplyBase(k));
      const many = codec(pointsSchema(group, 3));
      const bytes = many.encode(points);
      assert.deepEqual(bytes.subarray(2), concatBytes(...group.encodeAll(points)));
      for (const [i, point] of many.decode(bytes).entries()) assert.ok(group.equals(point, points[i]!));
      assert.throws(() => codec(pointsSchema(group, 2)).decode(bytes), CodecError);
      assert.throws(() => codec(pointsSchema(group, 4)).decode(bytes), CodecError);
      for (const place of [0, 1, 2]) {
        const bad = bytes.slice();
        bad.fill(0, 2 + place * group.pointBytes, 2 + (place + 1) * group.pointBytes);
        assert.throws(() => many.decode(bad), CodecError, `${place}`);
      }
      assert.throws(() => many.encode(points.slice(1)), AssertionError);
      assert.throws(() => many.encode([...points.slice(1), group.identity]), RangeError);
      assert.deepEqual(many.field, { kind: "points" });
    });
  });
}
