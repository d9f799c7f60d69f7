export {
  auditCheckpointCodec,
  confirms,
  isCosigned,
  isForked,
  signCheckpoint,
  signedCheckpointCodec,
  verifyCheckpoint,
} from "./audit-checkpoint.ts";
export type { AuditCheckpoint, SignedCheckpoint } from "./audit-checkpoint.ts";
export {
  addsStrike,
  BAN_DURATIONS_MS,
  bannedAt,
  bansOf,
  convict,
  convictionCodec,
  eligible,
  MAX_STRIKES,
  quorumGuard,
} from "./bans.ts";
export type { Ban, Conviction, Guard, Needs } from "./bans.ts";
export {
  charterCodec,
  charterHash,
  checkSignatures,
  signCharter,
  signedCharterCodec,
  TRANSPORTS,
  unsignedBy,
} from "./charter.ts";
export type { Charter, SignedCharter, TransportName } from "./charter.ts";
export { advance, holdsCoins, NEW_TRANSACTION, signalOf } from "./machine.ts";
export type { Step, TransactionEvent, TransactionStatus } from "./machine.ts";
export { checkCard, peerCardCodec, signCard, signedCardCodec, verifyCard } from "./peer-card.ts";
export type { PeerCard, SignedCard } from "./peer-card.ts";
export {
  checkQuorums,
  defaultThreshold,
  entryOf,
  MAX_NODES,
  NODE_NAME,
  nodeId,
  parseNodeId,
  rosterCodec,
  rosterHash,
  toleratedFaults,
} from "./roster.ts";
export type { NodeId, Roster, RosterEntry } from "./roster.ts";
export { STATES, TRANSACTION_STATES } from "./states.ts";
export type { DocumentState, StateRow, Tone, TransactionState } from "./states.ts";
export { ballotOpenAt, tally } from "./tally.ts";
export type { Ballot, Contradiction, Electorate, ForeignReason, ForeignVote, Tally, Verdict } from "./tally.ts";
export { REFUSALS, SIGNALS, TRANSITIONS } from "./transitions.ts";
export type { Outcome, Refusal, Signal } from "./transitions.ts";
export {
  dissenters,
  doubleVoteEvidence,
  evidenceCodec,
  verifyDoubleVote,
  verifyEvidence,
  VIOLATIONS,
} from "./violations.ts";
export type {
  Accusation,
  Evidence,
  EvidenceContext,
  EvidenceVerifiers,
  Incident,
  ViolationKind,
  ViolationRow,
} from "./violations.ts";
export {
  contradicts,
  MAX_REVISION,
  MAX_VOTING_ROUND,
  sameSlot,
  signedVoteCodec,
  signedVoteSchema,
  signVote,
  verifyVote,
  voteCodec,
} from "./vote.ts";
export type { SignedVote, Vote } from "./vote.ts";
