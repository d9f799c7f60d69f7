/** An attempt at key generation: every member of the roster takes part, and nothing is voted on. */
import { equalBytes, fromHex } from "@conclave/bytes";
import { keygenProtocol, type KeyShare } from "@conclave/keys";
import { ssidFromAcks, type PartyIndex } from "@conclave/protocol";
import { planFrame, type AttemptPlan, type Member } from "./attempt-plan.ts";
import { MAX_HELD_KEYS, type AttemptSubject } from "./attempts.ts";
import type { CeremonyParts } from "./ceremony-parts.ts";
import type { KnownRequest } from "./docket.ts";
import type { KeygenRequestBody } from "./request.ts";

const ZEROS = new Uint8Array(32);

/** The plan, or why this node takes no part: purpose, threshold and quorum have to be the ones it makes keys with. */
export const planKeygen = (
  parts: CeremonyParts,
  entry: KnownRequest,
  request: KeygenRequestBody,
  subject: AttemptSubject,
): AttemptPlan | string => {
  const { settings, rosterHash, addKey } = parts;
  const protocol = keygenProtocol(parts.engine.secp256k1);
  if (subject.revision !== 0 || subject.round !== 0 || !equalBytes(subject.digest, ZEROS))
    return "nothing is voted on here";
  if (request.threshold !== settings.threshold || request.quorum !== settings.quorum) {
    return `this node makes keys with threshold ${settings.threshold} and quorum ${settings.quorum}`;
  }
  if (!parts.schemes.some(({ scheme }) => scheme === request.scheme))
    return `scheme ${request.scheme} is not available here`;
  const purpose = request.purpose === "messages" || request.purpose === `wallet/${settings.network}`;
  if (!purpose) return `this node makes keys for ${settings.network} only`;
  // A wallet has one key: nobody could say which of two addresses is the cluster's.
  const isWallet = request.purpose !== "messages";
  const { active, unfinished } = parts.keysFor(request.purpose);
  if (isWallet && active) return `there is a key for ${request.purpose}`;
  if (isWallet && unfinished.length > MAX_HELD_KEYS) return `too many unfinished keys for ${request.purpose}`;
  const members: Member[] = settings.roster.nodes.map(({ id }, i) => ({ index: (i + 1) as PartyIndex, node: id }));
  const nodes = new Map(members.map(({ index, node }) => [index, fromHex(node)]));
  const { scheme, threshold, quorum } = request;
  const config = { scheme, purpose: request.purpose, threshold, quorum, nodes };
  return {
    ...planFrame(parts, subject, members, request.height, members.length),
    key: ZEROS,
    epoch: 0,
    purpose: isWallet ? request.purpose : null,
    holds: isWallet ? unfinished : [],
    finishHeld: (held) => {
      for (const certificate of held) parts.collect(certificate);
    },
    sessions: (signers, acks) => {
      const suite = { suite: protocol.id, scheme, purpose: request.purpose, n: signers.length, threshold, quorum };
      const fields = { ...suite, roster: rosterHash, request: entry.id, attempt: subject.attempt };
      const ssid = ssidFromAcks("ssid/keygen", fields, acks);
      return [{ protocol, ssid, config }];
    },
    commit: () => ({ refused: null }),
    done: ([share]) => addKey(share as KeyShare),
  };
};
