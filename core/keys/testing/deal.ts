import { transcript, type Rng } from "@conclave/bytes";
import { commit, evaluate, evaluateInExponent, randomPolynomial, type Group } from "@conclave/crypto";
import type { PartyIndex } from "@conclave/protocol";
import {
  certificateHash,
  curveOf,
  validateShare,
  type KeyShare,
  type Purpose,
  type Scheme,
  type Valid,
} from "../index.ts";

/** What to deal. */
export interface DealOptions {
  readonly scheme?: Scheme;
  readonly purpose?: Purpose;
  readonly n: number;
  readonly t: number;
  /** Default: the threshold. */
  readonly quorum?: number;
  /** Envelope keys of the nodes, in order of their party numbers; drawn from `rng` if absent. */
  readonly nodes?: readonly Uint8Array[];
  readonly rng: Rng;
}

/**
 * The shares of a key that one dealer knew whole, so that a test does not pay for a key generation. The group's curve decides
 * the default scheme. Certified by a hash of the same form as a ceremony's, over a made-up log.
 */
export function dealShares(group: Group, options: DealOptions): readonly Valid<KeyShare>[] {
  const { n, t, rng, quorum = t } = options;
  const scheme = options.scheme ?? (group.name === "ed25519" ? "frost-ed25519" : "frost-secp256k1-taproot");
  const nodes = options.nodes ?? Array.from({ length: n }, () => rng(32));
  const polynomial = randomPolynomial(group, t, rng);
  const commitment = commit(group, polynomial);
  const facts = {
    version: 1 as const,
    curve: curveOf(scheme),
    scheme,
    purpose: options.purpose ?? (scheme === "frost-secp256k1-taproot" ? "wallet/regtest" : "messages"),
    epoch: 0,
    threshold: t,
    quorum,
    parties: Array.from({ length: n }, (_, i) => ({
      index: (i + 1) as PartyIndex,
      node: nodes[i]!,
      publicShare: evaluateInExponent(group, commitment, i + 1),
    })),
    publicKey: commitment[0]!,
    chainCode: rng(32),
  };
  const ceremony = { log: transcript("testing/dealt-log", { entropy: rng(32) }), rid: rng(32) };
  const record = { ...facts, certificate: certificateHash(group, facts, ceremony) };
  return facts.parties.map(({ index }) =>
    validateShare(group, { record, self: index, secret: evaluate(group, polynomial, index) }),
  );
}
