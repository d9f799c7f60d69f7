/** What is signed, and everything that follows from it alike for all signers: computed once, by each for itself. */
import { assert, concatBytes } from "@conclave/bytes";
import type { Point } from "@conclave/crypto";
import { Fault, type PartyIndex } from "@conclave/protocol";
import { computeBindingFactors, computeGroupCommitment, type CommitmentList } from "./binding.ts";
import type { Suite } from "./suite.ts";

export interface SigningPackage {
  /** The key that the signature verifies under, all tweaks applied; even y where the suite demands it. */
  readonly publicKey: Point;
  readonly message: Uint8Array;
  readonly commitments: CommitmentList;
}

/** A package with its binding factors, group commitment and challenge. */
export interface PreparedPackage extends SigningPackage {
  /** Ascending. */
  readonly signers: readonly PartyIndex[];
  readonly bindingFactors: ReadonlyMap<PartyIndex, bigint>;
  /** R as it stands in the signature. */
  readonly groupCommitment: Uint8Array;
  /** −1 if that stands for −(Σ D_i + ρ_i·E_i): every signer then uses −d and −e. */
  readonly nonceSign: 1n | -1n;
  /** c */
  readonly challenge: bigint;
}

/** compute_challenge (RFC 9591 §4.6): c = H2(R ‖ public key ‖ message), R and key as the suite encodes them there. */
export const computeChallenge = (
  suite: Suite,
  groupCommitment: Uint8Array,
  { publicKey, message }: { readonly publicKey: Point; readonly message: Uint8Array },
): bigint => suite.H2(concatBytes(groupCommitment, suite.normalize(publicKey).bytes, message));

/**
 * The first steps of sign, aggregate and verify_signature_share (RFC 9591 §5.2–5.4), which all three share.
 * Throws `Fault("mismatch")` if the nonces cancel out: whoever spoke last may have chosen them so, but nothing proves it.
 */
export function preparePackage(suite: Suite, signingPackage: SigningPackage): PreparedPackage {
  const { group, evenY } = suite;
  const { publicKey, commitments } = signingPackage;
  assert(!evenY || group.hasEvenY(publicKey), "a BIP340 key has an even y-coordinate");
  const signers = [...commitments.keys()];
  assert(
    signers.every((party, i) => i === 0 || party > signers[i - 1]!),
    "a commitment list ascends by party",
  );
  const bindingFactors = computeBindingFactors(suite, signingPackage);
  const commitment = computeGroupCommitment(group, commitments, bindingFactors);
  if (group.isIdentity(commitment)) throw new Fault("mismatch", "the nonce commitments cancel out");
  // BIP340 "Default Signing": k is negated if R has an odd y-coordinate.
  const { bytes, negated } = suite.normalize(commitment);
  const challenge = computeChallenge(suite, bytes, signingPackage);
  return {
    ...signingPackage,
    signers,
    bindingFactors,
    groupCommitment: bytes,
    nonceSign: negated ? -1n : 1n,
    challenge,
  };
}
