/** An attempt at making one edge of a key anew: its two ends and nobody else, on the word of an operator. */
import { equalBytes, fromHex, toHex } from "@conclave/bytes";
import type { NodeId } from "@conclave/consensus";
import { partyOf } from "@conclave/keys";
import { ascending, ssidFromAcks, type PartyIndex } from "@conclave/protocol";
import { planFrame, type AttemptPlan, type Member } from "./attempt-plan.ts";
import type { AttemptSubject } from "./attempts.ts";
import type { CeremonyParts } from "./ceremony-parts.ts";
import type { KnownRequest } from "./docket.ts";
import type { RekeyRequestBody } from "./request.ts";

/**
 * The plan, or why this node takes no part. A live edge may be made anew as well: its other end may have lost it, and the new
 * one is as good. Both ends name the setup of an edge before they use it, so a rekey that only one of them finished is seen.
 */
export const planRekey = (
  parts: CeremonyParts,
  entry: KnownRequest,
  { wallet, a, b, height, origin }: RekeyRequestBody,
  subject: AttemptSubject,
): AttemptPlan | string => {
  const { edges, identity, keyOf, schemes, emit } = parts;
  const share = keyOf(wallet);
  const scheme = schemes.find((candidate) => candidate.scheme === share?.record.scheme)?.edges;
  if (share === undefined) return "this node has no active share of the key";
  if (scheme === undefined || scheme === null) return `keys of ${share.record.scheme} have no edges`;
  if (subject.revision !== 0 || subject.round !== 0 || subject.digest.some((byte) => byte !== 0))
    return "nothing is voted on here";
  const ends = [a, b].flatMap((node) => partyOf(share.record, fromHex(node)) ?? []);
  if (a === b || ends.length !== 2) return "an edge has two ends, both members of the key";
  const members: Member[] = ends.map(({ index, node }) => ({ index, node: toHex(node) as NodeId }));
  const peer = members.find(({ node }) => node !== identity.id)!;
  if (!members.some(({ node }) => node === identity.id)) return "this node is not an end of the edge";
  const isAlive = edges.live(wallet).some((end) => end.peer === peer.index);
  if (isAlive && origin !== a && origin !== b)
    return "this edge is alive here: only the operator of one of its ends may have it made anew";
  if (isAlive && !edges.mayReplaceAlive(wallet, peer.index)) return "this edge is alive and was made anew often enough";
  const { certificate, epoch } = share.record;
  return {
    ...planFrame(parts, subject, members, height, members.length),
    key: wallet,
    epoch,
    purpose: null,
    holds: [],
    edges: null,
    offers: null,
    finishHeld: () => {},
    sessions: (signers: readonly PartyIndex[], acks: readonly Uint8Array[]) => {
      const fields = {
        protocol: scheme.protocol.id,
        key: wallet,
        epoch,
        setup: certificate,
        request: entry.id,
        attempt: subject.attempt,
        signers: ascending(signers),
      };
      const ssid = ssidFromAcks("ssid/session", fields, acks);
      return [{ protocol: scheme.protocol, ssid, config: scheme.config(certificate) }];
    },
    commit: () => ({ refused: null }),
    done: ([result]) => {
      const made = scheme.made(result).get(peer.index);
      if (made === undefined || !equalBytes(keyOf(wallet)?.record.certificate ?? new Uint8Array(), certificate)) return;
      parts.endUses(wallet, peer.index, "an edge of the key was made anew");
      edges.replace(wallet, share, peer.index, made);
      emit({ kind: "edgeMade", key: wallet, request: entry.id, peer: peer.node });
    },
    // What failed is the new edge, which never came to be; the old one was not used.
    distrust: () => {},
  };
};
