/**
 * What every node of a simulation computes with: the portable engine's functions, Ed25519 and X25519 by OpenSSL for their
 * speed, and no verification of what this very process signed.
 */
import { createPrivateKey, createPublicKey, diffieHellman, sign, type KeyObject } from "node:crypto";
import { concatBytes, equalBytes, fromHex, toHex } from "@conclave/bytes";
import { portableEngine, type Ed25519Verifier, type Engine } from "@conclave/crypto";
import type { SigningScheme } from "@conclave/custody";
import { configFromShare, secp256k1Taproot, signProtocol } from "@conclave/frost";

interface Signed {
  readonly publicKey: Uint8Array;
  readonly message: Uint8Array;
}

/** Signatures remembered; some hundred lives of a cluster make as many. */
const MAX_REMEMBERED = 20_000;

/**
 * An engine that remembers which signatures it made. One that it made is valid by construction, so that verifying it again
 * for every receiver would only take time; any other is verified.
 */
export function rememberingEngine(base: Engine): Engine {
  const made = new Map<string, Signed>();
  const verifiers = new Map<string, Ed25519Verifier>();
  const remember = (signature: Uint8Array, signed: Signed): void => {
    if (made.size >= MAX_REMEMBERED) made.delete(made.keys().next().value!);
    made.set(toHex(signature), signed);
  };
  return {
    ...base,
    ed25519Signer(seed) {
      const { publicKey } = base.ed25519Signer(seed);
      const key = privateKey(ED25519_KEY, seed);
      return {
        publicKey,
        sign(message) {
          // RFC 8032 signatures are deterministic: these are the bytes that the base would have made.
          const signature = new Uint8Array(sign(null, message, key));
          remember(signature, { publicKey, message: message.slice() });
          return signature;
        },
      };
    },
    ed25519Verifier(publicKey) {
      const name = toHex(publicKey);
      const verify = verifiers.get(name) ?? base.ed25519Verifier(publicKey);
      verifiers.set(name, verify);
      return (message, signature) => {
        const known = made.get(toHex(signature));
        const own = known !== undefined && equalBytes(known.publicKey, publicKey) && equalBytes(known.message, message);
        return own || verify(message, signature);
      };
    },
  };
}

/** DER heads in front of 32 raw bytes (RFC 8410 §4 and §7). */
const ED25519_KEY = fromHex("302e020100300506032b657004220420");
const X25519_KEY = fromHex("302e020100300506032b656e04220420");
const X25519_PUBLIC_KEY = fromHex("302a300506032b656e032100");

const privateKey = (head: Uint8Array, raw: Uint8Array): KeyObject =>
  createPrivateKey({ key: Buffer.from(concatBytes(head, raw)), format: "der", type: "pkcs8" });

const openssl: Engine = {
  ...portableEngine,
  x25519Public(secret) {
    const der = createPublicKey(privateKey(X25519_KEY, secret)).export({ format: "der", type: "spki" });
    return new Uint8Array(der.subarray(-32));
  },
  x25519Shared(secret, peerPublic) {
    // OpenSSL refuses keys of small order too; which error it is, the portable engine says.
    const der = Buffer.from(concatBytes(X25519_PUBLIC_KEY, peerPublic));
    const publicKey = createPublicKey({ key: der, format: "der", type: "spki" });
    try {
      return new Uint8Array(diffieHellman({ privateKey: privateKey(X25519_KEY, secret), publicKey }));
    } catch {
      return portableEngine.x25519Shared(secret, peerPublic);
    }
  },
};

export const engine = rememberingEngine(openssl);

const suite = secp256k1Taproot(engine.secp256k1);

/** The scheme of the wallet key. */
export const scheme: SigningScheme = {
  scheme: "frost-secp256k1-taproot",
  protocol: signProtocol(suite),
  config: (order) => configFromShare(suite, order),
  signature: (result) => result as Uint8Array,
};
