/**
 * The engine on OpenSSL, through `node:crypto`: faster hashing, Ed25519 and X25519. It computes the portable engine's functions
 * bit for bit; where OpenSSL's rules differ, they are made equal here. Group arithmetic stays with noble, because OpenSSL offers
 * none, and so does OT: its thousands of small hashes would each pay for a call of OpenSSL.
 */
import { equalBytes, toHex } from "@conclave/bytes";
import {
  ed25519Group,
  portableEngine,
  secp256k1Group,
  type Ed25519Signer,
  type Ed25519Verifier,
  type Engine,
} from "@conclave/crypto";
import { createPrivateKey, createPublicKey, diffieHellman, hash, sign, verify, type KeyObject } from "node:crypto";

const KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;

/** R of a signature that the pinned rule refuses. OpenSSL 3.5 refuses it as well, 3.0 accepts it. */
const IDENTITY = Uint8Array.of(1, ...new Uint8Array(KEY_BYTES - 1));

/** DER heads in front of 32 raw bytes (RFC 8410 §4 and §7): OneAsymmetricKey and SubjectPublicKeyInfo. */
const PKCS8_HEAD = { ed25519: "302e020100300506032b657004220420", x25519: "302e020100300506032b656e04220420" } as const;
const SPKI_HEAD = { ed25519: "302a300506032b6570032100", x25519: "302a300506032b656e032100" } as const;
type Curve = keyof typeof PKCS8_HEAD;

/** The engine for Node: what every process with `node:crypto` should use. */
export const nodeEngine: Engine = {
  name: "node",
  sha256: (bytes) => plain(hash("sha256", bytes, "buffer")),
  sha512: (bytes) => plain(hash("sha512", bytes, "buffer")),
  ed25519Signer,
  ed25519Verifier,
  x25519Public: (secret) => rawPublic(privateKey("x25519", secret)),
  x25519Shared,
  secp256k1: secp256k1Group,
  ed25519: ed25519Group,
  ot: portableEngine.ot,
};

function ed25519Signer(seed: Uint8Array): Ed25519Signer {
  const key = privateKey("ed25519", seed);
  return { publicKey: rawPublic(key), sign: (message) => plain(sign(null, message, key)) };
}

/** Checking a key costs ten times what one signature does, and a node hears the same few hundred keys over and over. */
const MAX_VERIFIERS = 1_024;
const verifiers = new Map<string, Ed25519Verifier>();

function ed25519Verifier(publicKeyBytes: Uint8Array): Ed25519Verifier {
  const name = toHex(publicKeyBytes);
  const known = verifiers.get(name);
  if (known !== undefined) return known;
  const made = makeVerifier(publicKeyBytes);
  // The oldest goes, whoever it is: a flood of keys costs time, never memory.
  if (verifiers.size >= MAX_VERIFIERS) verifiers.delete(verifiers.keys().next().value!);
  verifiers.set(name, made);
  return made;
}

function makeVerifier(publicKeyBytes: Uint8Array): Ed25519Verifier {
  // OpenSSL takes keys that are not canonical or of mixed order; the group's decoding refuses them.
  ed25519Group.decode(publicKeyBytes);
  const key = publicKey("ed25519", publicKeyBytes);
  return (message, signature) =>
    signature.length === SIGNATURE_BYTES &&
    !equalBytes(signature.subarray(0, KEY_BYTES), IDENTITY) &&
    verify(null, message, key, signature);
}

function x25519Shared(secret: Uint8Array, peerPublic: Uint8Array): Uint8Array {
  const keys = { privateKey: privateKey("x25519", secret), publicKey: publicKey("x25519", peerPublic) };
  try {
    return plain(diffieHellman(keys));
  } catch (cause) {
    throw new RangeError("the peer's X25519 key has small order", { cause });
  }
}

function privateKey(curve: Curve, raw: Uint8Array): KeyObject {
  const der = derOf(PKCS8_HEAD[curve], raw);
  const key = createPrivateKey({ key: der, format: "der", type: "pkcs8" });
  der.fill(0);
  return key;
}

const publicKey = (curve: Curve, raw: Uint8Array): KeyObject =>
  createPublicKey({ key: derOf(SPKI_HEAD[curve], raw), format: "der", type: "spki" });

function derOf(head: string, raw: Uint8Array): Buffer {
  if (raw.length !== KEY_BYTES) throw new RangeError(`a key is ${KEY_BYTES} bytes, not ${raw.length}`);
  return Buffer.concat([Buffer.from(head, "hex"), raw]);
}

const rawPublic = (key: KeyObject): Uint8Array =>
  plain(createPublicKey(key).export({ format: "der", type: "spki" }).subarray(-KEY_BYTES));

/** A `Buffer` may be a view into Node's shared pool; what leaves the engine is an array of its own. */
const plain = (buffer: Buffer): Uint8Array => new Uint8Array(buffer);
