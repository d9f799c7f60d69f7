/** An attempt at key generation: every member of the roster takes part, and nothing is voted on. */
import { equalBytes, fromHex } from "@conclave/bytes";
import { ssidFromAcks, type PartyIndex, type Protocol } from "@conclave/protocol";
import { planFrame, type AttemptPlan, type Member } from "./attempt-plan.ts";
import { MAX_HELD_KEYS, type AttemptSubject } from "./attempts.ts";
import type { CeremonyParts } from "./ceremony-parts.ts";
import type { KnownRequest } from "./docket.ts";
import type { KeygenRequestBody } from "./request.ts";

const ZEROS = new Uint8Array(32);

/** Keys for messages that wait for certificates: each is kept on disk for as long as it may still become active. */
const MAX_UNFINISHED = 256;
const MAX_UNFINISHED_PER_ORIGIN = 8;

/** The plan, or why this node takes no part: purpose, threshold and quorum have to be the ones it makes keys with. */
export const planKeygen = (
  parts: CeremonyParts,
  entry: KnownRequest,
  request: KeygenRequestBody,
  subject: AttemptSubject,
): AttemptPlan | string => {
  const { settings, rosterHash, addKey } = parts;
  if (subject.revision !== 0 || subject.round !== 0 || !equalBytes(subject.digest, ZEROS))
    return "nothing is voted on here";
  if (request.threshold !== settings.threshold || request.quorum !== settings.quorum) {
    return `this node makes keys with threshold ${settings.threshold} and quorum ${settings.quorum}`;
  }
  const made = parts.schemes.find((candidate) => candidate.scheme === request.scheme);
  if (made === undefined) return `scheme ${request.scheme} is not available here`;
  if (settings.roster.nodes.length > made.maxParties)
    return `a ${request.scheme} key has at most ${made.maxParties} members, and the roster has ${settings.roster.nodes.length}`;
  const protocol = made.keygen as Protocol<unknown, unknown>;
  const purpose = request.purpose === "messages" || request.purpose === `wallet/${settings.network}`;
  if (!purpose) return `this node makes keys for ${settings.network} only`;
  // A wallet has one key of each kind: nobody could say which of two addresses is the cluster's.
  const isWallet = request.purpose !== "messages";
  const { active, unfinished } = parts.keysFor(request.purpose, request.scheme);
  if (isWallet && active) return `there is a ${request.scheme} key for ${request.purpose}`;
  if (isWallet && unfinished.length > MAX_HELD_KEYS) return `too many unfinished keys for ${request.purpose}`;
  if (!isWallet && unfinished.length > MAX_UNFINISHED) return "too many unfinished keys for messages";
  if (!isWallet && parts.unfinishedOf(request.origin) >= MAX_UNFINISHED_PER_ORIGIN)
    return "the node that asks has too many unfinished keys";
  const members: Member[] = settings.roster.nodes.map(({ id }, i) => ({ index: (i + 1) as PartyIndex, node: id }));
  const nodes = new Map(members.map(({ index, node }) => [index, fromHex(node)]));
  const { scheme, threshold, quorum } = request;
  const config = { scheme, purpose: request.purpose, threshold, quorum, nodes };
  return {
    ...planFrame(parts, subject, members, request.height, members.length),
    key: ZEROS,
    epoch: 0,
    purpose: isWallet ? `${request.purpose}/${request.scheme}` : null,
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
    edges: null,
    offers: null,
    commit: () => ({ refused: null }),
    done: ([result]) => addKey(made.made(result), entry),
    // Nothing of a key that did not come to be is kept.
    distrust: () => {},
  };
};
