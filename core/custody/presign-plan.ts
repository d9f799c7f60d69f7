/** An attempt at presignatures for one key: several sessions with the same signers, and nothing that anybody could vote on. */
import { fromHex, toHex } from "@conclave/bytes";
import type { NodeId } from "@conclave/consensus";
import type { TweakContext } from "@conclave/crypto";
import { partyOf } from "@conclave/keys";
import { ascending, ssidFromAcks, type PartyIndex } from "@conclave/protocol";
import { planFrame, type AttemptPlan } from "./attempt-plan.ts";
import type { AttemptSubject } from "./attempts.ts";
import type { CeremonyParts } from "./ceremony-parts.ts";
import type { KnownRequest } from "./docket.ts";
import type { PresignRequestBody } from "./request.ts";

/** The plan, or why this node takes no part. */
export const planPresign = (
  parts: CeremonyParts,
  entry: KnownRequest,
  { wallet, path, count, height, origin }: PresignRequestBody,
  subject: AttemptSubject,
): AttemptPlan | string => {
  const { banned, edges, emit, identity, keyOf, presignatures, schemes, settings } = parts;
  if (!settings.presigning && origin !== identity.id) return "this node prepares nothing for others";
  const share = keyOf(wallet);
  const scheme = schemes.find((candidate) => candidate.scheme === share?.record.scheme);
  const presigning = scheme?.presigning;
  if (share === undefined) return "this node has no active share of the key";
  if (presigning === undefined || presigning === null) return `keys of ${share.record.scheme} have no presignatures`;
  if (subject.revision !== 0 || subject.round !== 0 || subject.digest.some((byte) => byte !== 0))
    return "nothing is voted on here";
  if (!presignatures.hasRoom(wallet, path, count)) return "enough presignatures of this key wait";
  const excluded = banned();
  const members = share.record.parties
    .map(({ index, node }) => ({ index, node: toHex(node) as NodeId }))
    .filter(({ node }) => !excluded.has(node));
  const { threshold, epoch, certificate } = share.record;
  if (members.length < threshold || excluded.has(identity.id)) return "too few members are not banned";
  const tweak: TweakContext = { path, taproot: null };
  const self = partyOf(share.record, fromHex(identity.id))!.index;
  return {
    ...planFrame(parts, subject, members, height, threshold),
    key: wallet,
    epoch,
    purpose: null,
    holds: [],
    edges: edges.live(wallet),
    offers: null,
    finishHeld: () => {},
    sessions: (signers: readonly PartyIndex[], acks: readonly Uint8Array[]) => {
      const peers = signers.filter((index) => index !== self);
      const ends = edges.to(wallet, peers);
      if (ends === null) return "an edge to one of the signers died meanwhile";
      return Array.from({ length: count }, (_, number) => {
        const fields = {
          protocol: presigning.protocol.id,
          key: wallet,
          epoch,
          setup: certificate,
          request: entry.id,
          number,
          tweak: [...path],
          attempt: subject.attempt,
          signers: ascending(signers),
        };
        const ssid = ssidFromAcks("ssid/session", fields, acks);
        const order = { key: wallet, share, tweak, approval: entry.id, edges: ends };
        return { protocol: presigning.protocol, ssid, config: presigning.config(order) };
      });
    },
    commit: () => ({ refused: null }),
    done: (results, signers) => {
      for (const value of results) {
        const indices = ascending(signers.map(({ index }) => index));
        const id = presigning.id(value);
        presignatures.add({ id, key: wallet, path, signers: indices, value, wipe: () => presigning.wipe(value) });
      }
      emit({ kind: "presigned", key: wallet, request: entry.id, waiting: presignatures.count(wallet, path) });
    },
    discard: (value) => presigning.wipe(value),
    distrust: ({ index }, reason, wires) => parts.loseEdge(wallet, index, { reason, wires }),
  };
};
