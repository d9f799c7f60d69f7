/** A local network as the commands of `conclave up` see it, however its nodes are run. */
import type { Regtest } from "@conclave/bitcoin-regtest";
import type { Speaker } from "./speaker.ts";

export interface LocalCluster {
  readonly chain: Regtest;
  readonly esploraUrl: string;
  /** Nodes by place; null for one that does not run. */
  readonly speakers: readonly (Speaker | null)[];
  /** The first node that runs: whom to ask about the network. */
  readonly voice: Speaker;
  /** Processes that nodes run in. */
  readonly pids: readonly number[];
  /** Address of a node's API, whether the node runs or not. */
  apiUrl(index: number): string;
  /** Mine what waits, and let the nodes look at once. */
  mine(): void;
  stopNode(index: number): Promise<void>;
  startNode(index: number): Promise<void>;
  stop(): Promise<void>;
}
