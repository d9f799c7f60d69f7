import type { Protocol } from "@conclave/protocol";
import type { Suite } from "../suite.ts";
import { commitRound, startSign } from "./1-commit.ts";
import { shareRound } from "./2-share.ts";
import type { SignConfig } from "./config.ts";

/**
 * Two-round FROST (RFC 9591 §5) without a coordinator: the session's committee are the signers, exactly the threshold of them,
 * and each ends with the verified signature: 64 bytes (BIP340, Ed25519), or 65 for plain secp256k1.
 */
export const signProtocol = (suite: Suite): Protocol<SignConfig, Uint8Array> => ({
  id: `${suite.id}/sign/v1`,
  rounds: [commitRound(suite), shareRound(suite)],
  start: (context, config, rng) => startSign(suite, context, config, rng),
});
