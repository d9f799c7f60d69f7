/** The signature schemes of this daemon, as custody takes them. */
import type { SigningScheme } from "@conclave/custody";
import type { Engine } from "@conclave/crypto";
import { secp256k1Taproot, signProtocol, type SignConfig } from "@conclave/frost";

export const schemesOf = (engine: Engine): readonly SigningScheme[] => [frostTaproot(engine)];

function frostTaproot(engine: Engine): SigningScheme {
  const suite = secp256k1Taproot(engine.secp256k1);
  return {
    scheme: "frost-secp256k1-taproot",
    protocol: signProtocol(suite),
    config: ({ key, share, tweak, message, approval }): SignConfig => ({
      suite: suite.id,
      keyId: key,
      epoch: share.record.epoch,
      threshold: share.record.threshold,
      publicKey: share.record.publicKey,
      chainCode: share.record.chainCode,
      publicShares: new Map(share.record.parties.map(({ index, publicShare }) => [index, publicShare])),
      share: share.secret,
      tweak,
      message,
      approval,
    }),
    signature: (result) => result as Uint8Array,
  };
}
