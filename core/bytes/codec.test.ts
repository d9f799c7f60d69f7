import fc from "fast-check";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  bool,
  bytes,
  codec,
  CodecError,
  fixedBytes,
  fromHex,
  list,
  literal,
  oneOf,
  optional,
  record,
  refine,
  text,
  toHex,
  uint,
  type Codec,
  type Schema,
} from "./index.ts";

const refused = (of: Codec<unknown>, hex: string, why: RegExp | string = ""): void => {
  assert.throws(
    () => of.decode(fromHex(hex)),
    (error: unknown) => {
      assert.ok(error instanceof CodecError, String(error));
      assert.match(error.message, typeof why === "string" ? new RegExp(why) : why);
      return true;
    },
    hex,
  );
};

const number = codec(uint());
const pair = codec(record({ a: uint(), b: uint() }));
const name = codec(text({ max: 10 }));
const blob = codec(bytes({ max: 40 }));
const numbers = codec(list(uint(), { max: 3 }));

describe("hostile CBOR", () => {
  // One row per input of the strictness table; RFC 8949 names the forms.
  const cases: [string, Codec<unknown>, string, RegExp | string][] = [
    ["a map where fields are expected", pair, "a2616101616202", "2 fields"],
    ["a map with a key twice", pair, "a2616101616102", "not valid CBOR"],
    ["a map with unsorted keys", pair, "a2616201616102", "2 fields"],
    ["a map with the key __proto__", pair, "a1695f5f70726f746f5f5f01", "2 fields"],
    ["an integer in one byte too many", number, "1817", "not valid CBOR"],
    ["an integer in two bytes too many", number, "190017", "not valid CBOR"],
    ["an integer in eight bytes for one", number, "1b0000000000000001", "not valid CBOR"],
    ["a string length in one byte too many", blob, "580101", "not valid CBOR"],
    ["a text length in one byte too many", name, "780161", "not valid CBOR"],
    ["a list length in one byte too many", numbers, "980101", "not valid CBOR"],
    ["a list without length", numbers, "9f01ff", "not valid CBOR"],
    ["a byte string in chunks", blob, "5f41014102ff", "not valid CBOR"],
    ["a text in chunks", name, "7f61616162ff", "not valid CBOR"],
    ["a map without length", pair, "bf616101ff", "not valid CBOR"],
    ["an integer as a half float", number, "f93c00", "not the canonical encoding"],
    ["an integer as a float", number, "fa3f800000", "not the canonical encoding"],
    ["an integer as a double", number, "fb3ff0000000000000", "not the canonical encoding"],
    ["minus zero", number, "f98000", "not the canonical encoding"],
    ["a fraction", number, "f93e00", "an integer"],
    ["not a number", number, "f97e00", "not valid CBOR"],
    ["infinity", number, "f97c00", "not valid CBOR"],
    ["minus infinity", number, "f9fc00", "not valid CBOR"],
    ["a tagged integer", number, "c101", "not valid CBOR"],
    ["a big number under its tag", number, "c24101", "not valid CBOR"],
    ["the self-description tag", number, "d9d9f701", "not valid CBOR"],
    ["undefined", number, "f7", "not valid CBOR"],
    ["null", number, "f6", "an integer"],
    ["a simple value without meaning", number, "e0", "not valid CBOR"],
    ["an unassigned head", number, "1c", "not valid CBOR"],
    ["a lone break", number, "ff", "not valid CBOR"],
    ["a negative integer", number, "20", "an integer"],
    ["an integer beyond 2^53 − 1", number, "1b0020000000000000", "an integer"],
    ["an integer of 64 bits", number, "1bffffffffffffffff", "an integer"],
    ["bytes after the end", number, "0100", "not valid CBOR"],
    ["no bytes", number, "", "not valid CBOR"],
    ["a cut-off integer", number, "19ff", "not valid CBOR"],
    ["a cut-off string", blob, "42ff", "not valid CBOR"],
    ["a cut-off list", numbers, "8201", "not valid CBOR"],
    ["a string of 2^32 bytes that are not there", blob, "5b0000000100000000", "not valid CBOR"],
    ["a string of 2^64 − 1 bytes that are not there", blob, "5bffffffffffffffff", "not valid CBOR"],
    ["a list of 2^32 values that are not there", numbers, "9b0000000100000000", "not valid CBOR"],
    ["a list of 2^31 values that are not there", numbers, "9a80000000", "not valid CBOR"],
    ["text that is not UTF-8", name, "61ff", ""],
    ["text with a surrogate in UTF-8", name, "63eda080", ""],
    ["text in an overlong form", name, "62c0af", ""],
    ["text for bytes", blob, "6161", "0 to 40 bytes"],
    ["bytes for text", name, "4161", "text"],
    ["true for a number", number, "f5", "an integer"],
  ];
  for (const [what, of, hex, why] of cases) test(`${what} is refused`, () => refused(of, hex, why));

  test("20 000 nested lists are refused without a stack overflow", () => {
    const deep = new Uint8Array(20_001).fill(0x81);
    deep[20_000] = 0;
    assert.throws(() => numbers.decode(deep), CodecError);
  });

  test("more bytes than the codec's limit are refused before they are parsed", () => {
    const small = codec(bytes({ max: 100 }), { maxBytes: 10 });
    assert.throws(() => small.decode(new Uint8Array(11)), /11 bytes where at most 10 are allowed/);
    assert.doesNotThrow(() => small.decode(small.encode(new Uint8Array(9))));
    assert.throws(() => blob.decode(new Uint8Array((1 << 20) + 1)), /at most 1048576/);
  });

  test("random bytes decode to what encodes to them, or throw CodecError", () => {
    const of = codec(record({ n: uint(), list: list(bytes({ max: 4 }), { max: 2 }), flag: optional(bool) }));
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 12 }), (input) => {
        try {
          assert.deepEqual(of.encode(of.decode(input)), input);
        } catch (error) {
          assert.ok(error instanceof CodecError, String(error));
        }
      }),
      { numRuns: 2000 },
    );
  });

  test("one changed bit gives another value or CodecError, never the same value", () => {
    const of = codec(record({ n: uint(), b: fixedBytes(3), t: text({ max: 5 }) }));
    const value = { n: 300, b: Uint8Array.of(1, 2, 3), t: "abc" };
    const encoded = of.encode(value);
    for (let bit = 0; bit < encoded.length * 8; bit++) {
      const changed = encoded.map((byte, i) => (i === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte));
      try {
        assert.notDeepEqual(of.decode(changed), value, `bit ${bit}`);
      } catch (error) {
        assert.ok(error instanceof CodecError, `bit ${bit}: ${String(error)}`);
      }
    }
  });
});

