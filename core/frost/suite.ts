/** Ciphersuites (RFC 9591 §6): a group, five hash functions, and how points enter a challenge and a signature. */
import { assert, concatBytes, utf8 } from "@conclave/bytes";
import { taggedHash, type Group, type Point } from "@conclave/crypto";
import { sha256, sha512 } from "@noble/hashes/sha2.js";
import { hashToScalar } from "./hash-to-field.ts";

/** Names the suite on the wire and in a key's record. A share of one suite never signs in another. */
export type SuiteId = "frost-secp256k1-taproot" | "frost-secp256k1" | "frost-ed25519";

/** A message travels inside the evidence of a bad share; with it a public state stays well below the frame of 1 MiB. */
const MAX_MESSAGE_BYTES = 1 << 16;

export interface Suite {
  readonly id: SuiteId;
  /** Domain separation of every hash but H2 (RFC 9591 §6). */
  readonly contextString: string;
  readonly group: Group;
  /** BIP340: keys and nonce commitments are used with an even y-coordinate, and named by x alone. */
  readonly evenY: boolean;
  /** Lengths of message that the protocol signs. */
  readonly messageBytes: { readonly min: number; readonly max: number };
  /** Binding factors. */
  H1(input: Uint8Array): bigint;
  /** Challenges. */
  H2(input: Uint8Array): bigint;
  /** Nonces. */
  H3(input: Uint8Array): bigint;
  /** Messages. */
  H4(input: Uint8Array): Uint8Array;
  /** Commitment lists. */
  H5(input: Uint8Array): Uint8Array;
  /** How a point stands in challenges and signatures. Throws `RangeError` for the identity. */
  normalize(point: Point): NormalizedPoint;
}

/** A point in the form of its suite. */
export interface NormalizedPoint {
  /** `Group.encode`, or with `evenY` x alone. */
  readonly bytes: Uint8Array;
  /** True if these bytes stand for −point: with `evenY`, where the y-coordinate is odd. */
  readonly negated: boolean;
}

/** First byte of a compressed point whose y-coordinate is odd (SEC 1 §2.3.3). */
const ODD_Y = 3;

const ANY_MESSAGE = { min: 0, max: MAX_MESSAGE_BYTES };

/** H1, H3, H4, H5 of both secp256k1 suites (RFC 9591 §6.5); they differ in the context string only. */
function secp256k1Hashes(group: Group, contextString: string): Pick<Suite, "H1" | "H3" | "H4" | "H5"> {
  assert(group.name === "secp256k1", "this suite runs on secp256k1");
  const [rho, nonce, message, commitments] = tags(contextString, "rho", "nonce", "msg", "com");
  return {
    H1: (input) => hashToScalar(group, input, rho),
    H3: (input) => hashToScalar(group, input, nonce),
    H4: (input) => sha256(concatBytes(message, input)),
    H5: (input) => sha256(concatBytes(commitments, input)),
  };
}

/** FROST(secp256k1, SHA-256), RFC 9591 §6.5. Signatures are 65 bytes. */
export function secp256k1Plain(group: Group): Suite {
  const contextString = "FROST-secp256k1-SHA256-v1";
  const [challenge] = tags(contextString, "chal");
  return {
    id: "frost-secp256k1",
    contextString,
    group,
    evenY: false,
    messageBytes: ANY_MESSAGE,
    ...secp256k1Hashes(group, contextString),
    H2: (input) => hashToScalar(group, input, challenge),
    normalize: (point) => ({ bytes: group.encode(point), negated: false }),
  };
}

/**
 * FROST-secp256k1-SHA256-TR-v1 (Zcash Foundation's Taproot suite, not in the RFC): signatures are BIP340's 64 bytes.
 * As RFC 9591 §6.5 with its own context string, BIP340's challenge, and even-y keys and nonces.
 */
export function secp256k1Taproot(group: Group): Suite {
  const contextString = "FROST-secp256k1-SHA256-TR-v1";
  return {
    id: "frost-secp256k1-taproot",
    contextString,
    group,
    evenY: true,
    // What Bitcoin signs is BIP341's 32-byte signature hash.
    messageBytes: { min: 32, max: 32 },
    ...secp256k1Hashes(group, contextString),
    // BIP340: int(hash_BIP0340/challenge(x(R) ‖ x(P) ‖ m)) mod n.
    H2: (input) => group.reduce(taggedHash("BIP0340/challenge", input)),
    normalize: (point) => normalizeBip340(group, point),
  };
}

/** Parity and x from one encoding (SEC 1 §2.3.3: 03 means an odd y-coordinate), because an encoding costs an inversion. */
function normalizeBip340(group: Group, point: Point): NormalizedPoint {
  const encoded = group.encode(point);
  return { bytes: encoded.subarray(1), negated: encoded[0] === ODD_Y };
}

/** FROST(Ed25519, SHA-512), RFC 9591 §6.1. Signatures are Ed25519's 64 bytes (RFC 8032). */
export function ed25519Suite(group: Group): Suite {
  assert(group.name === "ed25519", "this suite runs on ed25519");
  const contextString = "FROST-ED25519-SHA512-v1";
  const [rho, nonce, message, commitments] = tags(contextString, "rho", "nonce", "msg", "com");
  return {
    id: "frost-ed25519",
    contextString,
    group,
    evenY: false,
    messageBytes: ANY_MESSAGE,
    H1: (input) => group.reduce(sha512(concatBytes(rho, input))),
    // RFC 9591 §6.1: no prefix here, so that the challenge is RFC 8032's.
    H2: (input) => group.reduce(sha512(input)),
    H3: (input) => group.reduce(sha512(concatBytes(nonce, input))),
    H4: (input) => sha512(concatBytes(message, input)),
    H5: (input) => sha512(concatBytes(commitments, input)),
    normalize: (point) => ({ bytes: group.encode(point), negated: false }),
  };
}

/** contextString ‖ name, for each name. */
function tags<const Names extends readonly string[]>(
  contextString: string,
  ...names: Names
): { readonly [K in keyof Names]: Uint8Array } {
  return names.map((name) => utf8(contextString + name)) as { [K in keyof Names]: Uint8Array };
}
