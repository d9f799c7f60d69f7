/** What an operator asked for, as the ceremony sees it: who may take part, with what, and when there is anything to begin. */
import type { NodeId } from "@conclave/consensus";
import type { AttemptPlan, AttemptSubject, Envelope, Member } from "@conclave/custody";
import type { PartyIndex } from "@conclave/protocol";
import type { PartyFailure } from "./failure.ts";
import type { Peer } from "./meeting.ts";
import type { Intent } from "./presence.ts";

export interface Operation {
  /** What is announced; changes while it runs. */
  intent(): Intent;
  readonly members: readonly Member[];
  /** Longest time without progress in a round. */
  readonly roundDeadlineMs: number;
  /** Has what it came for: begins nothing any more. */
  readonly finished: boolean;
  /**
   * Who of those that are there would take part in an attempt now, this party not among them; null if there is nothing to
   * begin, because too few are there or something else has to end first.
   */
  ready(fitting: readonly Peer[]): readonly Peer[] | null;
  /** Parties that it needs and that are not there. */
  lacks(fitting: readonly Peer[]): readonly PartyIndex[];
  /** Why it can come to no good end any more; null while it can. `broken`: proven to cheat. */
  hopeless(peers: readonly Peer[], broken: ReadonlySet<NodeId>): PartyFailure | null;
  /** What an attempt would do. `coordinator`: whoever opened it. */
  plan(subject: AttemptSubject, coordinator: NodeId): AttemptPlan;
  /** An envelope that is no part of an attempt. */
  receive(envelope: Envelope): void;
  /** Parties that still need this one, although it has what it came for. */
  needing(peers: readonly Peer[]): readonly Peer[];
}
