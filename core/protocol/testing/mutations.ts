/**
 * Every single-field rewrite of a message that a liar might try, generated from the message's codec: what the schema calls a
 * point, a scalar, a number or a list is replaced by values that a careless check would let through.
 */
import { rawCbor, transcript, type Cbor, type Codec, type Field } from "@conclave/bytes";
import { leafValues, type LeafOptions, type Replacement } from "./leaf-values.ts";

/** A message with one thing changed. */
export interface Mutation {
  /** Where: `proofs[2].response`; empty for the message as a whole. */
  readonly path: string;
  /** The same without positions, for looking up a verdict: `proofs[].response`. */
  readonly field: string;
  /** What was done: `group order`, `another party's`. */
  readonly name: string;
  readonly bytes: Uint8Array;
  /** True if no codec may accept it, whatever the protocol says. */
  readonly illegal: boolean;
}

/** Another message of the same codec, whose fields are copied over one by one: `another party's`, `last session's`. */
export interface Donor {
  readonly name: string;
  readonly bytes: Uint8Array;
}

export interface MutationOptions extends LeafOptions {
  readonly donors?: readonly Donor[];
}

interface Place {
  readonly path: string;
  readonly field: string;
  /** Positions in the raw CBOR arrays that lead here. */
  readonly at: readonly number[];
}

/** All rewrites of `bytes`, a message that `codec` accepts. Those that would change nothing are left out. */
export function mutations(
  codec: Pick<Codec<unknown>, "field">,
  bytes: Uint8Array,
  options: MutationOptions = {},
): Mutation[] {
  const root = rawCbor.decode(bytes);
  const donors = (options.donors ?? []).map((donor) => ({ name: donor.name, value: rawCbor.decode(donor.bytes) }));
  const found: Mutation[] = wholeMessage(bytes, options.donors ?? []);
  const visit = (field: Field, place: Place): void => {
    const value = valueAt(root, place.at);
    const borrowed = donors.map((donor) => ({
      name: donor.name,
      value: valueAt(donor.value, place.at),
      illegal: false,
    }));
    for (const { name, value: replacement, illegal } of [...replacements(field, value, options), ...borrowed]) {
      if (replacement === undefined || place.at.length === 0) continue;
      found.push({ ...place, name, illegal, bytes: rawCbor.encode(replaceAt(root, place.at, replacement)) });
    }
    for (const [part, child] of parts(field, value, place)) visit(part, child);
  };
  visit(codec.field, { path: "", field: "", at: [] });
  for (const { name, value, illegal } of replacements(codec.field, root, options)) {
    found.push({ path: "", field: "", name, illegal, bytes: rawCbor.encode(value) });
  }
  return distinct(found, bytes);
}

function replacements(field: Field, value: Cbor | undefined, options: LeafOptions): Replacement[] {
  switch (field.kind) {
    case "record":
      return Array.isArray(value) ? recordValues(value) : [];
    case "list":
      return Array.isArray(value) ? listValues(value) : [];
    case "oneOf":
      return Array.isArray(value)
        ? [{ name: "unknown kind", value: ["mutated", value[1] as Cbor], illegal: true }]
        : [];
    case "optional":
      if (value === null || value === undefined) return [];
      return [{ name: "absent", value: null, illegal: false }, ...replacements(field.of, value, options)];
    default:
      return value === undefined ? [] : leafValues(field.kind, value, options);
  }
}

function recordValues(value: readonly Cbor[]): Replacement[] {
  return [
    { name: "a field missing", value: value.slice(0, -1), illegal: true },
    { name: "a field too many", value: [...value, 0], illegal: true },
    { name: "null", value: null, illegal: true },
  ];
}

function listValues(value: readonly Cbor[]): Replacement[] {
  const [first, second, ...others] = value;
  const changed: Replacement[] = [{ name: "empty", value: [], illegal: false }];
  if (first === undefined) return changed;
  changed.push({ name: "one less", value: value.slice(0, -1), illegal: false });
  changed.push({ name: "one more", value: [...value, value.at(-1)!], illegal: false });
  if (second === undefined) return changed;
  changed.push({ name: "first two swapped", value: [second, first, ...others], illegal: false });
  changed.push({ name: "first one twice", value: [first, first, ...others], illegal: false });
  return changed;
}

