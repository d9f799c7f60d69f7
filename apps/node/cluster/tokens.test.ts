import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { CodecError } from "@conclave/bytes";
import fc from "fast-check";
import { parseToken, printToken, type TokenKind } from "./tokens.ts";

const KINDS = ["card", "charter", "signature"] as const satisfies readonly TokenKind[];
const bytes = fc.uint8Array({ minLength: 1, maxLength: 200 });

describe("a token", () => {
  test("is one line, and read again whatever blanks a mail put around it", () => {
    fc.assert(
      fc.property(fc.constantFrom(...KINDS), bytes, (kind, content) => {
        const text = printToken(kind, content);
        assert.match(text, new RegExp(`^conclave-${kind}-1:[A-Za-z0-9_-]+\n$`));
        for (const sent of [text, text.trim(), `\r\n  ${text}\n`]) assert.deepEqual(parseToken(kind, sent), content);
      }),
    );
  });

  test("of another kind is refused by name", () => {
    for (const kind of KINDS)
      for (const other of KINDS.filter((each) => each !== kind))
        assert.throws(
          () => parseToken(kind, printToken(other, Uint8Array.of(1))),
          (error) =>
            error instanceof CodecError &&
            error.message === `this is no ${kind}: one begins with "conclave-${kind}-1:"`,
        );
  });

  test("that is none is refused", () => {
    for (const text of [
      "",
      "card",
      ":",
      "conclave-card-2:AA",
      "Conclave-card-1:AA",
      "conclave-card-1",
      "conclave-card-1:AA:AA",
    ])
      assert.throws(() => parseToken("card", text), /this is no card/, text);
  });

  test("with letters that base64url has not, or bits that nobody reads, is refused", () => {
    fc.assert(
      fc.property(bytes, fc.constantFrom("+", "/", "=", " ", "\n", "é", "\0"), fc.nat(), (content, letter, place) => {
        const text = printToken("card", content).trim();
        const at = "conclave-card-1:".length + (place % (text.length - "conclave-card-1:".length));
        assert.throws(() => parseToken("card", text.slice(0, at) + letter + text.slice(at + 1) + "A"), CodecError);
      }),
    );
    // One byte takes two digits, the second of which has four bits to spare.
    assert.deepEqual(parseToken("card", "conclave-card-1:AA"), Uint8Array.of(0));
    assert.throws(() => parseToken("card", "conclave-card-1:AB"), /was cut or changed/);
    assert.throws(() => parseToken("card", "conclave-card-1:A"), /was cut or changed/);
  });
});
