import { AssertionError, toHex } from "@conclave/bytes";
import { NO_TWEAK } from "@conclave/crypto";
import { keygenProtocol, keyId, validateShare, type KeygenConfig } from "@conclave/keys";
import { keygenConfigs } from "@conclave/keys/testing";
import type { PartyIndex } from "@conclave/protocol";
import { CALM, parties, partyRng, simulate, testSsid } from "@conclave/protocol/testing";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { dkls23KeygenProtocol, signConfigFromShare, signProtocol, wipeKey, type Dkls23Key } from "./index.ts";
import { keyCertificate } from "./key.ts";
import { assertNobleAccepts, quickEngine, testDigest } from "./testing/index.ts";

const group = quickEngine.secp256k1;
const protocol = dkls23KeygenProtocol(quickEngine);
const seed = "key";

/** Two of three with real base OTs: the one long test of this package. */
const committee = parties(1, 2, 3);
const configs = keygenConfigs(group, { n: 3, t: 2, scheme: "dkls23-secp256k1" });
const ssid = testSsid({ seed, committee, tag: "ssid/keygen" });
const { outcomes, violations } = simulate({ protocol, configs, committee, seed, ssid });
const keys = new Map(
  [...outcomes].map(([party, outcome]): [PartyIndex, Dkls23Key] => {
    assert.ok(outcome.kind === "result", outcome.kind === "abort" ? outcome.reason : outcome.kind);
    return [party, outcome.result];
  }),
);

describe("a DKLS23 key", () => {
  test("is one key: valid shares of one record, and an edge per pair with one setup", () => {
    assert.deepEqual(violations, []);
    const shares = [...keys.values()].map(({ share }) => validateShare(group, share));
    assert.deepEqual(new Set(shares.map(({ record }) => record.scheme)), new Set(["dkls23-secp256k1"]));
    for (const field of ["certificate", "chainCode"] as const) {
      assert.equal(new Set(shares.map(({ record }) => toHex(record[field]))).size, 1, field);
    }
    const setups = [...keys.values()].flatMap(({ edges }) => [...edges.values()].map(({ setup }) => toHex(setup)));
    assert.deepEqual([setups.length, new Set(setups).size], [6, 1]);
  });

  test("has a certificate that the setup is part of: not the one of key generation alone", () => {
    const alone = simulate({ protocol: keygenProtocol(group), configs, committee, seed, ssid, schedule: CALM });
    for (const [party, outcome] of alone.outcomes) {
      assert.ok(outcome.kind === "result");
      const { share } = keys.get(party)!;
      assert.equal(share.secret, outcome.result.secret, "the same randomness makes the same key");
      assert.notDeepEqual(share.record.certificate, outcome.result.record.certificate);
    }
  });

  test("is certified by key generation and setup both: another of either is another certificate", () => {
    const [a, b] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];
    const certificates = [keyCertificate(a, a), keyCertificate(a, b), keyCertificate(b, a), keyCertificate(b, b)];
    assert.equal(new Set(certificates.map(toHex)).size, 4);
  });

  test("signs, with any two of its three parties", () => {
    for (const signers of [
      [1, 2],
      [1, 3],
      [2, 3],
    ]) {
      const chosen = parties(...signers);
      const digest = testDigest(signers.join());
      const orders = new Map(
        chosen.map((party) => {
          const { share, edges } = keys.get(party)!;
          const valid = validateShare(group, share);
          const order = { share: valid, edges, tweak: NO_TWEAK, message: digest, approval: testDigest("approval") };
          return [party, signConfigFromShare({ ...order, key: keyId(group, share.record) })];
        }),
      );
      const { outcomes: signed } = simulate({
        protocol: signProtocol(quickEngine),
        configs: orders,
        committee: chosen,
        seed,
      });
      for (const outcome of signed.values()) {
        assert.ok(outcome.kind === "result", outcome.kind === "abort" ? outcome.reason : outcome.kind);
        assertNobleAccepts(group.encode(keys.get(chosen[0]!)!.share.record.publicKey), digest, outcome.result);
      }
    }
  });

  test("can be wiped", () => {
    const { edges } = keys.get(committee[0]!)!;
    wipeKey(keys.get(committee[0]!)!);
    for (const { zeroSeed, receiving, sending } of edges.values()) {
      for (const buffer of [zeroSeed, receiving.leaves, sending.leaves]) assert.ok(buffer.every((byte) => byte === 0));
    }
  });
});

describe("key generation with setup is refused", () => {
  const start = (changed: Partial<KeygenConfig>, n = 3): void => {
    const all = parties(...Array.from({ length: n }, (_, i) => i + 1));
    const context = { ssid: testSsid({ seed: "refused", committee: all }), self: all[0]!, committee: all };
    const honest = keygenConfigs(group, { n, t: 2, scheme: "dkls23-secp256k1" }).get(all[0]!)!;
    protocol.start(context, { ...honest, ...changed }, partyRng("refused", all[0]!));
  };

  test("for another scheme, or more parties than pairs can be kept for", () => {
    const refuses = (expected: RegExp, body: () => void): void =>
      assert.throws(body, (error) => error instanceof AssertionError && expected.test(error.message));
    refuses(/a key for frost-secp256k1 needs no DKLS23 setup/, () => start({ scheme: "frost-secp256k1" }));
    refuses(/at most 16 parties/, () => start({}, 17));
    start({}, 16);
  });
});
