/** FROST on keys that hold no coins of ours, as custody uses a signature scheme: plain secp256k1, and Ed25519. */
import type { Engine, Point } from "@conclave/crypto";
import { keygenProtocol, type KeyShare } from "@conclave/keys";
import { MAX_PARTIES } from "@conclave/protocol";
import { configFromShare, type SignOrder } from "./sign/from-share.ts";
import { signProtocol } from "./sign/index.ts";
import { verify } from "./signature.ts";
import { ed25519Suite, secp256k1Plain, type Suite } from "./suite.ts";

/** The scheme `frost-secp256k1` (RFC 9591 §6.5): signatures are 65 bytes. For messages only. */
export const secp256k1Scheme = ({ secp256k1 }: Engine) =>
  schemeOf(secp256k1Plain(secp256k1), "frost-secp256k1" as const);

/** The scheme `frost-ed25519` (RFC 9591 §6.1): any Ed25519 verifier takes its signatures. For messages only. */
export const ed25519Scheme = ({ ed25519 }: Engine) => schemeOf(ed25519Suite(ed25519), "frost-ed25519" as const);

const schemeOf = <Name extends string>(suite: Suite, scheme: Name) => ({
  scheme,
  maxParties: MAX_PARTIES,
  keygen: keygenProtocol(suite.group),
  made: (result: unknown) => ({ share: result as KeyShare, edges: new Map<never, never>() }),
  edges: null,
  presigning: null,
  protocol: signProtocol(suite),
  config: (order: SignOrder) => configFromShare(suite, order),
  signature: (result: unknown) => result as Uint8Array,
  verify: (publicKey: Point, message: Uint8Array, signature: Uint8Array) =>
    verify(suite, publicKey, message, signature),
});
