export { Attempt } from "./attempt.ts";
export type { AttemptEnvironment, AttemptPlan, Member, SessionPlan } from "./attempt-plan.ts";
export { attemptId, COORDINATOR_RANGE, coordinatorIndex, setupCodec, subjectRound } from "./attempts.ts";
export type { AttemptSubject, EdgeEnd } from "./attempts.ts";
export { Custody } from "./custody.ts";
export type { CustodyParts } from "./custody.ts";
export { DocketRefused, requestOfTopic } from "./docket.ts";
export { EarlyEnvelopes } from "./early.ts";
export { EnvelopeReader, EnvelopeRefused, peekHeader, sealEnvelope, slotOf } from "./envelope.ts";
export type { Envelope, Header, HeaderFields } from "./envelope.ts";
export {
  EvidenceFileRefused,
  MAX_EVIDENCE_FILE_BYTES,
  NOT_PROVEN,
  printedCase,
  verifyEvidenceFile,
} from "./evidence-file.ts";
export type { EvidenceCase, VerifiedEvidence } from "./evidence-file.ts";
export type { CustodyEvent } from "./events.ts";
export { createIdentity, hasIdentity, loadIdentity, rosterEntry } from "./identity.ts";
export type { Identity } from "./identity.ts";
export { viewKey } from "./key-view.ts";
export type { KeyView } from "./key-view.ts";
export type { LockedCoin } from "./locks/index.ts";
export type { VoteCircumstances } from "./objections.ts";
export { JournalUnavailable, VaultError } from "./ports.ts";
export type { Journal, JournalRecord, Vault } from "./ports.ts";
export { MAX_PRESIGNATURES } from "./presignatures.ts";
export { connectCustody, CustodyCallFailed, inlineCustody, serveCustody } from "./port.ts";
export type { Channel, CustodyPort } from "./port.ts";
export {
  MAX_MESSAGE_BYTES,
  MAX_PRESIGN_SESSIONS,
  proposalCodec,
  requestCodec,
  requestId,
  revisionCodec,
  revisionDigest,
} from "./request.ts";
export type {
  KeygenRequestBody,
  MessageRequestBody,
  PaymentRequestBody,
  PresignRequestBody,
  Proposal,
  RekeyRequestBody,
  Request,
  Revision,
} from "./request.ts";
export type { Edges, MadeKey, Presigning, SignatureOrder, SigningScheme } from "./scheme.ts";
export { checkSettings, policyHash, witnessesNeeded } from "./settings.ts";
export type { CustodySettings } from "./settings.ts";
export type { CustodyStatus } from "./status.ts";
export { WAITS } from "./spending.ts";
export type { ByHand } from "./spending.ts";
