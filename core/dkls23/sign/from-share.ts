import { assert } from "@conclave/bytes";
import type { TweakContext } from "@conclave/crypto";
import type { KeyShare, Valid } from "@conclave/keys";
import type { PartyIndex } from "@conclave/protocol";
import type { Edge } from "../edge.ts";
import type { Presignature } from "../presignature.ts";
import type { FinishConfig, PresignConfig, SignConfig } from "./config.ts";

/** One presignature's part of a config; the rest is in the share. Fields as in `PresignConfig`. */
export interface PresignOrder {
  readonly key: Uint8Array;
  readonly share: Valid<KeyShare>;
  readonly edges: ReadonlyMap<PartyIndex, Edge>;
  readonly tweak: TweakContext;
  readonly approval: Uint8Array;
}

/** One signature's part of a config; `message` is the 32-byte digest. */
export interface SignOrder extends PresignOrder {
  readonly message: Uint8Array;
}

/** The config of one presigning session. Throws `AssertionError` if the share was made for another scheme. */
export function presignConfigFromShare({ key, share, edges, tweak, approval }: PresignOrder): PresignConfig {
  const { record, secret } = share;
  assert(record.scheme === "dkls23-secp256k1", `a share of ${record.scheme} does not sign by DKLS23`);
  return {
    keyId: key,
    epoch: record.epoch,
    threshold: record.threshold,
    publicKey: record.publicKey,
    chainCode: record.chainCode,
    share: secret,
    edges,
    tweak,
    approval,
  };
}

/** The config of one signing session. Throws as `presignConfigFromShare` does. */
export const signConfigFromShare = (order: SignOrder): SignConfig => ({
  ...presignConfigFromShare(order),
  digest: order.message,
});

/** The config of one session that uses up a presignature. Throws as `presignConfigFromShare` does. */
export function finishConfigFromShare(order: SignOrder, presignature: Presignature): FinishConfig {
  const { keyId, epoch, publicKey, chainCode, tweak, approval, edges } = presignConfigFromShare(order);
  const setups = new Map([...edges].map(([peer, { setup }]) => [peer, setup]));
  return { keyId, epoch, publicKey, chainCode, tweak, approval, presignature, setups, digest: order.message };
}
