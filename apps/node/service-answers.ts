/** What answers of the API have in common: nodes by their numbers, votes, times. */
import type { NetworkName } from "@conclave/bitcoin";
import type { NodeId, Roster } from "@conclave/consensus";
import type { Point } from "./observe/readiness.ts";
import type { ConclaveNode, RequestId, Store } from "@conclave/node";

/** What the service of one node is made of. */
export interface ServiceParts {
  readonly node: ConclaveNode;
  readonly store: Store;
  readonly roster: Roster;
  readonly self: NodeId;
  readonly network: NetworkName;
  readonly quorum: number;
  readonly startedAtMs: number;
  /** Everything that readiness depends on. */
  readonly points: () => Promise<readonly Point[]>;
}

/** How the roster calls a node. */
export interface Names {
  readonly nodeNumber: (id: NodeId) => number;
  readonly nodeName: (id: NodeId) => string;
}

/** Numbers of nodes as lists of them are: smallest first. */
export const ascending = (numbers: readonly number[]): number[] => numbers.toSorted((a, b) => a - b);

/** RFC 3339 in UTC. */
export const iso = (ms: number): string => new Date(ms).toISOString();

/** The first vote of each node in the latest round of a request. */
export async function votesOf({ store, quorum }: ServiceParts, id: RequestId, { nodeNumber, nodeName }: Names) {
  const round = (await store.votes.rounds(id)).at(-1);
  const votes = round === undefined ? [] : (await store.votes.list(round.id)).filter(({ order }) => order === "first");
  const cast = votes
    .map(({ node: voter, approve, receivedAtMs }) => ({
      node_id: nodeNumber(voter),
      node: nodeName(voter),
      value: approve ? (1 as const) : (0 as const),
      received_at: iso(receivedAtMs),
    }))
    .toSorted((a, b) => a.node_id - b.node_id);
  const approve = cast.filter(({ value }) => value === 1).length;
  return { approve, reject: cast.length - approve, required: quorum, cast };
}
