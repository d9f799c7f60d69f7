/** Voting rounds and the votes in them, evidence of contradictions included. */
import type { NodeId } from "@conclave/consensus";
import type { RequestId } from "./ids.ts";
import type { Saved } from "./outcome.ts";

/** How a voting round can end. */
export const VOTING_OUTCOMES = ["approved", "rejected", "expired", "superseded"] as const;
/** One of `VOTING_OUTCOMES`. */
export type VotingOutcome = (typeof VOTING_OUTCOMES)[number];

/** One vote on one revision of a request. */
export interface VotingRound {
  /** Given by the store; has no meaning on other nodes. */
  readonly id: number;
  readonly request: RequestId;
  readonly revision: number;
  readonly round: number;
  readonly openedAtMs: number;
  readonly closedAtMs: number | null;
  readonly outcome: VotingOutcome | null;
}

/** A node's signed yes or no in a voting round. */
export interface StoredVote {
  /** Id of the voting round. */
  readonly votingRound: number;
  readonly node: NodeId;
  readonly approve: boolean;
  /** The signed vote as it came. */
  readonly bytes: Uint8Array;
  readonly receivedAtMs: number;
}

/** A vote as listed. The second of a node differs from its first and is kept as evidence only. */
export type ListedVote = StoredVote & { readonly order: "first" | "second" };

/** Voting rounds and their votes: a record. Custody counts votes itself. */
export interface Votes {
  /** Opens (request, revision, round), or returns it as it is if it was opened before. */
  openRound(round: Pick<VotingRound, "request" | "revision" | "round" | "openedAtMs">): Promise<VotingRound>;
  /** False if it is closed already: the first outcome stays. */
  closeRound(id: number, end: { readonly closedAtMs: number; readonly outcome: VotingOutcome }): Promise<boolean>;
  round(id: number): Promise<VotingRound | undefined>;
  /** Rounds of a request, by revision, then round. */
  rounds(request: RequestId): Promise<readonly VotingRound[]>;
  /**
   * Saves a node's vote in a round. Other bytes than its first vote are a `conflict`: the earliest such vote is kept as
   * evidence, later ones are dropped. The caller judges whether the two contradict each other.
   */
  insert(vote: StoredVote): Promise<Saved>;
  /** Every vote of a round in order of arrival. */
  list(votingRound: number): Promise<readonly ListedVote[]>;
}
