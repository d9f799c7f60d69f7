export { isEdgeDead, isSpent, lockedCoins, signedIntents } from "./queries.ts";
export type { LockedCoin } from "./queries.ts";
export { lockRecordCodec } from "./records.ts";
export type { LockRecord, LockRecordOf } from "./records.ts";
export {
  abandonsNeeded,
  decideAbandon,
  decideAttempt,
  decideRelease,
  decideSign,
  decideSpend,
  decideVote,
  MAX_ATTEMPTS,
  MAX_REVISION_GAP,
} from "./rules.ts";
export type {
  Committee,
  Decision,
  ReleaseEvidence,
  ReleaseRefusal,
  RevisionName,
  SignAsk,
  SignRefusal,
  Tally,
  VoteAsk,
  VoteRefusal,
} from "./rules.ts";
export { apply, emptyState, intentOf, replay } from "./state.ts";
export type { Ballot, Certificate, Content, Intent, LockState } from "./state.ts";
