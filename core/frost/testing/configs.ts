import { NO_TWEAK, type TweakContext } from "@conclave/crypto";
import type { PartyIndex } from "@conclave/protocol";
import type { SignConfig } from "../sign/config.ts";
import type { Suite } from "../suite.ts";
import type { DealtKey } from "./dealer.ts";

/** One signer's config for a dealt key. */
export const signConfig = (
  suite: Suite,
  key: DealtKey,
  { self, message, tweak = NO_TWEAK }: { self: PartyIndex; message: Uint8Array; tweak?: TweakContext },
): SignConfig => ({
  suite: suite.id,
  keyId: new Uint8Array(32).fill(1),
  epoch: 0,
  threshold: key.threshold,
  publicKey: key.publicKey,
  chainCode: suite.group.name === "secp256k1" ? key.chainCode : null,
  publicShares: key.publicShares,
  share: key.shares.get(self)!,
  tweak,
  message,
  approval: new Uint8Array(32).fill(2),
});

/** The same for every signer. */
export const signConfigs = (
  suite: Suite,
  key: DealtKey,
  signers: readonly PartyIndex[],
  { message, tweak = NO_TWEAK }: { message: Uint8Array; tweak?: TweakContext },
): Map<PartyIndex, SignConfig> =>
  new Map(signers.map((self) => [self, signConfig(suite, key, { self, message, tweak })]));
