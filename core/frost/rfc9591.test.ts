/** The published vectors, step by step: RFC 9591 Appendix E, and the Zcash Foundation's for all suites. */
import { testSecp256k1 } from "@conclave/keys/testing";
import { toHex } from "@conclave/bytes";
import { coefficientAtZero, ed25519Group, evaluate, mod } from "@conclave/crypto";
import { ed25519 } from "@noble/curves/ed25519.js";
import { schnorr } from "@noble/curves/secp256k1.js";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { computeBindingFactors } from "./binding.ts";
import { nonceGenerate, noncesFrom } from "./nonces.ts";
import { sign, verifySignatureShare } from "./signature-share.ts";
import { aggregate, verify } from "./signature.ts";
import { preparePackage } from "./signing-package.ts";
import { ed25519Suite, secp256k1Plain, secp256k1Taproot } from "./suite.ts";
import { readVector } from "./testing/vectors.ts";

const VECTORS = [
  { file: "rfc9591-secp256k1", suite: secp256k1Plain(testSecp256k1) },
  { file: "zf-secp256k1", suite: secp256k1Plain(testSecp256k1) },
  { file: "zf-secp256k1-big-identifier", suite: secp256k1Plain(testSecp256k1) },
  { file: "zf-secp256k1-taproot", suite: secp256k1Taproot(testSecp256k1) },
  { file: "rfc9591-ed25519", suite: ed25519Suite(ed25519Group) },
  { file: "zf-ed25519", suite: ed25519Suite(ed25519Group) },
  { file: "zf-ed25519-big-identifier", suite: ed25519Suite(ed25519Group) },
] as const;

for (const { file, suite } of VECTORS) {
  const { group } = suite;
  const vector = readVector(file);
  const publicKey = group.decode(vector.publicKey);
  const scalar = (bytes: Uint8Array): bigint => group.decodeScalar(bytes);
  const commitments = new Map(
    vector.signers.map(({ party, hidingNonce, bindingNonce }) => [
      party,
      noncesFrom(suite, scalar(hidingNonce), scalar(bindingNonce)).commitments,
    ]),
  );
  const prepared = preparePackage(suite, { publicKey, message: vector.message, commitments });

  describe(`${suite.contextString}, vectors/${file}.json`, () => {
    test("shares and key are those of the group secret (Appendix C)", () => {
      const polynomial = [vector.groupSecret, ...vector.coefficients].map(scalar);
      for (const { party, share } of vector.signers) assert.equal(evaluate(group, polynomial, party), scalar(share));
      assert.equal(toHex(group.encode(group.multiplyBase(polynomial[0]!))), toHex(vector.publicKey));
      const parties = vector.signers.map(({ party }) => party);
      const weighted = vector.signers.map(
        ({ party, share }) => coefficientAtZero(group, parties, party) * scalar(share),
      );
      const sum = mod(
        weighted.reduce((total, term) => total + term, 0n),
        group.order,
      );
      assert.equal(sum, polynomial[0]);
    });

    test("nonce_generate and commit (§4.1, §5.1)", () => {
      for (const signer of vector.signers) {
        const share = scalar(signer.share);
        assert.equal(nonceGenerate(suite, signer.hidingRandomness, share), scalar(signer.hidingNonce));
        assert.equal(nonceGenerate(suite, signer.bindingRandomness, share), scalar(signer.bindingNonce));
        const { hiding, binding } = commitments.get(signer.party)!;
        assert.equal(toHex(group.encode(hiding)), toHex(signer.hidingCommitment));
        assert.equal(toHex(group.encode(binding)), toHex(signer.bindingCommitment));
      }
    });

    test("compute_binding_factors (§4.4)", () => {
      const factors = computeBindingFactors(suite, { publicKey, message: vector.message, commitments });
      for (const { party, bindingFactor } of vector.signers) assert.equal(factors.get(party), scalar(bindingFactor));
    });

    test("sign and verify_signature_share (§5.2, §5.4)", () => {
      for (const signer of vector.signers) {
        const { party } = signer;
        const share = scalar(signer.share);
        const nonces = noncesFrom(suite, scalar(signer.hidingNonce), scalar(signer.bindingNonce));
        const z = sign(suite, prepared, { party, share, nonces });
        assert.equal(toHex(group.encodeScalar(z)), toHex(signer.signatureShare));
        const publicShare = group.multiplyBase(share);
        assert.ok(verifySignatureShare(suite, prepared, { party, publicShare, share: z }));
        const wrong = mod(z + 1n, group.order);
        assert.ok(!verifySignatureShare(suite, prepared, { party, publicShare, share: wrong }));
      }
    });

    test("aggregate and verify (§5.3)", () => {
      const shares = new Map(vector.signers.map(({ party, signatureShare }) => [party, scalar(signatureShare)]));
      const signature = aggregate(suite, prepared, shares);
      assert.equal(toHex(signature), toHex(vector.signature));
      assert.ok(verify(suite, publicKey, vector.message, signature));
      if (suite.id === "frost-ed25519") assert.ok(ed25519.verify(signature, vector.message, vector.publicKey));
      if (suite.id === "frost-secp256k1-taproot") {
        assert.ok(schnorr.verify(signature, vector.message, vector.publicKey.subarray(1)));
      }
    });
  });
}
