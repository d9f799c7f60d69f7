import { equalBytes } from "@conclave/bytes";
import { ed25519 as nobleEd25519, x25519 as nobleX25519 } from "@noble/curves/ed25519.js";
import { sha256, sha512 } from "@noble/hashes/sha2.js";
import { concatBytes } from "@noble/hashes/utils.js";
import { ed25519Group } from "./groups/ed25519.ts";
import type { Group } from "./groups/group.ts";
import { secp256k1Group } from "./groups/secp256k1.ts";
import type { OtKernel } from "./ot/kernel.ts";
import { portableOtKernel } from "./ot/portable-kernel.ts";

/** Signs with one Ed25519 seed. */
export interface Ed25519Signer {
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  /** 64 bytes, deterministic (RFC 8032). */
  sign(message: Uint8Array): Uint8Array;
}

/** Verifies for one Ed25519 public key. False for anything wrong; never throws on a peer's bytes. */
export type Ed25519Verifier = (message: Uint8Array, signature: Uint8Array) => boolean;

/**
 * The one door to fast primitives. Every engine computes the same functions, bit for bit; tests hold them against each other.
 */
export interface Engine {
  readonly name: string;
  sha256(bytes: Uint8Array): Uint8Array;
  sha512(bytes: Uint8Array): Uint8Array;
  /** From 32 bytes of seed, which the signer copies. Throws `RangeError` on another length. */
  ed25519Signer(seed: Uint8Array): Ed25519Signer;
  /**
   * Pinned rule for all engines: s below the group order, R compared as bytes with s·B − h·A (cofactorless, RFC 8032 §5.1.7),
   * R not the identity.
   * Throws `RangeError` on a public key that is not canonical, of small order, or outside the prime-order subgroup.
   */
  ed25519Verifier(publicKey: Uint8Array): Ed25519Verifier;
  /** X25519 (RFC 7748) public key of a 32-byte secret. */
  x25519Public(secret: Uint8Array): Uint8Array;
  /** X25519 shared secret. Throws `RangeError` if it is all zeros (a public key of small order), or a key is not 32 bytes. */
  x25519Shared(secret: Uint8Array, peerPublic: Uint8Array): Uint8Array;
  readonly secp256k1: Group;
  readonly ed25519: Group;
  /** OT extension and multiplication over secp256k1's scalars. */
  readonly ot: OtKernel;
}

const ED25519_SIGNATURE_BYTES = 64;
const X25519_BYTES = 32;

/** noble and BigInt only: runs everywhere, and defines what every other engine must compute. */
export const portableEngine: Engine = {
  name: "portable",
  sha256: (bytes) => sha256(bytes),
  sha512: (bytes) => sha512(bytes),
  ed25519Signer(seed) {
    // A copy: a caller that wipes its seed must not be left with signatures by another key.
    const own = Uint8Array.from(seed);
    return { publicKey: nobleEd25519.getPublicKey(own), sign: (message) => nobleEd25519.sign(message, own) };
  },
  ed25519Verifier(publicKeyBytes) {
    const publicKey = Uint8Array.from(publicKeyBytes);
    const key = ed25519Group.decode(publicKey);
    return (message, signature) => {
      if (signature.length !== ED25519_SIGNATURE_BYTES) return false;
      const nonce = signature.subarray(0, 32);
      const s = scalarOrNull(signature.subarray(32));
      if (s === null) return false;
      const h = ed25519Group.reduce(sha512(concatBytes(nonce, publicKey, message)));
      const expected = ed25519Group.combine([ed25519Group.generator, ed25519Group.negate(key)], [s, h]);
      return !ed25519Group.isIdentity(expected) && equalBytes(ed25519Group.encode(expected), nonce);
    };
  },
  x25519Public: (secret) => nobleX25519.getPublicKey(secret),
  x25519Shared(secret, peerPublic) {
    if (secret.length !== X25519_BYTES || peerPublic.length !== X25519_BYTES) {
      throw new RangeError("X25519 keys are 32 bytes");
    }
    try {
      return nobleX25519.getSharedSecret(secret, peerPublic);
    } catch (cause) {
      throw new RangeError("the peer's X25519 key has small order", { cause });
    }
  },
  secp256k1: secp256k1Group,
  ed25519: ed25519Group,
  ot: portableOtKernel,
};

function scalarOrNull(bytes: Uint8Array): bigint | null {
  try {
    return ed25519Group.decodeScalar(bytes);
  } catch {
    return null;
  }
}
