/** Taproot by FROST as custody uses a signature scheme: everything that it may do with one, bound to an engine. */
import type { Engine, Point } from "@conclave/crypto";
import { keygenProtocol, type KeyShare } from "@conclave/keys";
import { MAX_PARTIES } from "@conclave/protocol";
import { configFromShare, type SignOrder } from "./sign/from-share.ts";
import { signProtocol } from "./sign/index.ts";
import { verify } from "./signature.ts";
import { secp256k1Taproot } from "./suite.ts";

/** The scheme `frost-secp256k1-taproot`: nothing beside the shares, and two rounds need no preparation. */
export function taprootScheme({ secp256k1: group }: Engine) {
  const suite = secp256k1Taproot(group);
  return {
    scheme: "frost-secp256k1-taproot" as const,
    maxParties: MAX_PARTIES,
    keygen: keygenProtocol(group),
    made: (result: unknown) => ({ share: result as KeyShare, edges: new Map<never, never>() }),
    edges: null,
    presigning: null,
    protocol: signProtocol(suite),
    config: (order: SignOrder) => configFromShare(suite, order),
    signature: (result: unknown) => result as Uint8Array,
    verify: (publicKey: Point, message: Uint8Array, signature: Uint8Array) =>
      verify(suite, publicKey, message, signature),
  };
}
