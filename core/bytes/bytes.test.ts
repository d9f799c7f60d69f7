import fc from "fast-check";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import {
  assert as invariant,
  AssertionError,
  compareBytes,
  concatBytes,
  equalBytes,
  fromHex,
  isHex,
  toHex,
  unreachable,
  utf8,
  utf8Decode,
  xorBytes,
} from "./index.ts";

/** What is left of the heap once its garbage is collected. */
function heapBytes(): number {
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
  return process.memoryUsage().heapUsed;
}

const anyBytes = fc.uint8Array({ maxLength: 40 });

describe("hex", () => {
  test("round trips in lower case and reads upper case", () => {
    fc.assert(fc.property(anyBytes, (bytes) => assert.deepEqual(fromHex(toHex(bytes)), bytes)));
    assert.equal(toHex(fromHex("00FFab")), "00ffab");
  });

  test("of many bytes is what it is of each", () => {
    for (const length of [0, 1, 2_047, 2_048, 2_049, 10_000]) {
      const bytes = Uint8Array.from({ length }, (_, i) => i * 7);
      assert.equal(toHex(bytes), Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(""));
    }
  });

  test("names made of bytes are kept in one piece", () => {
    const count = 20_000;
    const beforeBytes = heapBytes();
    const names = Array.from({ length: count }, (_, i) => toHex(new Uint8Array(32).fill(i)));
    const bytesEach = (heapBytes() - beforeBytes) / count;
    assert.equal(names.length, count);
    assert.ok(bytesEach < 200, `64 digits take ${bytesEach} bytes`);
  });

  test("refuses odd lengths and other characters", () => {
    for (const bad of ["0", "0g", "0x00", " 00", "00 ", "zz", "００"]) {
      assert.equal(isHex(bad), false, bad);
      assert.throws(() => fromHex(bad), Error, bad);
    }
  });

  test("is recognised, with its length in bytes", () => {
    assert.deepEqual(
      [isHex(""), isHex("00Ff"), isHex("00ff", 2), isHex("00ff", 1), isHex("00\n")],
      [true, true, true, false, false],
    );
  });
});

describe("comparisons", () => {
  test("equal bytes are equal, any change makes them differ", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 1, maxLength: 40 }),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        (bytes, at, mask) => {
          assert.ok(equalBytes(bytes, bytes.slice()));
          const changed = bytes.map((byte, i) => (i === at % bytes.length ? byte ^ mask : byte));
          assert.equal(equalBytes(bytes, changed), false);
          assert.equal(equalBytes(bytes, bytes.subarray(1)), false);
        },
      ),
    );
    assert.ok(equalBytes(new Uint8Array(0), new Uint8Array(0)));
  });

  test("equality looks at every bit, wherever the bytes begin in a larger buffer", () => {
    for (let length = 1; length <= 9; length++) {
      for (let from = 0; from < 4; from++) {
        const bytes = Uint8Array.from({ length: 16 }, (_, i) => 17 * i);
        const part = bytes.subarray(from, from + length);
        const copy = part.slice();
        for (let bit = 0; bit < 8 * length; bit++) {
          assert.ok(equalBytes(part, copy));
          copy[bit >> 3]! ^= 1 << (bit & 7);
          assert.equal(equalBytes(part, copy), false, `bit ${bit} of ${length} bytes from ${from}`);
          copy[bit >> 3]! ^= 1 << (bit & 7);
        }
      }
    }
  });

  test("order is that of hexadecimal text", () => {
    fc.assert(
      fc.property(anyBytes, anyBytes, (a, b) => {
        const [left, right] = [toHex(a), toHex(b)];
        assert.equal(Math.sign(compareBytes(a, b)), left < right ? -1 : left > right ? 1 : 0);
      }),
    );
    assert.ok(compareBytes(Uint8Array.of(1), Uint8Array.of(1, 0)) < 0);
  });
});

describe("joining", () => {
  test("concatenates any number of parts", () => {
    assert.deepEqual(concatBytes(), new Uint8Array(0));
    assert.deepEqual(concatBytes(Uint8Array.of(1), new Uint8Array(0), Uint8Array.of(2, 3)), Uint8Array.of(1, 2, 3));
  });

  test("xor is its own inverse and refuses unequal lengths", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 8, maxLength: 8 }),
        fc.uint8Array({ minLength: 8, maxLength: 8 }),
        (a, b) => assert.deepEqual(xorBytes(xorBytes(a, b), b), a),
      ),
    );
    assert.throws(() => xorBytes(new Uint8Array(1), new Uint8Array(2)), RangeError);
  });
});

describe("UTF-8", () => {
  test("round trips", () => {
    fc.assert(fc.property(fc.string({ unit: "binary" }), (value) => assert.equal(utf8Decode(utf8(value)), value)));
    assert.equal(utf8Decode(utf8("%41 ü € 𝄞")), "%41 ü € 𝄞");
  });

  test("refuses what is not well formed: cut off, overlong, surrogates, beyond U+10FFFF", () => {
    for (const hex of ["ff", "c3", "e282", "c0af", "eda080", "f4908080", "80"]) {
      assert.throws(() => utf8Decode(fromHex(hex)), URIError, hex);
    }
  });
});

describe("invariants", () => {
  test("throw what was broken", () => {
    assert.throws(() => invariant(false, "two is one"), { name: "AssertionError", message: "two is one" });
    assert.doesNotThrow(() => invariant(true, "never"));
    assert.throws(() => unreachable("x" as never), AssertionError);
  });
});
