/** One signer's part z_i of the signature: made with its share and nonces, checked with its public counterparts. */
import { assert } from "@conclave/bytes";
import { coefficientAtZero, mod, type Point } from "@conclave/crypto";
import type { PartyIndex } from "@conclave/protocol";
import { spendNonces, type Nonces } from "./nonces.ts";
import type { PreparedPackage } from "./signing-package.ts";
import type { Suite } from "./suite.ts";

/**
 * sign (RFC 9591 §5.2): z_i = d_i + ρ_i·e_i + λ_i·s_i·c. Spends the nonces whatever happens. Throws `AssertionError` if they
 * were spent before, or are not those that the commitment list names for this party.
 */
export function sign(
  suite: Suite,
  prepared: PreparedPackage,
  { party, share, nonces }: { readonly party: PartyIndex; readonly share: bigint; readonly nonces: Nonces },
): bigint {
  const { group } = suite;
  const { d, e } = spendNonces(suite, nonces.secrets);
  const listed = prepared.commitments.get(party);
  // RFC 9591 §5.2: a signer must find its own commitments in the list, or it would answer for somebody else's.
  assert(listed !== undefined, "a signer is in the commitment list");
  assert(
    group.equals(listed.hiding, nonces.commitments.hiding) && group.equals(listed.binding, nonces.commitments.binding),
    "the commitment list names the nonces that this party published",
  );
  const { bindingFactors, signers, challenge, nonceSign } = prepared;
  const lambda = coefficientAtZero(group, signers, party);
  const nonce = nonceSign * (d + bindingFactors.get(party)! * e);
  return mod(nonce + mod(lambda * challenge, group.order) * share, group.order);
}

/**
 * verify_signature_share (RFC 9591 §5.4): true if z_i·G = D_i + ρ_i·E_i + c·λ_i·Y_i, with the nonces negated together with R.
 * `publicShare` is Y_i of the tweaked key.
 */
export function verifySignatureShare(
  suite: Suite,
  prepared: PreparedPackage,
  { party, publicShare, share }: { readonly party: PartyIndex; readonly publicShare: Point; readonly share: bigint },
): boolean {
  const { group } = suite;
  const { order } = group;
  const { signers, commitments, bindingFactors, challenge, nonceSign } = prepared;
  const listed = commitments.get(party);
  assert(listed !== undefined, "only a signer's share is checked");
  const weight = mod(-coefficientAtZero(group, signers, party) * challenge, order);
  const bound = mod(-nonceSign * bindingFactors.get(party)!, order);
  // z_i·G − c·λ_i·Y_i − ρ_i·E_i = D_i
  const rest = group.combine([group.generator, publicShare, listed.binding], [share, weight, bound]);
  return group.equals(rest, nonceSign === 1n ? listed.hiding : group.negate(listed.hiding));
}
