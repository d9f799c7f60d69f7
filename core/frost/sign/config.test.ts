import { testSecp256k1 } from "@conclave/keys/testing";
import { AssertionError } from "@conclave/bytes";
import { ed25519Group } from "@conclave/crypto";
import { seededRng } from "@conclave/crypto/testing";
import { parties, testSsid } from "@conclave/protocol/testing";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ed25519Suite, secp256k1Plain, secp256k1Taproot, type Suite } from "../suite.ts";
import { deal, signConfig } from "../testing/index.ts";
import type { SignConfig } from "./config.ts";
import { signProtocol } from "./index.ts";

const MESSAGE = new Uint8Array(32).fill(9);
const taproot = secp256k1Taproot(testSecp256k1);
const plain = secp256k1Plain(testSecp256k1);
const ed25519 = ed25519Suite(ed25519Group);

/** Starts party 1 of `numbers` with a changed config. The random source refuses: no check may come after the first draw. */
function start(
  suite: Suite,
  change: (honest: SignConfig) => Partial<SignConfig>,
  numbers: readonly number[] = [1, 2],
): void {
  const key = deal(suite.group, { n: 3, t: 2, rng: seededRng("config") });
  const committee = parties(...numbers);
  const honest = signConfig(suite, key, { self: parties(1)[0]!, message: MESSAGE });
  const context = { ssid: testSsid({ seed: "config", committee: parties(1, 2) }), self: parties(1)[0]!, committee };
  signProtocol(suite).start(context, { ...honest, ...change(honest) }, () => {
    throw new Error("randomness was drawn");
  });
}

const refuses = (expected: RegExp, ...args: Parameters<typeof start>): void =>
  assert.throws(
    () => start(...args),
    (error: unknown) => error instanceof AssertionError && expected.test(error.message),
  );

describe("a config is refused before any randomness is drawn", () => {
  test("an honest one is not", () => {
    for (const suite of [taproot, plain, ed25519])
      assert.throws(() => start(suite, () => ({})), /randomness was drawn/);
  });

  test("when the share belongs to another suite", () => {
    refuses(/a share of frost-secp256k1 does not sign in frost-secp256k1-taproot/, taproot, () => ({
      suite: plain.id,
    }));
    refuses(/a share of frost-secp256k1-taproot does not/, plain, () => ({ suite: taproot.id }));
    refuses(/a share of frost-secp256k1 does not/, ed25519, () => ({ suite: plain.id }));
  });

  test("when a length is wrong", () => {
    refuses(/a key id is 32 bytes/, taproot, () => ({ keyId: new Uint8Array(31) }));
    refuses(/an approval is 32 bytes/, taproot, () => ({ approval: new Uint8Array(33) }));
    refuses(/a chain code is 32 bytes/, taproot, () => ({ chainCode: new Uint8Array(31) }));
    refuses(/a chain code is 32 bytes/, plain, () => ({ chainCode: null }));
    refuses(/a message of frost-secp256k1-taproot is 32 to 32 bytes/, taproot, () => ({ message: new Uint8Array(31) }));
    refuses(/a message of frost-ed25519 is 0 to 65536/, ed25519, () => ({ message: new Uint8Array(65_537) }));
  });

  test("when a number is out of range", () => {
    for (const epoch of [-1, 0.5, Number.NaN]) refuses(/an epoch is/, taproot, () => ({ epoch }));
    for (const threshold of [0, 1, 33, 1.5]) refuses(/a threshold is 2 to 32/, taproot, () => ({ threshold }));
    for (const share of [0n, -1n, testSecp256k1.order]) refuses(/a share is a scalar/, taproot, () => ({ share }));
  });

  test("when the signers are not exactly the threshold, ascending, distinct and in range", () => {
    refuses(/exactly the threshold of parties sign/, taproot, () => ({}), [1, 2, 3]);
    refuses(/exactly the threshold of parties sign/, taproot, () => ({ threshold: 3 }));
    refuses(/signers ascend and are distinct/, taproot, () => ({}), [2, 1]);
    refuses(/signers ascend and are distinct/, taproot, () => ({}), [1, 1]);
    for (const stranger of [0, 33, 1.5]) refuses(/signers are numbered 1 to 32/, taproot, () => ({}), [1, stranger]);
    refuses(/a party signs only among signers that include it/, taproot, () => ({}), [2, 3]);
  });

  test("when a signer has no public share", () => {
    refuses(/every signer has a public share/, taproot, ({ publicShares }) => ({
      publicShares: new Map([...publicShares].filter(([party]) => party !== 2)),
    }));
  });

  test("when the tweak does not fit the suite", () => {
    const output = { path: [], taproot: { merkleRoot: null } };
    refuses(/only a Taproot key signs for a Taproot output/, plain, () => ({ tweak: output }));
    refuses(/an ed25519 key is not tweaked/, ed25519, () => ({ tweak: output }));
    refuses(/an ed25519 key is not tweaked/, ed25519, () => ({ tweak: { path: [0], taproot: null } }));
    refuses(/an ed25519 key has no chain code/, ed25519, () => ({ chainCode: new Uint8Array(32) }));
    assert.throws(() => start(taproot, () => ({ tweak: { path: [2 ** 31], taproot: null } })), RangeError);
    refuses(/a Merkle root is 32 bytes/, taproot, () => ({
      tweak: { path: [], taproot: { merkleRoot: new Uint8Array(31) } },
    }));
  });
});

test("a suite refuses the other curve's group", () => {
  assert.throws(() => secp256k1Taproot(ed25519Group), /this suite runs on secp256k1/);
  assert.throws(() => secp256k1Plain(ed25519Group), /this suite runs on secp256k1/);
  assert.throws(() => ed25519Suite(testSecp256k1), /this suite runs on ed25519/);
});
