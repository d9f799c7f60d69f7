import { transcript } from "@conclave/bytes";
import { NO_TWEAK, type TweakContext } from "@conclave/crypto";
import { keyId } from "@conclave/keys";
import type { PartyIndex } from "@conclave/protocol";
import { testGroup } from "./engine.ts";
import type { Presignature } from "../presignature.ts";
import type { FinishConfig, PresignConfig, SignConfig } from "../sign/config.ts";
import {
  finishConfigFromShare,
  presignConfigFromShare,
  signConfigFromShare,
  type PresignOrder,
} from "../sign/from-share.ts";
import type { DealtKey } from "./deal.ts";

/** 32 bytes to sign, another for every `label`. */
export const testDigest = (label: string): Uint8Array => transcript("dkls23/testing/digest", { label });

const APPROVAL = transcript("dkls23/testing/approval", {});

const order = ({ shares, edges }: DealtKey, self: PartyIndex, tweak: TweakContext): PresignOrder => {
  const share = shares.get(self)!;
  return {
    key: keyId(testGroup, share.record),
    share,
    edges: edges.get(self)!,
    tweak,
    approval: APPROVAL,
  };
};

/** One signer's config for a presignature of a dealt key. */
export const presignConfig = (key: DealtKey, self: PartyIndex, tweak: TweakContext = NO_TWEAK): PresignConfig =>
  presignConfigFromShare(order(key, self, tweak));

export const presignConfigs = (
  key: DealtKey,
  signers: readonly PartyIndex[],
  tweak: TweakContext = NO_TWEAK,
): Map<PartyIndex, PresignConfig> => new Map(signers.map((self) => [self, presignConfig(key, self, tweak)]));

/** The same with a digest. */
export const signConfigs = (
  key: DealtKey,
  signers: readonly PartyIndex[],
  { digest, tweak = NO_TWEAK }: { readonly digest: Uint8Array; readonly tweak?: TweakContext },
): Map<PartyIndex, SignConfig> =>
  new Map(signers.map((self) => [self, signConfigFromShare({ ...order(key, self, tweak), message: digest })]));

/** One signer's config for using up a presignature of a dealt key, as if the order were for `tweak`. */
export const finishConfig = (
  key: DealtKey,
  presignature: Presignature,
  { digest, tweak = NO_TWEAK }: { readonly digest: Uint8Array; readonly tweak?: TweakContext },
): FinishConfig => finishConfigFromShare({ ...order(key, presignature.self, tweak), message: digest }, presignature);
