/** The whole signature: added up from its shares, and verified as anybody would. */
import { assert, concatBytes, equalBytes } from "@conclave/bytes";
import { mod, type Point } from "@conclave/crypto";
import type { PartyIndex } from "@conclave/protocol";
import type { PreparedPackage } from "./signing-package.ts";
import type { Suite } from "./suite.ts";

const SCALAR_BYTES = 32;

/**
 * aggregate (RFC 9591 §5.3): R ‖ Σ z_i (Appendix A; for Taproot x(R) ‖ z, BIP340). One share of every signer. The result is a
 * signature only if `verify` says so.
 */
export function aggregate(
  { group }: Suite,
  { signers, groupCommitment }: PreparedPackage,
  shares: ReadonlyMap<PartyIndex, bigint>,
): Uint8Array {
  assert(shares.size === signers.length && signers.every((party) => shares.has(party)), "one share of every signer");
  const z = [...shares.values()].reduce((sum, share) => sum + share, 0n);
  return concatBytes(groupCommitment, group.encodeScalar(mod(z, group.order)));
}

/**
 * Verification for a prime-order group (RFC 9591 Appendix B; BIP340 "Verification"; RFC 8032 §5.1.7 without cofactor):
 * z·G − c·P has to encode to the R of the signature. False for anything malformed. A BIP340 key counts by its x alone.
 */
export function verify(suite: Suite, publicKey: Point, message: Uint8Array, signature: Uint8Array): boolean {
  const { group } = suite;
  const named = suite.normalize(publicKey);
  const key = named.negated ? group.negate(publicKey) : publicKey;
  const split = signature.length - SCALAR_BYTES;
  if (split !== named.bytes.length) return false;
  const nonce = signature.subarray(0, split);
  const z = scalarOf(suite, signature.subarray(split));
  if (z === null) return false;
  const c = suite.H2(concatBytes(nonce, named.bytes, message));
  const expected = group.add(group.multiplyBase(z), group.combine([key], [mod(-c, group.order)]));
  if (group.isIdentity(expected)) return false;
  const { bytes, negated } = suite.normalize(expected);
  return !negated && equalBytes(bytes, nonce);
}

function scalarOf({ group }: Suite, bytes: Uint8Array): bigint | null {
  try {
    return group.decodeScalar(bytes);
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}