describe("round trips", () => {
  const plain = { noNullPrototype: true } as const;
  const holds = <T>(schema: Schema<T>, values: fc.Arbitrary<T>): void => {
    const of = codec(schema);
    fc.assert(fc.property(values, (value) => assert.deepEqual(of.decode(of.encode(value)), value)));
  };

  test("of integers", () => holds(uint(), fc.maxSafeNat()));
  test("of bytes", () => holds(bytes({ max: 300 }), fc.uint8Array({ maxLength: 300 })));
  test("of text", () => holds(text({ max: 60 }), fc.string({ unit: "binary", maxLength: 30 })));
  test("of lists", () => holds(list(uint(), { max: 30 }), fc.array(fc.maxSafeNat(), { maxLength: 30 })));
  test("of options", () => holds(optional(bool), fc.option(fc.boolean())));
  test("of literals", () => holds(literal("x", "y"), fc.constantFrom("x", "y")));
  test("of records in records", () =>
    holds(
      record({
        inner: record({ n: uint(), b: bytes({ max: 9 }) }),
        more: list(record({ t: text({ max: 9 }) }), { max: 3 }),
      }),
      fc.record(
        {
          inner: fc.record({ n: fc.maxSafeNat(), b: fc.uint8Array({ maxLength: 9 }) }, plain),
          more: fc.array(fc.record({ t: fc.string({ maxLength: 9 }) }, plain), { maxLength: 3 }),
        },
        plain,
      ),
    ));
  test("of variants", () =>
    holds(
      oneOf({ left: record({ n: uint() }), right: record({ t: text({ max: 9 }) }) }),
      fc.oneof(
        fc.record({ kind: fc.constant("left" as const), n: fc.maxSafeNat() }, plain),
        fc.record({ kind: fc.constant("right" as const), t: fc.string({ maxLength: 9 }) }, plain),
      ),
    ));

  test("keep no hold on the bytes that were decoded", () => {
    const encoded = blob.encode(Uint8Array.of(1, 2, 3));
    const decoded = blob.decode(encoded);
    encoded.fill(0);
    assert.deepEqual(decoded, Uint8Array.of(1, 2, 3));
  });

  test("accept bytes that are a part of a larger buffer", () => {
    const encoded = pair.encode({ a: 1, b: 500 });
    const larger = Uint8Array.of(9, 9, ...encoded, 9);
    assert.deepEqual(pair.decode(larger.subarray(2, 2 + encoded.length)), { a: 1, b: 500 });
  });
});

