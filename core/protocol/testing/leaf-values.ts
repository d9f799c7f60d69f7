import type { Cbor, LeafKind } from "@conclave/bytes";

/** What takes a field's place. `illegal`: no codec may accept it there. */
export interface Replacement {
  readonly name: string;
  readonly value: Cbor;
  readonly illegal: boolean;
}

export interface LeafOptions {
  /** The group that the message's points and scalars belong to; needed for `group order` and its neighbours. */
  readonly group?: { readonly name: "secp256k1" | "ed25519"; readonly order: bigint };
  /** More replacements for a leaf: a point of mixed order, a value made for one protocol. */
  readonly extra?: (kind: LeafKind, value: Cbor) => readonly Replacement[];
}

const legal = (name: string, value: Cbor): Replacement => ({ name, value, illegal: false });
const illegal = (name: string, value: Cbor): Replacement => ({ name, value, illegal: true });

/** Every replacement for one leaf that holds `value`. */
export function leafValues(kind: LeafKind, value: Cbor, options: LeafOptions): Replacement[] {
  return [...valuesOfKind(kind, value, options), illegal("null", null), ...(options.extra?.(kind, value) ?? [])];
}

function valuesOfKind(kind: LeafKind, value: Cbor, { group }: LeafOptions): Replacement[] {
  switch (kind) {
    case "point":
      return pointValues(value as Uint8Array, group?.name);
    case "scalar":
      return scalarValues(value as Uint8Array, group);
    case "points":
      return packedValues(value as Uint8Array, 33, (item) => pointValues(item, "secp256k1"));
    case "scalars":
      return packedValues(value as Uint8Array, 32, (item) => scalarValues(item, group));
    case "bytes":
      return [...byteValues(value as Uint8Array), legal("zeros", new Uint8Array((value as Uint8Array).length))];
    case "uint":
      return uintValues(value as number | bigint);
    case "bool":
      return [legal("negated", !(value as boolean)), illegal("a number", Number(value))];
    case "text":
    case "literal":
      return [
        { name: "other text", value: `${value as string}x`, illegal: kind === "literal" },
        { name: "empty", value: "", illegal: kind === "literal" },
        illegal("a number", 0),
      ];
  }
}

function uintValues(value: number | bigint): Replacement[] {
  return [
    legal("zero", 0),
    legal("one more", Number(value) + 1),
    legal("largest", Number.MAX_SAFE_INTEGER),
    illegal("64 bits", 2n ** 64n - 1n),
    illegal("negative", -1),
    illegal("fraction", 1.5),
    illegal("text", `${value}`),
  ];
}

/** Lengths and bits. Whether another length is legal depends on the schema. */
function byteValues(value: Uint8Array): Replacement[] {
  const values = [legal("a byte too many", Uint8Array.of(...value, 0)), illegal("text", "mutated")];
  if (value.length === 0) return values;
  values.push(legal("empty", new Uint8Array(0)));
  values.push(legal("a byte missing", value.slice(0, -1)));
  values.push(legal("first bit flipped", flipped(value, 0, 0x80)));
  values.push(legal("last bit flipped", flipped(value, value.length - 1, 1)));
  return values;
}

function flipped(value: Uint8Array, at: number, mask: number): Uint8Array {
  const changed = value.slice();
  changed[at]! ^= mask;
  return changed;
}

const ALWAYS_FIXED_LENGTH = ["a byte too many", "a byte missing", "empty"];

const fixedLength = (value: Uint8Array): Replacement[] =>
  byteValues(value).map(({ name, value, illegal }) => ({
    name,
    value,
    illegal: illegal || ALWAYS_FIXED_LENGTH.includes(name),
  }));

function scalarValues(value: Uint8Array, group: LeafOptions["group"]): Replacement[] {
  const zero = new Uint8Array(32);
  const values = [
    ...fixedLength(value),
    legal("zero", zero),
    illegal(
      "all ones",
      zero.map(() => 0xff),
    ),
  ];
  if (group === undefined) return values;
  const encode = (k: bigint): Uint8Array => integerBytes(k, group.name === "ed25519");
  const own = BigInt(`0x${hex(group.name === "ed25519" ? value.toReversed() : value)}`);
  values.push(legal("one", encode(1n)));
  values.push(legal("order minus one", encode(group.order - 1n)));
  values.push(illegal("group order", encode(group.order)));
  values.push(legal("one more", encode((own + 1n) % group.order)));
  values.push(legal("negated", encode((group.order - own) % group.order)));
  if (own + group.order < 2n ** 256n) values.push(illegal("plus the group order", encode(own + group.order)));
  return values;
}

