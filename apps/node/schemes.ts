/** The signature schemes of this daemon, as custody takes them. */
import type { SigningScheme } from "@conclave/custody";
import type { Engine } from "@conclave/crypto";
import { configFromShare, secp256k1Taproot, signProtocol } from "@conclave/frost";

export const schemesOf = (engine: Engine): readonly SigningScheme[] => [frostTaproot(engine)];

function frostTaproot(engine: Engine): SigningScheme {
  const suite = secp256k1Taproot(engine.secp256k1);
  return {
    scheme: suite.id,
    protocol: signProtocol(suite),
    config: (order) => configFromShare(suite, order),
    signature: (result) => result as Uint8Array,
  };
}
