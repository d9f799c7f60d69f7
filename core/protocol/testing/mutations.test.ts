import {
  bool,
  bytes,
  codec,
  CodecError,
  fixedBytes,
  list,
  literal,
  oneOf,
  optional,
  rawCbor,
  record,
  refine,
  text,
  uint,
  type Codec,
  type LeafKind,
  type Schema,
} from "@conclave/bytes";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { mutations, type Mutation, type MutationOptions } from "./index.ts";

const named = (kind: LeafKind, length: number): Schema<Uint8Array> =>
  refine(fixedBytes(length), { parse: (value) => value, print: (value) => value, kind });

const everything = codec(
  record({
    count: uint({ max: 1000 }),
    name: text({ max: 20 }),
    suite: literal("a", "b"),
    flag: bool,
    blob: bytes({ max: 8 }),
    point: named("point", 33),
    scalar: named("scalar", 32),
    values: list(record({ value: uint() }), { max: 4 }),
    maybe: optional(fixedBytes(2)),
    packedPoints: named("points", 5 * 33),
    packedScalars: named("scalars", 5 * 32),
    choice: oneOf({ left: record({ l: uint() }), right: record({ r: fixedBytes(1) }) }),
  }),
);

const GENERATOR_X = "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798";
const fromHex = (hex: string): Uint8Array =>
  Uint8Array.from(hex.match(/../g)!, (digits) => Number.parseInt(digits, 16));

const sample = {
  count: 7,
  name: "alice",
  suite: "a" as const,
  flag: true,
  blob: Uint8Array.of(1, 2, 3),
  point: fromHex(`02${GENERATOR_X}`),
  scalar: new Uint8Array(32).fill(9),
  values: [{ value: 1 }, { value: 2 }],
  packedPoints: Uint8Array.from({ length: 5 * 33 }, (_, i) => (i % 33 === 0 ? 2 : i)),
  packedScalars: Uint8Array.from({ length: 5 * 32 }, (_, i) => i),
  maybe: Uint8Array.of(5, 6),
  choice: { kind: "right" as const, r: Uint8Array.of(1) },
};

const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
const options: MutationOptions = {
  group: { name: "secp256k1", order: ORDER },
  donors: [
    { name: "another party's", bytes: everything.encode({ ...sample, count: 9, scalar: new Uint8Array(32).fill(1) }) },
  ],
};
const all = mutations(everything, everything.encode(sample), options);
const at = (field: string): string[] => all.filter((mutation) => mutation.field === field).map(({ name }) => name);

const decodes = (codec: Codec<unknown>, { bytes }: Mutation): boolean => {
  try {
    codec.decode(bytes);
    return true;
  } catch (error) {
    assert.ok(error instanceof CodecError);
    return false;
  }
};

