/** What is known of the other nodes' state. */
import type { NodeId } from "@conclave/consensus";

/** What a node can be to another one. `sealed`: its vault is locked. */
export const NODE_STATUSES = ["online", "offline", "banned", "sealed"] as const;

/** What this node last knew of another one. */
export interface NodeStatus {
  readonly node: NodeId;
  readonly lastSeenMs: number;
  readonly status: (typeof NODE_STATUSES)[number];
  readonly detail: string | null;
}

/** One row for each node. */
export interface Nodes {
  set(status: NodeStatus): Promise<void>;
  get(node: NodeId): Promise<NodeStatus | undefined>;
  /** By node id. */
  list(): Promise<readonly NodeStatus[]>;
}