describe("a schema refuses on both sides", () => {
  const both = <T>(schema: Schema<T>, bad: readonly unknown[]): void => {
    const of = codec(schema);
    for (const value of bad) assert.throws(() => of.encode(value as T), CodecError, `encode ${String(value)}`);
  };

  test("numbers out of range", () => {
    both(uint({ min: 2, max: 5 }), [1, 6, -1, 2.5, Number.NaN, Infinity, 2 ** 53, "3", 3n, null, undefined]);
    for (const hex of ["01", "06"]) refused(codec(uint({ min: 2, max: 5 })), hex, "from 2 to 5");
  });

  test("bytes of another length or kind", () => {
    both(fixedBytes(2), [new Uint8Array(1), new Uint8Array(3), "ab", [1, 2], null]);
    refused(codec(fixedBytes(2)), "4101", "expected 2 bytes");
    refused(codec(bytes({ min: 1, max: 2 })), "40", "1 to 2 bytes");
  });

  test("text that is too long, of another pattern, or holds half a surrogate pair", () => {
    both(text({ max: 2 }), ["abc", 1, null]);
    both(text({ max: 5, pattern: /^[a-z]+$/ }), ["", "A", "a1"]);
    // Otherwise both halves and U+FFFD would share one encoding, and with it one digest.
    both(text({ max: 5 }), ["\ud800", "a\udc00", "\udc00\ud800"]);
    refused(codec(text({ max: 2, pattern: /^[a-z]$/ })), "6141", "text matching");
  });

  test("lists that are too long or too short", () => {
    both(list(uint(), { min: 1, max: 2 }), [[], [1, 2, 3]]);
    refused(codec(list(uint(), { min: 1, max: 2 })), "80", "1 to 2 values");
    refused(codec(list(uint(), { min: 1, max: 2 })), "83010203", "1 to 2 values");
  });

  test("other literals, variants and booleans", () => {
    both(literal("a"), ["b", "", 0]);
    refused(codec(literal("a")), "6162", "expected a");
    refused(codec(bool), "01", "true or false");
    const variants = codec(oneOf({ left: record({ n: uint() }) }));
    both(oneOf({ left: record({ n: uint() }) }), [{ kind: "right" }, { kind: "toString" }, { kind: "__proto__" }]);
    refused(variants, "826572696768748101", "left");
    refused(variants, "8268746f537472696e678101", "left");
    refused(variants, "81646c656674", "kind, record");
    refused(variants, "82018101", "kind, record");
  });

  test("records with a field missing or one too many", () => {
    refused(pair, "8101", "2 fields");
    refused(pair, "83010203", "2 fields");
    refused(pair, "01", "2 fields");
  });
});

describe("an error", () => {
  const nested = codec(record({ outer: list(record({ inner: fixedBytes(2) }), { max: 3 }) }));

  test("says where", () => {
    refused(nested, "818281420101814101", /^outer\[1\]\.inner: expected 2 bytes$/);
    refused(codec(oneOf({ left: record({ n: uint() }) })), "82646c656674816161", /^left\.n: expected an integer/);
  });

  test("holds no value", () => {
    const secret = "deadbeef";
    for (const hex of [`81818144${secret}`, `44${secret}00`]) {
      assert.throws(
        () => nested.decode(fromHex(hex)),
        (error: Error) => !error.message.includes(secret) && !error.message.includes("3735928559"),
      );
    }
  });
});

describe("refine", () => {
  const even = refine(uint(), {
    parse: (value) => {
      if (value % 2 === 1) throw new RangeError("odd");
      return { half: value / 2 };
    },
    print: ({ half }) => 2 * half,
    kind: "scalar",
  });

  test("turns what its parser throws into CodecError, with the place and the cause", () => {
    refused(codec(record({ value: even })), "8103", /^value: odd$/);
    assert.throws(
      () => codec(even).decode(Uint8Array.of(3)),
      (error: Error) => error.cause instanceof RangeError,
    );
  });

  test("shows its kind in the shape", () => assert.deepEqual(codec(even).field, { kind: "scalar" }));

  test("refuses a value that prints to other bytes than it was parsed from", () => {
    const lossy = refine(uint(), { parse: (value) => value % 10, print: (value) => value });
    assert.equal(codec(lossy).decode(Uint8Array.of(3)), 3);
    refused(codec(lossy), "0c", "not the canonical encoding");
  });
});

test("bytes are the RFC's deterministic form", () => {
  const of = codec(
    record({ n: uint(), b: bytes({ max: 3 }), t: text({ max: 3 }), l: list(bool, { max: 2 }), o: optional(bool) }),
  );
  const encoded = of.encode({ n: 1000, b: Uint8Array.of(255), t: "ü", l: [true, false], o: null });
  assert.equal(toHex(encoded), "851903e841ff62c3bc82f5f4f6");
});
