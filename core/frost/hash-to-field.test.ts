import { toHex, utf8 } from "@conclave/bytes";
import { expand_message_xmd } from "@noble/curves/abstract/hash-to-curve.js";
import { sha256 } from "@noble/hashes/sha2.js";
import fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "node:test";
import { expandMessage } from "./hash-to-field.ts";

// RFC 9380 Appendix K.1, expand_message_xmd(SHA-256).
test("RFC 9380 K.1: the empty message and abc, 32 bytes", () => {
  const domain = utf8("QUUX-V01-CS02-with-expander-SHA256-128");
  assert.equal(
    toHex(expandMessage(new Uint8Array(0), domain, 32)),
    "68a985b87eb6b46952128911f2a4412bbc302a9d759667f87f7a21d803f07235",
  );
  assert.equal(
    toHex(expandMessage(utf8("abc"), domain, 32)),
    "d8ccab23b5985ccea865c6c97b6e5b8350e794e603b4b97902f53a8a0d605615",
  );
});

test("agrees with noble for any message, tag and length", () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 200 }),
      fc.uint8Array({ minLength: 1, maxLength: 255 }),
      fc.integer({ min: 1, max: 300 }),
      (message, domain, length) => {
        assert.deepEqual(expandMessage(message, domain, length), expand_message_xmd(message, domain, length, sha256));
      },
    ),
  );
});

test("refuses more than 255 blocks and tags above 255 bytes", () => {
  assert.throws(() => expandMessage(new Uint8Array(0), utf8("tag"), 255 * 32 + 1), /255 blocks/);
  assert.throws(() => expandMessage(new Uint8Array(0), new Uint8Array(256), 32), /255 bytes/);
});
