/** What a transport over relays needs of a party and its group: the same at every party, whatever it runs on. */
import { transcript } from "@conclave/bytes";
import type { NodeId } from "@conclave/consensus";
import type { PartyIdentity } from "./card.ts";
import type { Invite } from "./invite.ts";

export interface LinkTerms {
  readonly self: NodeId;
  /** Public keys of the others: what they publish under, and what is sealed for them. */
  readonly peers: ReadonlyMap<NodeId, { readonly signKey: Uint8Array; readonly sealKey: Uint8Array }>;
  readonly signSeed: Uint8Array;
  readonly sealSecret: Uint8Array;
  /** Not the invite's: two who hold different invites have to meet to be told so. Envelopes are bound to the invite. */
  readonly rosterHash: Uint8Array;
}

export const linkTerms = ({ cards }: Invite, { card, relaySignSeed, relaySealSecret }: PartyIdentity): LinkTerms => ({
  self: card.node,
  peers: new Map(
    cards
      .filter(({ node }) => node !== card.node)
      .map(({ node, relaySignKey, relaySealKey }) => [node, { signKey: relaySignKey, sealKey: relaySealKey }]),
  ),
  signSeed: relaySignSeed,
  sealSecret: relaySealSecret,
  rosterHash: transcript("party/link", { version: 1 }),
});
