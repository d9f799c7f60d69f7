import { transcript } from "@conclave/bytes";
import type { Group } from "@conclave/crypto";
import type { KeyRecord } from "./record.ts";

/**
 * T = H("cert"; transcript of all rounds, everything the new record says, H(chain code), rid). A share becomes usable when
 * every party of the committee has signed the same T: then everyone holds a share of the same key, and knows it.
 */
export const certificateHash = (
  group: Group,
  facts: Omit<KeyRecord, "certificate">,
  { log, rid }: { readonly log: Uint8Array; readonly rid: Uint8Array },
): Uint8Array =>
  transcript("keys/certificate", {
    log,
    rid,
    scheme: facts.scheme,
    purpose: facts.purpose,
    epoch: facts.epoch,
    threshold: facts.threshold,
    quorum: facts.quorum,
    parties: facts.parties.map(({ index, node, publicShare }) => [index, node, group.encode(publicShare)]),
    publicKey: group.encode(facts.publicKey),
    chainCode: transcript("keys/chain-code", { chainCode: facts.chainCode }),
  });