describe("mutations", () => {
  test("reach every field of every kind of schema", () => {
    const fields = new Set(all.map(({ field }) => field));
    for (const field of [
      "",
      "count",
      "name",
      "suite",
      "flag",
      "blob",
      "point",
      "scalar",
      "values",
      "values[]",
      "maybe",
    ]) {
      assert.ok(fields.has(field), field);
    }
    assert.ok(fields.has("values[].value") && fields.has("choice") && fields.has("choice.right.r"));
    assert.ok(all.some(({ path }) => path === "values[1].value"));
  });

  test("change the message, each in another way", () => {
    const original = everything.encode(sample).join();
    const keys = all.map(({ path, bytes }) => `${path}/${bytes.join()}`);
    assert.equal(new Set(keys).size, keys.length);
    for (const { bytes, path, name } of all) assert.notEqual(bytes.join(), original, `${path}: ${name}`);
  });

  test("change one field and leave the rest", () => {
    const count = all.find(({ path, name }) => path === "values[1].value" && name === "one more");
    const decoded = everything.decode(count!.bytes);
    assert.deepEqual(decoded, { ...sample, values: [{ value: 1 }, { value: 3 }] });
  });

  test("hold for each kind what a careless check lets through", () => {
    const has = (field: string, ...names: string[]): void => {
      for (const name of names) assert.ok(at(field).includes(name), `${field}: ${name} (has ${at(field).join()})`);
    };
    has("count", "zero", "one more", "largest", "64 bits", "negative", "fraction", "text", "null", "another party's");
    has("scalar", "zero", "one", "order minus one", "group order", "negated", "one more", "all ones");
    has("scalar", "a byte too many", "a byte missing", "empty", "last bit flipped", "another party's");
    has("point", "zeros", "negated", "prefix 00", "prefix 04", "hybrid prefix 06", "off the curve", "x not reduced");
    has("blob", "empty", "zeros", "a byte too many", "a byte missing", "first bit flipped");
    has("values", "empty", "one less", "one more", "first two swapped", "first one twice");
    has("flag", "negated", "a number");
    has("suite", "other text", "empty", "a number");
    has("maybe", "absent");
    has("choice", "unknown kind");
    has("", "no bytes", "a byte too many", "a byte missing", "tagged", "wrapped in a list", "random bytes");
    has("", "length not minimal", "length not given", "a field missing", "a field too many", "another party's message");
  });

  test("of a small scalar hold its second representative", () => {
    const one = codec(record({ scalar: named("scalar", 32) }));
    const order = 2n ** 252n + 27742317777372353535851937790883648493n;
    const bytes = one.encode({ scalar: Uint8Array.of(5, ...new Uint8Array(31)) });
    const found = mutations(one, bytes, { group: { name: "ed25519", order } });
    const second = found.find(({ name }) => name === "plus the group order")!;
    const scalar = (rawCbor.decode(second.bytes) as Uint8Array[])[0]!;
    const value = scalar.reduceRight((sum, byte) => (sum << 8n) + BigInt(byte), 0n);
    assert.equal(value, order + 5n);
    assert.equal(second.illegal, true);
  });

  test("called illegal are refused by the codec, if points and scalars are checked by it", () => {
    const meaningful = ["point", "scalar", "packedPoints", "packedScalars"];
    for (const mutation of all.filter(({ illegal, field }) => illegal && !meaningful.includes(field))) {
      assert.equal(decodes(everything, mutation), false, `${mutation.path}: ${mutation.name}`);
    }
    assert.ok(all.filter((mutation) => decodes(everything, mutation)).length > 20, "and others are not");
  });

  test("of an absent optional, an empty list and an empty string of bytes make sense", () => {
    const sparse = everything.encode({ ...sample, maybe: null, values: [], blob: new Uint8Array(0) });
    const fields = new Set(mutations(everything, sparse).map(({ field }) => field));
    assert.equal(fields.has("values[]"), false);
    assert.equal(fields.has("maybe"), false);
    assert.ok(fields.has("blob"));
  });

  test("of packed points and scalars try the first, the middle and the last, and all of them at once", () => {
    for (const [field, size, names] of [
      ["packedPoints", 33, ["negated", "zeros", "prefix 04", "off the curve", "x not reduced"]],
      ["packedScalars", 32, ["zero", "one", "group order", "all ones", "order minus one", "negated"]],
    ] as const) {
      const places = [
        ["first", 0],
        ["middle", 2],
        ["last", 4],
      ] as const;
      for (const [place, index] of places) {
        for (const name of names) {
          const mutation = all.find((found) => found.field === field && found.name === `${place} item, ${name}`);
          assert.ok(mutation !== undefined, `${field}: ${place} item, ${name} (has ${at(field).join()})`);
          const decoded = everything.decode(mutation.bytes);
          const changed = [0, 1, 2, 3, 4].filter(
            (i) =>
              decoded[field].subarray(i * size, (i + 1) * size).join() !==
              sample[field].subarray(i * size, (i + 1) * size).join(),
          );
          assert.deepEqual(changed, [index], `${field}: ${place} item, ${name}`);
        }
      }
      for (const name of [
        "first two items swapped",
        "first item twice",
        "a byte missing",
        "a byte too many",
        "empty",
      ]) {
        assert.ok(at(field).includes(name), `${field}: ${name}`);
      }
    }
  });

  test("of packed items swap and repeat the first two, and leave the rest", () => {
    const item = (bytes: Uint8Array, i: number): string => bytes.subarray(i * 32, (i + 1) * 32).join();
    const found = (name: string): Uint8Array => {
      const mutation = all.find((candidate) => candidate.field === "packedScalars" && candidate.name === name);
      return everything.decode(mutation!.bytes).packedScalars;
    };
    const [honest, swapped, twice] = [
      sample.packedScalars,
      found("first two items swapped"),
      found("first item twice"),
    ];
    assert.deepEqual([item(swapped, 0), item(swapped, 1)], [item(honest, 1), item(honest, 0)]);
    assert.deepEqual([item(twice, 0), item(twice, 1)], [item(honest, 0), item(honest, 0)]);
    for (const changed of [swapped, twice]) assert.deepEqual(changed.subarray(64), honest.subarray(64));
  });

  test("take more replacements from the caller", () => {
    const extra: MutationOptions["extra"] = (kind) =>
      kind === "bool" ? [{ name: "a list", value: [], illegal: true }] : [];
    const found = mutations(everything, everything.encode(sample), { extra });
    assert.deepEqual(
      found.filter(({ name }) => name === "a list").map(({ path }) => path),
      ["flag"],
    );
  });
});

