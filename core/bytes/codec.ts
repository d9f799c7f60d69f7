/**
 * One value, one encoding. A schema says what a value looks like; `codec` turns it into bytes and back.
 *
 * Bytes are CBOR (RFC 8949) in its deterministic form; records are arrays in field order, so no key can repeat or go
 * missing. Decoding is strict and then re-encodes: bytes that `encode` would not have produced are refused.
 * Schemas carry their shape (`field`), from which the cheating tests generate every mutation of every message.
 */
import { decode as cborDecode } from "cborg";
import { equalBytes } from "./bytes.ts";
import { encodeCbor, type Cbor } from "./cbor.ts";

export type { Cbor } from "./cbor.ts";

/** Bytes are not an encoding of the expected type. Says where (`header.round`) and what was wrong; holds no value. */
export class CodecError extends Error {
  override readonly name = "CodecError";
}

/**
 * What a leaf holds, for generating hostile values. `point` and `scalar` are byte strings with meaning; `points` and `scalars`
 * are many of one size, packed into one string.
 */
export type LeafKind = "uint" | "bytes" | "text" | "bool" | "literal" | "point" | "scalar" | "points" | "scalars";

/** The shape of a schema, as data. */
export type Field =
  | { readonly kind: LeafKind }
  | { readonly kind: "record"; readonly fields: ReadonlyMap<string, Field> }
  | { readonly kind: "list"; readonly of: Field }
  | { readonly kind: "optional"; readonly of: Field }
  | { readonly kind: "oneOf"; readonly variants: ReadonlyMap<string, Field> };

export interface Schema<T> {
  readonly field: Field;
  toCbor(value: T): Cbor;
  /** Throws `CodecError` naming `path`. */
  fromCbor(value: unknown, path: string): T;
}

export type SchemaOf<S> = S extends Schema<infer T> ? T : never;

/** Encodes a type and decodes it strictly. */
export interface Codec<T> {
  readonly field: Field;
  /** Throws `CodecError` if `value` breaks its own schema (our bug, not a peer's). */
  encode(value: T): Uint8Array;
  /** Throws `CodecError` on bytes that `encode` would not produce, or that are longer than the codec's limit. */
  decode(bytes: Uint8Array): T;
}

export type CodecOf<C> = C extends Codec<infer T> ? T : never;

const DECODE_OPTIONS = {
  strict: true,
  rejectDuplicateMapKeys: true,
  allowUndefined: false,
  allowNaN: false,
  allowInfinity: false,
  allowIndefinite: false,
} as const;

/** Frames hold at most 1 MiB, so nothing inside one can be longer. */
const DEFAULT_MAX_BYTES = 1 << 20;

export function codec<T>(schema: Schema<T>, { maxBytes = DEFAULT_MAX_BYTES }: { maxBytes?: number } = {}): Codec<T> {
  const encode = (value: T): Uint8Array => encodeCbor(schema.toCbor(value));
  const decode = (bytes: Uint8Array): T => {
    if (bytes.length > maxBytes) throw new CodecError(`${bytes.length} bytes where at most ${maxBytes} are allowed`);
    const value = schema.fromCbor(decodeCbor(bytes), "");
    if (!equalBytes(encode(value), bytes)) throw new CodecError("not the canonical encoding");
    return value;
  };
  return { field: schema.field, encode, decode };
}

function decodeCbor(bytes: Uint8Array): unknown {
  try {
    return cborDecode(bytes, DECODE_OPTIONS);
  } catch (cause) {
    throw new CodecError("not valid CBOR", { cause });
  }
}

/** No bytes at all: the codec of a part or a state that is empty. */
export const nothing: Codec<null> = {
  field: { kind: "record", fields: new Map() },
  encode: () => new Uint8Array(0),
  decode: (bytes) => {
    if (bytes.length > 0) throw new CodecError("expected no bytes");
    return null;
  },
};

/** Raw CBOR in and out, for tests that rewrite one field of a message and leave the rest. */
export const rawCbor = {
  encode: encodeCbor,
  decode: (bytes: Uint8Array): Cbor => decodeCbor(bytes) as Cbor,
};

function fail(path: string, expected: string): never {
  throw new CodecError(`${path === "" ? "value" : path}: expected ${expected}`);
}

/** An integer from `min` (0) to `max` (2^53 − 1). */
export function uint({ min = 0, max = Number.MAX_SAFE_INTEGER }: { min?: number; max?: number } = {}): Schema<number> {
  const parse = (value: unknown, path: string): number => {
    if (typeof value !== "number" || !Number.isSafeInteger(value) || value < min || value > max) {
      fail(path, `an integer from ${min} to ${max}`);
    }
    return value;
  };
  return { field: { kind: "uint" }, toCbor: (value) => parse(value, ""), fromCbor: parse };
}

/** Byte string of `min` (0) to `max` bytes. */
export function bytes({ min = 0, max }: { min?: number; max: number }): Schema<Uint8Array> {
  const parse = (value: unknown, path: string): Uint8Array => {
    if (!(value instanceof Uint8Array) || value.length < min || value.length > max) {
      fail(path, min === max ? `${min} bytes` : `${min} to ${max} bytes`);
    }
    return value;
  };
  return { field: { kind: "bytes" }, toCbor: (value) => parse(value, ""), fromCbor: parse };
}

/** Byte string of exactly `length` bytes. */
export const fixedBytes = (length: number): Schema<Uint8Array> => bytes({ min: length, max: length });

