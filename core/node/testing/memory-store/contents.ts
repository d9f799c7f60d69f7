import type { StoredCheckpoint } from "../../store/audit-checkpoints.ts";
import type { AuditRow } from "../../store/audit.ts";
import type { StoredEvent } from "../../store/events.ts";
import type { EventId, RequestId } from "../../store/ids.ts";
import type { StoredMessage } from "../../store/messages.ts";
import type { NodeStatus } from "../../store/nodes.ts";
import type { PresignatureUse } from "../../store/presignature-uses.ts";
import type { Revision, StoredRequest } from "../../store/requests.ts";
import type { StoredTransaction } from "../../store/transactions.ts";
import type { Violation } from "../../store/violations.ts";
import type { ListedVote, VotingRound } from "../../store/votes.ts";

/** Everything the store holds. Rows are replaced, never changed, so that a shallow copy is a snapshot. */
export interface Contents {
  readonly requests: Map<RequestId, StoredRequest>;
  readonly revisions: Map<string, Revision>;
  readonly rounds: VotingRound[];
  readonly votes: ListedVote[];
  readonly events: Map<EventId, StoredEvent>;
  readonly transactions: Map<RequestId, StoredTransaction>;
  readonly messages: Map<RequestId, StoredMessage>;
  readonly presignatures: Map<string, PresignatureUse>;
  readonly violations: Violation[];
  readonly nodes: Map<string, NodeStatus>;
  readonly addresses: Map<string, number>;
  readonly audit: AuditRow[];
  readonly checkpoints: StoredCheckpoint[];
}

/** A snapshot. */
export const copyOf = (contents: Contents): Contents => ({
  requests: new Map(contents.requests),
  revisions: new Map(contents.revisions),
  rounds: [...contents.rounds],
  votes: [...contents.votes],
  events: new Map(contents.events),
  transactions: new Map(contents.transactions),
  messages: new Map(contents.messages),
  presignatures: new Map(contents.presignatures),
  violations: [...contents.violations],
  nodes: new Map(contents.nodes),
  addresses: new Map(contents.addresses),
  audit: [...contents.audit],
  checkpoints: [...contents.checkpoints],
});
