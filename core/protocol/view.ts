import { codec, fixedBytes, list, record, transcript, type Codec } from "@conclave/bytes";
import { MAX_PARTIES, partyIndex, type PartyIndex } from "./party.ts";

/** Hash of everything a round's public check depends on. Travels with each message and is compared before anything else. */
export const viewHash = (ssid: Uint8Array, round: string, publicState: Uint8Array): Uint8Array =>
  transcript("protocol/view", { ssid, round, publicState });

/** What a party saw from each sender of an echoed round, itself included: hash of the broadcast body. */
export type Echo = readonly { readonly party: PartyIndex; readonly hash: Uint8Array }[];

export const echoCodec: Codec<Echo> = codec(
  list(record({ party: partyIndex, hash: fixedBytes(32) }), { min: 1, max: MAX_PARTIES }),
);

export const broadcastHash = (body: Uint8Array): Uint8Array => transcript("protocol/broadcast", { body });
