import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ed25519 } from "@noble/curves/ed25519.js";
import { NO_TWEAK, portableEngine } from "@conclave/crypto";
import { curveOf, keyId, validateShare } from "@conclave/keys";
import { parties, simulate } from "@conclave/protocol/testing";
import { ed25519Scheme, secp256k1Scheme } from "./plain-schemes.ts";

const COMMITTEE = parties(1, 2, 3);
const SIGNERS = parties(1, 3);
const MESSAGE = new Uint8Array(32).fill(4);

for (const make of [secp256k1Scheme, ed25519Scheme]) {
  const scheme = make(portableEngine);
  describe(`the scheme ${scheme.scheme}, as custody takes it`, () => {
    const group = portableEngine[curveOf(scheme.scheme)];
    const config = {
      scheme: scheme.scheme,
      purpose: "messages",
      threshold: 2,
      quorum: 2,
      nodes: new Map(COMMITTEE.map((party) => [party, new Uint8Array(32).fill(party)])),
    } as const;
    const made = simulate({
      protocol: scheme.keygen,
      configs: new Map(COMMITTEE.map((party) => [party, config])),
      committee: COMMITTEE,
      seed: scheme.scheme,
    });

    test("makes a key and signs with it, and any verifier of its curve takes the signature", () => {
      const shares = new Map(
        COMMITTEE.map((party) => {
          const outcome = made.outcomes.get(party)!;
          assert.ok(outcome.kind === "result");
          const { share, edges } = scheme.made(outcome.result);
          assert.equal(edges.size, 0);
          return [party, validateShare(group, share)];
        }),
      );
      const orders = SIGNERS.map((party) => {
        const share = shares.get(party)!;
        const order = { key: keyId(group, share.record), share, tweak: NO_TWEAK, message: MESSAGE, approval: MESSAGE };
        return [party, scheme.config(order)] as const;
      });
      const signed = simulate({
        protocol: scheme.protocol,
        configs: new Map(orders),
        committee: SIGNERS,
        seed: "sign",
      });
      const outcome = signed.outcomes.get(SIGNERS[0]!)!;
      assert.ok(outcome.kind === "result");
      const signature = scheme.signature(outcome.result);
      const { publicKey } = shares.get(SIGNERS[0]!)!.record;
      assert.ok(scheme.verify(publicKey, MESSAGE, signature));
      assert.ok(!scheme.verify(publicKey, new Uint8Array(32), signature));
      if (scheme.scheme === "frost-ed25519")
        assert.ok(ed25519.verify(signature, MESSAGE, group.encode(publicKey), { zip215: false }));
      else assert.equal(signature.length, 65);
    });

    test("refuses a share of another scheme", () => {
      const other = make === ed25519Scheme ? secp256k1Scheme : ed25519Scheme;
      const outcome = made.outcomes.get(COMMITTEE[0]!)!;
      assert.ok(outcome.kind === "result");
      const share = validateShare(group, outcome.result);
      const order = { key: MESSAGE, share, tweak: NO_TWEAK, message: MESSAGE, approval: MESSAGE };
      assert.throws(() => other(portableEngine).config(order), /does not sign in/);
    });
  });
}