/** Half of a surrogate pair has no UTF-8 form: it would share the encoding of U+FFFD. */
const LONE_SURROGATE = /\p{Surrogate}/u;

/** Text of at most `max` UTF-16 units, matching `pattern` if given. */
export function text({ max, pattern }: { max: number; pattern?: RegExp }): Schema<string> {
  const parse = (value: unknown, path: string): string => {
    if (typeof value !== "string" || value.length > max) fail(path, `text of at most ${max} characters`);
    if (LONE_SURROGATE.test(value)) fail(path, "well-formed text");
    if (pattern !== undefined && !pattern.test(value)) fail(path, `text matching ${pattern.source}`);
    return value;
  };
  return { field: { kind: "text" }, toCbor: (value) => parse(value, ""), fromCbor: parse };
}

export const bool: Schema<boolean> = {
  field: { kind: "bool" },
  toCbor: (value) => value,
  fromCbor: (value, path) => (typeof value === "boolean" ? value : fail(path, "true or false")),
};

/** One of the given strings and nothing else. */
export function literal<const T extends readonly string[]>(...values: T): Schema<T[number]> {
  const parse = (value: unknown, path: string): T[number] =>
    values.includes(value as string) ? (value as T[number]) : fail(path, values.join(" or "));
  return { field: { kind: "literal" }, toCbor: (value) => parse(value, ""), fromCbor: parse };
}

/** At most `max` (and at least `min`) values, in order. */
export function list<T>(of: Schema<T>, { min = 0, max }: { min?: number; max: number }): Schema<readonly T[]> {
  return {
    field: { kind: "list", of: of.field },
    toCbor: (values) => {
      if (values.length < min || values.length > max) fail("", `${min} to ${max} values`);
      return values.map((value) => of.toCbor(value));
    },
    fromCbor: (value, path) => {
      if (!Array.isArray(value) || value.length < min || value.length > max) fail(path, `${min} to ${max} values`);
      return value.map((item, i) => of.fromCbor(item, `${path}[${i}]`));
    },
  };
}

/** The value, or null. */
export function optional<T>(of: Schema<T>): Schema<T | null> {
  return {
    field: { kind: "optional", of: of.field },
    toCbor: (value) => (value === null ? null : of.toCbor(value)),
    fromCbor: (value, path) => (value === null ? null : of.fromCbor(value, path)),
  };
}

/** Named fields, encoded as an array in the order given here. */
export function record<T extends Readonly<Record<string, unknown>>>(fields: {
  readonly [K in keyof T]: Schema<T[K]>;
}): Schema<Readonly<T>> {
  const entries = Object.entries(fields) as [keyof T & string, Schema<T[keyof T]>][];
  return {
    field: { kind: "record", fields: new Map(entries.map(([name, schema]) => [name, schema.field])) },
    toCbor: (value) => entries.map(([name, schema]) => schema.toCbor(value[name])),
    fromCbor: (value, path) => {
      if (!Array.isArray(value) || value.length !== entries.length) fail(path, `${entries.length} fields`);
      const parsed: Record<string, unknown> = {};
      for (const [i, [name, schema]] of entries.entries()) {
        parsed[name] = schema.fromCbor(value[i], path === "" ? name : `${path}.${name}`);
      }
      return parsed as T;
    },
  };
}

/** Exactly one of several records, told apart by its `kind`. Encoded as [kind, record]. */
export function oneOf<T extends Readonly<Record<string, Schema<Readonly<Record<string, unknown>>>>>>(
  variants: T,
): Schema<{ [K in keyof T & string]: { readonly kind: K } & SchemaOf<T[K]> }[keyof T & string]> {
  type Value = { [K in keyof T & string]: { readonly kind: K } & SchemaOf<T[K]> }[keyof T & string];
  const kinds = Object.keys(variants);
  return {
    field: { kind: "oneOf", variants: new Map(kinds.map((kind) => [kind, variants[kind]!.field])) },
    toCbor: (value) => {
      const schema = Object.hasOwn(variants, value.kind) ? variants[value.kind] : undefined;
      return [value.kind, (schema ?? fail("", kinds.join(" or "))).toCbor(value)];
    },
    fromCbor: (value, path) => {
      if (!Array.isArray(value) || value.length !== 2 || typeof value[0] !== "string") fail(path, "[kind, record]");
      const kind: string = value[0];
      const schema = Object.hasOwn(variants, kind) ? variants[kind] : undefined;
      if (schema === undefined) fail(path, kinds.join(" or "));
      return { kind, ...schema.fromCbor(value[1], path === "" ? kind : `${path}.${kind}`) } as Value;
    },
  };
}

/**
 * A schema for values with more meaning than their bytes: a point, a branded number, bigint satoshis.
 * `parse` throws `CodecError` (or anything, which becomes one) on a value that `print` would not produce.
 */
export function refine<Inner, T>(
  of: Schema<Inner>,
  { parse, print, kind }: { parse: (value: Inner) => T; print: (value: T) => Inner; kind?: LeafKind },
): Schema<T> {
  return {
    field: kind === undefined ? of.field : { kind },
    toCbor: (value) => of.toCbor(print(value)),
    fromCbor: (value, path) => {
      const inner = of.fromCbor(value, path);
      try {
        return parse(inner);
      } catch (cause) {
        throw new CodecError(`${path === "" ? "value" : path}: ${cause instanceof Error ? cause.message : "refused"}`, {
          cause,
        });
      }
    },
  };
}
