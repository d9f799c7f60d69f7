import type { TranscriptFields } from "@conclave/bytes";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  ed25519Group,
  invert,
  knowledgeNonce,
  mod,
  proveKnowledge,
  randomScalar,
  secp256k1Group,
  transcriptScalar,
  verifyKnowledge,
  type KnowledgeStatement,
} from "../index.ts";
import { seededRng } from "../testing/index.ts";

for (const group of [secp256k1Group, ed25519Group]) {
  const { order: q } = group;
  const rng = seededRng(`knowledge/${group.name}`);
  const secret = randomScalar(group, rng);
  const nonce = knowledgeNonce(group, rng);
  const binding: TranscriptFields = {
    ssid: new Uint8Array(32).fill(1),
    prover: 1,
    position: 0,
    rid: new Uint8Array(32),
  };
  const statement: KnowledgeStatement = { value: group.multiplyBase(secret), commitment: nonce.commitment, binding };
  const proof = proveKnowledge(group, statement, nonce.secret, secret);

  describe(`${group.name}: a proof of knowledge`, () => {
    test("convinces, and is a scalar", () => {
      assert.equal(verifyKnowledge(group, statement, proof), true);
      assert.ok(proof >= 0n && proof < q);
      assert.ok(group.equals(group.multiplyBase(nonce.secret), nonce.commitment));
    });

    test("is bound to session, prover, position, and whatever else its statement names", () => {
      const others: TranscriptFields[] = [
        { ...binding, ssid: new Uint8Array(32).fill(2) },
        { ...binding, prover: 2 },
        { ...binding, position: 1 },
        { ...binding, rid: new Uint8Array(32).fill(1) },
        { ...binding, more: 0 },
        {},
      ];
      for (const other of others) assert.equal(verifyKnowledge(group, { ...statement, binding: other }, proof), false);
    });

    test("copied by another party, or from another session, is refused", () => {
      // The copier says the same value and commitment with its own number or session in the binding.
      for (const change of [{ prover: 2 }, { ssid: new Uint8Array(32) }]) {
        const copied = { ...statement, binding: { ...binding, ...change } };
        assert.equal(verifyKnowledge(group, copied, proof), false);
        assert.equal(verifyKnowledge(group, copied, proveKnowledge(group, copied, nonce.secret, secret)), true);
      }
    });

    test("with another value, commitment or response is refused", () => {
      const other = group.multiplyBase(randomScalar(group, rng));
      assert.equal(verifyKnowledge(group, { ...statement, value: other }, proof), false);
      assert.equal(verifyKnowledge(group, { ...statement, value: group.negate(statement.value) }, proof), false);
      assert.equal(verifyKnowledge(group, { ...statement, commitment: other }, proof), false);
      assert.equal(verifyKnowledge(group, { ...statement, commitment: group.negate(nonce.commitment) }, proof), false);
      for (const z of [mod(proof + 1n, q), mod(proof - 1n, q), mod(-proof, q), 0n, 1n, q - 1n]) {
        assert.equal(verifyKnowledge(group, statement, z), false);
      }
    });

    test("made without the secret is refused", () => {
      const guess = proveKnowledge(group, statement, nonce.secret, mod(secret + 1n, q));
      assert.equal(verifyKnowledge(group, statement, guess), false);
      // Commitment chosen after the response, for the challenge of another commitment: A = z·G − e·X.
      const z = randomScalar(group, rng);
      const e = transcriptScalar(group, "zk/knowledge", { ...binding, value: group.encode(statement.value) });
      const commitment = group.combine([group.generator, statement.value], [z, mod(-e, q)]);
      assert.equal(verifyKnowledge(group, { ...statement, commitment }, z), false);
    });

    test("cannot be turned into one for a shifted commitment or value", () => {
      const shift = randomScalar(group, rng);
      const shiftPoint = group.multiplyBase(shift);
      // Both equations hold under the old challenge, which has to change with everything that is shifted.
      const e = mod((proof - nonce.secret) * invert(secret, q), q);
      const commitment = group.add(nonce.commitment, shiftPoint);
      assert.equal(verifyKnowledge(group, { ...statement, commitment }, mod(proof + shift, q)), false);
      const value = group.add(statement.value, shiftPoint);
      assert.equal(verifyKnowledge(group, { ...statement, value }, mod(proof + e * shift, q)), false);
    });

    test("works at the edges: secret 1, secret q − 1, and a response of zero", () => {
      for (const edge of [1n, q - 1n]) {
        const at = { ...statement, value: group.multiplyBase(edge) };
        assert.equal(verifyKnowledge(group, at, proveKnowledge(group, at, nonce.secret, edge)), true);
      }
      assert.equal(verifyKnowledge(group, statement, 0n), false);
    });

    test("takes a fresh nonce each time", () => {
      assert.notEqual(knowledgeNonce(group, rng).secret, knowledgeNonce(group, rng).secret);
    });
  });

  test(`${group.name}: a challenge is below q, and differs by tag, field and group`, () => {
    const challenges = [
      transcriptScalar(group, "a", { x: 1 }),
      transcriptScalar(group, "b", { x: 1 }),
      transcriptScalar(group, "a", { x: 2 }),
      transcriptScalar(group, "a", { y: 1 }),
    ];
    assert.equal(new Set(challenges).size, challenges.length);
    assert.ok(challenges.every((e) => e >= 0n && e < q));
  });
}
