/** Binding factors and the group commitment: what ties every signer's nonces to this message and these signers. */
import { concatBytes } from "@conclave/bytes";
import type { Group, Point } from "@conclave/crypto";
import type { PartyIndex } from "@conclave/protocol";
import type { NonceCommitments } from "./nonces.ts";
import type { Suite } from "./suite.ts";

/** commitment_list: each signer's D and E, ascending by party. */
export type CommitmentList = ReadonlyMap<PartyIndex, NonceCommitments>;

/** encode_group_commitment_list (RFC 9591 §4.3): identifier ‖ D ‖ E of each signer. */
export const encodeCommitmentList = (group: Group, commitments: CommitmentList): Uint8Array =>
  concatBytes(
    ...[...commitments].flatMap(([party, { hiding, binding }]) => [
      group.encodeScalar(BigInt(party)),
      group.encode(hiding),
      group.encode(binding),
    ]),
  );

/**
 * compute_binding_factors (RFC 9591 §4.4): ρ_i over the key, the message and all commitments. Without it concurrent
 * sessions could be combined into a forgery (Drijvers et al. 2019, Benhamouda et al. 2020).
 */
export function computeBindingFactors(
  suite: Suite,
  { publicKey, message, commitments }: { publicKey: Point; message: Uint8Array; commitments: CommitmentList },
): ReadonlyMap<PartyIndex, bigint> {
  const { group } = suite;
  // rho_input_prefix = group_public_key_enc ‖ H4(msg) ‖ H5(encoded_commitment_list)
  const prefix = concatBytes(
    group.encode(publicKey),
    suite.H4(message),
    suite.H5(encodeCommitmentList(group, commitments)),
  );
  return new Map(
    [...commitments.keys()].map((party) => [party, suite.H1(concatBytes(prefix, group.encodeScalar(BigInt(party))))]),
  );
}

/** compute_group_commitment (RFC 9591 §4.5): R = Σ D_i + ρ_i·E_i. May be the identity, which nobody can sign for. */
export function computeGroupCommitment(
  group: Group,
  commitments: CommitmentList,
  bindingFactors: ReadonlyMap<PartyIndex, bigint>,
): Point {
  const bound = group.combine(
    [...commitments.values()].map(({ binding }) => binding),
    [...commitments.keys()].map((party) => bindingFactors.get(party)!),
  );
  return [...commitments.values()].reduce((sum, { hiding }) => group.add(sum, hiding), bound);
}
