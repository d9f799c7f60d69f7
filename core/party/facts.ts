/** What may be known of a key by anybody. */
import { deriveChild, type Group } from "@conclave/crypto";
import type { Scheme } from "@conclave/keys";
import type { PartyIndex } from "@conclave/protocol";
import { fingerprint } from "./invite.ts";
import type { HeldKey } from "./keys.ts";

export interface KeyFacts {
  readonly name: string;
  readonly scheme: Scheme;
  readonly threshold: number;
  readonly parties: readonly PartyIndex[];
  /** As its curve encodes it: 33 bytes compressed, or 32 of Ed25519. */
  readonly publicKey: Uint8Array;
  readonly id: Uint8Array;
  /** Of the ceremony: the same at every party. */
  readonly fingerprint: string;
  readonly isActive: boolean;
}

export const factsOf = (group: Group, held: HeldKey): KeyFacts => ({
  name: held.invite.name,
  scheme: held.invite.scheme,
  threshold: held.invite.threshold,
  parties: held.share.record.parties.map(({ index }) => index),
  publicKey: group.encode(held.share.record.publicKey),
  id: held.id,
  fingerprint: fingerprint(held.certificate),
  isActive: held.certificates !== null,
});

/** What BIP32 says of a child: enough to derive further ones. */
export interface ChildFacts {
  readonly publicKey: Uint8Array;
  readonly chainCode: Uint8Array;
  readonly path: readonly number[];
}

/** Throws `RangeError` for an index that BIP32 declares invalid. Ask `pathRefusal` first. */
export function childFacts(
  group: Group,
  { share: { record } }: Pick<HeldKey, "share">,
  path: readonly number[],
): ChildFacts {
  let child: { publicKey: typeof record.publicKey; chainCode: Uint8Array } = record;
  for (const index of path) child = deriveChild(group, child, index);
  return { publicKey: group.encode(child.publicKey), chainCode: child.chainCode.slice(), path };
}
