import fc from "fast-check";
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, test } from "node:test";
import { toHex, transcript, transcriptBytes, utf8, type Cbor, type TranscriptFields } from "./index.ts";

const digest = (tag: string, fields: TranscriptFields): string => toHex(transcript(tag, fields));

const differ = (...digests: readonly string[]): void => assert.equal(new Set(digests).size, digests.length);

describe("a transcript", () => {
  test("is SHA-256 of canonical CBOR", () => {
    const bytes = transcriptBytes("t", { a: 1, b: Uint8Array.of(2) });
    assert.equal(toHex(bytes), `8668${toHex(utf8("conclave"))}617461610161624102`);
    assert.equal(digest("t", { a: 1, b: Uint8Array.of(2) }), createHash("sha256").update(bytes).digest("hex"));
  });

  test("changes with its tag, and with each field's name, value and place", () => {
    differ(
      digest("t", { a: 1, b: 2 }),
      digest("u", { a: 1, b: 2 }),
      digest("t", { a: 1, c: 2 }),
      digest("t", { a: 2, b: 2 }),
      digest("t", { a: 2, b: 1 }),
      digest("t", { b: 2, a: 1 }),
      digest("t", { a: 1 }),
      digest("t", { a: 1, b: 2, c: 3 }),
      digest("t", {}),
    );
  });

  test("keeps kinds apart: number, text, bytes, list, null, false", () => {
    differ(
      ...[0, "0", Uint8Array.of(0), Uint8Array.of(48), [0], [], "", new Uint8Array(0), null, false].map((value) =>
        digest("t", { value }),
      ),
    );
  });

  test("does not let a byte move between a tag and a name, a name and a value, or two values", () => {
    differ(digest("ta", { b: 1 }), digest("t", { ab: 1 }));
    differ(digest("t", { ab: "c" }), digest("t", { a: "bc" }), digest("t", { abc: "" }));
    differ(digest("t", { a: "x", b: "y" }), digest("t", { a: "xb", y: "" }), digest("t", { a: "xby" }));
    differ(
      digest("t", { a: Uint8Array.of(1, 2), b: Uint8Array.of(3) }),
      digest("t", { a: Uint8Array.of(1), b: Uint8Array.of(2, 3) }),
    );
  });

  test("keeps list boundaries", () => {
    const [one, two] = [Uint8Array.of(1), Uint8Array.of(2)];
    differ(
      digest("t", { l: [one, two] }),
      digest("t", { l: [Uint8Array.of(1, 2)] }),
      digest("t", { l: [[one], two] }),
      digest("t", { l: [one, [two]] }),
      digest("t", { l: [[one, two]] }),
      digest("t", { l: [two, one] }),
      digest("t", { l: [one, two, []] }),
    );
    differ(
      digest("t", { a: [one], b: [two] }),
      digest("t", { a: [one, two], b: [] }),
      digest("t", { a: [], b: [one, two] }),
    );
    differ(digest("t", { a: [1, "b", 2] }), digest("t", { a: [1], b: 2 }), digest("t", { a: 1, b: 2 }));
  });

  test("is the same for a Buffer and for a part of a larger array", () => {
    const bytes = Uint8Array.of(1, 2, 3);
    assert.equal(digest("t", { a: Buffer.from(bytes) }), digest("t", { a: bytes }));
    assert.equal(digest("t", { a: Uint8Array.of(0, 1, 2, 3, 4).subarray(1, 4) }), digest("t", { a: bytes }));
  });

  test("is injective: however a string is cut into fields, no two cuts collide", () => {
    // [a$b] against [a][b], the ambiguity of TSSHOCK (CVE-2022-47931).
    const seen = new Map<string, string>();
    const whole = "aXbXcXdX";
    for (let mask = 0; mask < 2 ** (whole.length - 1); mask++) {
      const cuts: string[] = [""];
      for (let i = 0; i < whole.length; i++) {
        if (i > 0 && (mask >> (i - 1)) % 2 === 1) cuts.push("");
        cuts[cuts.length - 1] += whole[i]!;
      }
      const key = toHex(transcriptBytes("t", { list: cuts.map((cut) => utf8(cut)) }));
      assert.equal(seen.get(key), undefined, `${cuts.join("|")} and ${seen.get(key)}`);
      seen.set(key, cuts.join("|"));
    }
    assert.equal(seen.size, 128);
  });

  test("is injective on random fields", () => {
    const { value } = fc.letrec<{ value: Cbor }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 3 },
        fc.nat(3),
        fc.string({ maxLength: 2 }),
        fc.uint8Array({ maxLength: 2 }),
        fc.constantFrom(null, true, false),
        fc.array(tie("value"), { maxLength: 3 }),
      ),
    }));
    const fields = fc.array(fc.tuple(fc.constantFrom("a", "b", "ab"), value), { maxLength: 3 });
    fc.assert(
      fc.property(fields, fields, (left, right) => {
        const [a, b] = [Object.fromEntries(left), Object.fromEntries(right)];
        const same = describeFields(a) === describeFields(b);
        assert.equal(toHex(transcriptBytes("t", a)) === toHex(transcriptBytes("t", b)), same);
      }),
      { numRuns: 1000 },
    );
  });
});

/** Equal exactly for equal fields in equal order. */
const describeFields = (fields: TranscriptFields): string =>
  JSON.stringify(Object.entries(fields), (_, value: unknown) =>
    value instanceof Uint8Array ? { bytes: toHex(value) } : value,
  );
