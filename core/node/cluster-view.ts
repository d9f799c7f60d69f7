/** The cluster as one node sees it: who answers, who is banned, and whether payments can go on. */
import { toHex } from "@conclave/bytes";
import { bannedAt, toleratedFaults, type Ban, type NodeId, type Roster } from "@conclave/consensus";
import type { CustodyPort } from "@conclave/custody";
import type { Clock, Ledger, Transport } from "./ports.ts";

/** Whether the cluster can sign, as this node sees it. */
export interface ClusterView {
  readonly status: "ok" | "degraded" | "halted";
  readonly reasons: readonly string[];
  readonly n: number;
  readonly t: number;
  readonly q: number;
  readonly f: number;
  readonly online: number;
  readonly height: number;
  readonly keyIds: readonly string[];
}

export interface NodeView {
  readonly index: number;
  readonly id: NodeId;
  readonly name: string;
  readonly self: boolean;
  readonly status: "online" | "offline" | "banned";
  readonly lastSeenMs: number | null;
  readonly ban: Ban | null;
}

export interface ClusterParts {
  readonly self: NodeId;
  readonly roster: Roster;
  readonly threshold: number;
  readonly quorum: number;
  readonly custody: CustodyPort;
  readonly transport: Pick<Transport, "isUp">;
  readonly clock: Clock;
  readonly ledger: Ledger;
}

/** Every node of the roster. `lastSeen`: when this node last heard from each. */
export async function viewNodes(
  parts: ClusterParts,
  lastSeen: ReadonlyMap<NodeId, number>,
): Promise<readonly NodeView[]> {
  const { roster, custody, clock, transport, self } = parts;
  const { bans } = await custody.status();
  const banned = bannedAt(bans, clock.nowMs());
  return roster.nodes.map(({ id, name }, i) => {
    const up = id === self || transport.isUp(id);
    return {
      index: i + 1,
      id,
      name,
      self: id === self,
      status: banned.has(id) ? ("banned" as const) : up ? ("online" as const) : ("offline" as const),
      lastSeenMs: id === self ? clock.nowMs() : (lastSeen.get(id) ?? null),
      ban: bans.find(({ node }) => node === id) ?? null,
    };
  });
}

/** Whether it can sign, and if not, why. */
export async function viewCluster(parts: ClusterParts, lastSeen: ReadonlyMap<NodeId, number>): Promise<ClusterView> {
  const { roster, threshold: t, quorum: q, ledger } = parts;
  const { keys, sealed, ready } = await parts.custody.status();
  const views = await viewNodes(parts, lastSeen);
  const online = views.filter(({ status }) => status === "online");
  const reasons = views.filter(({ status }) => status !== "online").map(({ name, status }) => `${name} is ${status}`);
  if (sealed !== null) reasons.push(`this node does not vote or sign: ${sealed}`);
  else if (!ready) reasons.push("this node waits for its peers to confirm its journal");
  const needed = Math.max(t, q);
  const halted = online.length < needed;
  if (halted) {
    reasons.unshift(
      `${online.length} of ${roster.nodes.length} nodes can vote and sign, ${needed} are needed: payments wait until more are back`,
    );
  }
  return {
    status: halted ? "halted" : reasons.length > 0 ? "degraded" : "ok",
    reasons,
    n: roster.nodes.length,
    t,
    q,
    f: toleratedFaults(roster.nodes.length),
    online: online.length,
    height: ledger.height(),
    keyIds: keys.map(({ key }) => toHex(key)),
  };
}