function pointValues(
  value: Uint8Array,
  group: "secp256k1" | "ed25519" = value.length === 33 ? "secp256k1" : "ed25519",
) {
  const values = [...fixedLength(value), illegal("zeros", new Uint8Array(value.length))];
  return [...values, ...(group === "secp256k1" ? secp256k1Points(value) : ed25519Points(value))];
}

/**
 * Many items of one size in one string. What can be wrong with one is tried in the first, the middle and the last, so that no
 * check of one place passes for a check of all.
 */
function packedValues(
  value: Uint8Array,
  itemBytes: number,
  itemValues: (item: Uint8Array) => readonly Replacement[],
): Replacement[] {
  const count = value.length / itemBytes;
  const item = (i: number): Uint8Array => value.slice(i * itemBytes, (i + 1) * itemBytes);
  const withItem = (i: number, bytes: Uint8Array, into: Uint8Array = value): Uint8Array => {
    const changed = into.slice();
    changed.set(bytes, i * itemBytes);
    return changed;
  };
  const values = fixedLength(value);
  if (count < 2) return values;
  for (const [place, i] of [
    ["first", 0],
    ["middle", count >> 1],
    ["last", count - 1],
  ] as const) {
    for (const { name, value: changed, illegal } of itemValues(item(i))) {
      // Another length of one item would shift all that follow: that is the whole string's matter.
      if (!(changed instanceof Uint8Array) || changed.length !== itemBytes) continue;
      values.push({ name: `${place} item, ${name}`, value: withItem(i, changed), illegal });
    }
  }
  values.push(legal("first two items swapped", withItem(0, item(1), withItem(1, item(0)))));
  values.push(legal("first item twice", withItem(1, item(0))));
  return values;
}

const SECP256K1_PRIME = 2n ** 256n - 2n ** 32n - 977n;
const ED25519_PRIME = 2n ** 255n - 19n;

/** SEC 1 §2.3.3: 02 or 03, then x below the field prime. */
function secp256k1Points(value: Uint8Array): Replacement[] {
  const withPrefix = (prefix: number): Uint8Array => Uint8Array.of(prefix, ...value.subarray(1));
  const withX = (x: bigint): Uint8Array => Uint8Array.of(value[0]!, ...integerBytes(x, false));
  return [
    legal("negated", flipped(value, 0, 1)),
    illegal("prefix 00", withPrefix(0)),
    illegal("prefix 04", withPrefix(4)),
    illegal("hybrid prefix 06", withPrefix(6)),
    // 5³ + 7 = 132 is not a square modulo the field prime.
    illegal("off the curve", withX(5n)),
    // x = 1 is on the curve, so that p + 1 decodes for whoever forgets the range check.
    illegal("x not reduced", withX(SECP256K1_PRIME + 1n)),
  ];
}

/** RFC 8032 §5.1.2: y below the field prime, the sign of x in the last bit. */
function ed25519Points(value: Uint8Array): Replacement[] {
  const withY = (y: bigint): Uint8Array => integerBytes(y, true);
  return [
    legal("negated", flipped(value, 31, 0x80)),
    illegal("identity", withY(1n)),
    illegal("order 2", withY(ED25519_PRIME - 1n)),
    illegal("identity with a sign", withY(2n ** 255n + 1n)),
    illegal("identity not reduced", withY(ED25519_PRIME + 1n)),
    illegal("off the curve", withY(2n)),
  ];
}

function integerBytes(k: bigint, littleEndian: boolean): Uint8Array {
  const digits = k.toString(16).padStart(64, "0");
  const bytes = Uint8Array.from({ length: 32 }, (_, i) => Number.parseInt(digits.slice(2 * i, 2 * i + 2), 16));
  return littleEndian ? bytes.reverse() : bytes;
}

const hex = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