const power = (base: bigint, exponent: bigint, modulus: bigint): bigint => {
  let result = 1n;
  for (let [b, e] = [base % modulus, exponent]; e > 0n; b = (b * b) % modulus, e >>= 1n) {
    if ((e & 1n) === 1n) result = (result * b) % modulus;
  }
  return result;
};
const isSquare = (value: bigint, prime: bigint): boolean => power(value, (prime - 1n) / 2n, prime) === 1n;

describe("hostile points", () => {
  test("are what they are called: 5 is no x-coordinate of secp256k1, 1 is", () => {
    const prime = 2n ** 256n - 2n ** 32n - 977n;
    assert.equal(isSquare(5n ** 3n + 7n, prime), false);
    assert.equal(isSquare(1n + 7n, prime), true);
  });

  test("are what they are called: 2 is no y-coordinate of edwards25519", () => {
    const prime = 2n ** 255n - 19n;
    const d = 37095705934669439343138083508754565189542113879843219016388785533085940283555n;
    // x² = (y² − 1)/(d·y² + 1), a square exactly if (y² − 1)·(d·y² + 1) is one.
    const square = (y: bigint): boolean => isSquare(((y * y - 1n) * (d * y * y + 1n)) % prime, prime);
    assert.equal(square(2n), false);
    assert.equal(square(3n), true);
  });

  test("of edwards25519 are little-endian", () => {
    const one = codec(record({ point: named("point", 32) }));
    const found = mutations(one, one.encode({ point: new Uint8Array(32).fill(0x55) }));
    const point = (name: string): Uint8Array => {
      const mutation = found.find((candidate) => candidate.name === name);
      return (rawCbor.decode(mutation!.bytes) as Uint8Array[])[0]!;
    };
    assert.deepEqual(point("identity"), Uint8Array.of(1, ...new Uint8Array(31)));
    assert.deepEqual(point("off the curve"), Uint8Array.of(2, ...new Uint8Array(31)));
    assert.deepEqual(point("order 2"), Uint8Array.of(0xec, ...new Uint8Array(30).fill(0xff), 0x7f));
    assert.deepEqual(point("identity not reduced"), Uint8Array.of(0xee, ...new Uint8Array(30).fill(0xff), 0x7f));
    assert.deepEqual(point("identity with a sign"), Uint8Array.of(1, ...new Uint8Array(30), 0x80));
    assert.deepEqual(point("negated"), Uint8Array.of(...new Uint8Array(31).fill(0x55), 0xd5));
  });
});
