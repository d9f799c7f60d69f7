/** What a party of a wallet does with runs: makes a Taproot key, and signs with it. For Node and for pages. */
import { transcript, type Rng } from "@conclave/bytes";
import { NO_TWEAK, type Engine } from "@conclave/crypto";
import { taprootScheme } from "@conclave/frost";
import { keyId, validateShare, type KeygenConfig, type KeyShare, type Valid } from "@conclave/keys";
import type { PartyIndex } from "@conclave/protocol";
import { runSession, type RelayClient } from "../index.ts";

export interface Party {
  readonly client: RelayClient;
  readonly engine: Engine;
  readonly rng: Rng;
  readonly self: PartyIndex;
  /** Ed25519 keys of everybody who takes part. */
  readonly parties: ReadonlyMap<PartyIndex, Uint8Array>;
  /** What the invite says. */
  readonly instance: Uint8Array;
}

/** Keeps nothing: a test's party dies with its page. */
const commit = async (): Promise<void> => {};

export async function makeKey(party: Party, { threshold }: { readonly threshold: number }): Promise<Valid<KeyShare>> {
  const scheme = taprootScheme(party.engine);
  const config: KeygenConfig = {
    scheme: "frost-secp256k1-taproot",
    purpose: "wallet/regtest",
    threshold,
    quorum: threshold,
    nodes: party.parties,
  };
  const agreed = { threshold };
  const share = await runSession({ ...party, protocol: scheme.keygen, config, purpose: "ssid/keygen", agreed, commit });
  return validateShare(party.engine.secp256k1, share);
}

/** 64 bytes, BIP340. */
export async function sign(party: Party, share: Valid<KeyShare>, message: Uint8Array): Promise<Uint8Array> {
  const scheme = taprootScheme(party.engine);
  const key = keyId(party.engine.secp256k1, share.record);
  const approval = transcript("testing/relay/approval", { message });
  const config = scheme.config({ key, share, tweak: NO_TWEAK, message, approval });
  const agreed = { key, message };
  return runSession({ ...party, protocol: scheme.protocol, config, purpose: "ssid/session", agreed, commit });
}