/** The fields inside `field`, with their places. */
function parts(field: Field, value: Cbor | undefined, { path, field: name, at }: Place): [Field, Place][] {
  const dot = path === "" ? "" : ".";
  switch (field.kind) {
    case "record":
      return [...field.fields].map(([key, part], i) => [
        part,
        { path: `${path}${dot}${key}`, field: `${name}${dot}${key}`, at: [...at, i] },
      ]);
    case "list":
      return (Array.isArray(value) ? value : []).map((_, i) => [
        field.of,
        { path: `${path}[${i}]`, field: `${name}[]`, at: [...at, i] },
      ]);
    case "oneOf": {
      const kind: unknown = Array.isArray(value) ? value[0] : undefined;
      const variant = typeof kind === "string" ? field.variants.get(kind) : undefined;
      if (variant === undefined) return [];
      return [
        [variant, { path: `${path}${dot}${String(kind)}`, field: `${name}${dot}${String(kind)}`, at: [...at, 1] }],
      ];
    }
    case "optional":
      return value === null || value === undefined ? [] : parts(field.of, value, { path, field: name, at });
    default:
      return [];
  }
}

const ARRAY_HEAD = 0x80;
const ARRAY_HEAD_WITH_LENGTH = 0x98;
const ARRAY_HEAD_INDEFINITE = 0x9f;
const LONGEST_SHORT_ARRAY = 23;

/** Bytes that are not the canonical encoding of anything, or of another message. */
function wholeMessage(bytes: Uint8Array, donors: readonly Donor[]): Mutation[] {
  const whole = (name: string, changed: Uint8Array, illegal = true): Mutation => ({
    path: "",
    field: "",
    name,
    bytes: changed,
    illegal,
  });
  const all = [
    whole("no bytes", new Uint8Array(0)),
    whole("a byte too many", Uint8Array.of(...bytes, 0)),
    whole("a byte missing", bytes.slice(0, -1)),
    whole("tagged", Uint8Array.of(0xc1, ...bytes)),
    whole("wrapped in a list", Uint8Array.of(0x81, ...bytes)),
    whole("random bytes", transcript("testing/random-bytes", { bytes })),
    ...donors.map(({ name, bytes }) => whole(`${name} message`, bytes, false)),
  ];
  const length = bytes[0]! - ARRAY_HEAD;
  if (length >= 0 && length <= LONGEST_SHORT_ARRAY) {
    const rest = bytes.subarray(1);
    all.push(whole("length not minimal", Uint8Array.of(ARRAY_HEAD_WITH_LENGTH, length, ...rest)));
    all.push(whole("length not given", Uint8Array.of(ARRAY_HEAD_INDEFINITE, ...rest, 0xff)));
  }
  return all;
}

const valueAt = (value: Cbor | undefined, at: readonly number[]): Cbor | undefined =>
  at.reduce<Cbor | undefined>((inner, i) => (Array.isArray(inner) ? (inner as readonly Cbor[])[i] : undefined), value);

function replaceAt(value: Cbor, [first, ...rest]: readonly number[], replacement: Cbor): Cbor {
  if (first === undefined) return replacement;
  return (value as readonly Cbor[]).map((inner, i) => (i === first ? replaceAt(inner, rest, replacement) : inner));
}

/** Without those that equal the original, and without a second one at the same place with equal bytes. */
function distinct(found: readonly Mutation[], original: Uint8Array): Mutation[] {
  const seen = new Set([`/${original.join()}`]);
  return found.filter(({ path, bytes }) => {
    const key = `${path}/${bytes.join()}`;
    if (seen.has(key) || seen.has(`/${bytes.join()}`)) return false;
    seen.add(key);
    return true;
  });
}
