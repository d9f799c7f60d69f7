export { hasIdentity, MAX_GROUP, openIdentity, parseCard, printCard, readCard } from "./card.ts";
export type { Card, PartyIdentity } from "./card.ts";
export { tell } from "./events.ts";
export type { PartyEvent } from "./events.ts";
export { childFacts, factsOf } from "./facts.ts";
export type { ChildFacts, KeyFacts } from "./facts.ts";
export { PartyFailure } from "./failure.ts";
export type { FailureCode } from "./failure.ts";
export {
  checkInvited,
  fingerprint,
  KEY_NAME,
  makeInvite,
  MAX_RELAYS,
  parseInvite,
  printInvite,
  RELAY_URL,
} from "./invite.ts";
export type { Invite } from "./invite.ts";
export { PartyKeys } from "./keys.ts";
export type { DeadEdge, HeldKey } from "./keys.ts";
export { linkTerms } from "./link-terms.ts";
export type { LinkTerms } from "./link-terms.ts";
export { digestOf, MAX_MESSAGE_BYTES, pathRefusal } from "./order.ts";
export type { Content, SignatureOrder } from "./order.ts";
export { Party } from "./party.ts";
export type { PartyParts } from "./party.ts";
export { MAX_PATH, printPath } from "./presence.ts";
export type { PartySignature } from "./sign-operation.ts";
export type { PartyStore } from "./store.ts";
export { DEFAULT_PARTY_TIMINGS } from "./timings.ts";
export type { PartyTimings } from "./timings.ts";
export { TokenError } from "./token.ts";
