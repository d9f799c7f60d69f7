import { secp256k1 } from "@noble/curves/secp256k1.js";
import assert from "node:assert/strict";

/** A 65-byte signature checked by noble alone: it verifies, s is low, and the recovery id gives back the public key. */
export function assertNobleAccepts(publicKey: Uint8Array, digest: Uint8Array, signature: Uint8Array): void {
  assert.equal(signature.length, 65);
  const compact = signature.subarray(0, 64);
  assert.ok(secp256k1.verify(compact, digest, publicKey, { prehash: false, lowS: true }), "noble verifies it");
  const recovered = secp256k1.Signature.fromBytes(compact, "compact")
    .addRecoveryBit(signature[64]!)
    .recoverPublicKey(digest)
    .toBytes(true);
  assert.deepEqual(recovered, publicKey);
}
