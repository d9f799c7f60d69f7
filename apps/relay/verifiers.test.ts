import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Engine } from "@conclave/crypto";
import { nodeEngine } from "@conclave/engine-node";
import { withRememberedVerifiers } from "./verifiers.ts";

const key = (fill: number): Uint8Array => nodeEngine.ed25519Signer(new Uint8Array(32).fill(fill)).publicKey;

/** Counts how often a key is checked. */
function counted(): { readonly engine: Engine; readonly count: () => number } {
  let checks = 0;
  const engine: Engine = {
    ...nodeEngine,
    ed25519Verifier(publicKey) {
      checks += 1;
      return nodeEngine.ed25519Verifier(publicKey);
    },
  };
  return { engine, count: () => checks };
}

describe("an engine that remembers verifiers", () => {
  test("checks a key once, and verifies as the engine does", () => {
    const { engine, count } = counted();
    const remembering = withRememberedVerifiers(engine);
    const signer = nodeEngine.ed25519Signer(new Uint8Array(32).fill(1));
    const message = Uint8Array.of(1, 2, 3);
    for (let i = 0; i < 3; i++) {
      const verify = remembering.ed25519Verifier(signer.publicKey);
      assert.equal(verify(message, signer.sign(message)), true);
      assert.equal(verify(message, signer.sign(Uint8Array.of(4))), false);
    }
    assert.equal(count(), 1);
  });

  test("forgets the key that was used longest ago", () => {
    const { engine, count } = counted();
    const remembering = withRememberedVerifiers(engine, 2);
    for (const fill of [1, 2, 1, 3, 1]) remembering.ed25519Verifier(key(fill));
    assert.equal(count(), 3);
    remembering.ed25519Verifier(key(2));
    assert.equal(count(), 4);
  });

  test("does not remember a key that is none", () => {
    const { engine, count } = counted();
    const remembering = withRememberedVerifiers(engine);
    for (let i = 0; i < 2; i++) assert.throws(() => remembering.ed25519Verifier(new Uint8Array(32)), RangeError);
    assert.equal(count(), 2);
  });
});
