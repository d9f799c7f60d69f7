/** A local network as the commands of `conclave up` see it, however its nodes are run. */
import type { Regtest } from "@conclave/bitcoin-regtest";
import type { Speaker } from "./speaker.ts";

export interface LocalCluster {
  readonly chain: Regtest;
  readonly esploraUrl: string;
  /** Nodes by place; null for one that does not run. */
  readonly speakers: readonly (Speaker | null)[];
  /** The first node that runs: whom to ask about the network. Throws `NoNodeRuns`. */
  readonly voice: Speaker;
  /** Processes that nodes run in. */
  readonly pids: readonly number[];
  /** Address of a node's API, whether the node runs or not. */
  apiUrl(index: number): string;
  /** Mine what waits, and let the nodes look at once. */
  mine(): void;
  stopNode(index: number): Promise<void>;
  startNode(index: number): Promise<void>;
  /** Calls `listener` for nodes that end although nobody stopped them, until the returned function is called. */
  watchEnds(listener: (node: number, error: Error) => void): () => void;
  stop(): Promise<void>;
}

/** Every node of the network ended. */
export class NoNodeRuns extends Error {
  override readonly name = "NoNodeRuns";
}

/** The first that runs. Throws `NoNodeRuns`. */
export function voiceOf(speakers: readonly (Speaker | null)[]): Speaker {
  const voice = speakers.find((speaker) => speaker !== null);
  if (voice === undefined || voice === null)
    throw new NoNodeRuns("no node runs any more: stop this with Ctrl-C and start the network again");
  return voice;
}
