import { assert } from "@conclave/bytes";
import type { TweakContext } from "@conclave/crypto";
import type { KeyShare, Valid } from "@conclave/keys";
import type { Suite } from "../suite.ts";
import type { SignConfig } from "./config.ts";

/** One signature's part of a config; the rest is in the share. Fields as in `SignConfig`. */
export interface SignOrder {
  readonly key: Uint8Array;
  readonly share: Valid<KeyShare>;
  readonly tweak: TweakContext;
  readonly message: Uint8Array;
  readonly approval: Uint8Array;
}

/** The config of one session for a stored share. Throws `AssertionError` if the share was made for another scheme. */
export function configFromShare(suite: Suite, { key, share, tweak, message, approval }: SignOrder): SignConfig {
  const { record, secret } = share;
  assert(record.scheme === suite.id, `a share of ${record.scheme} does not sign in ${suite.id}`);
  return {
    suite: suite.id,
    keyId: key,
    epoch: record.epoch,
    threshold: record.threshold,
    publicKey: record.publicKey,
    chainCode: suite.group.name === "secp256k1" ? record.chainCode : null,
    publicShares: new Map(record.parties.map(({ index, publicShare }) => [index, publicShare])),
    share: secret,
    tweak,
    message,
    approval,
  };
}
