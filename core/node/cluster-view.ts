/** The cluster as one node sees it: who answers, who is banned, and whether payments can go on. */
import { toHex } from "@conclave/bytes";
import { bannedAt, evidenceCodec, toleratedFaults, type Ban, type NodeId, type Roster } from "@conclave/consensus";
import type { BitcoinChain } from "./chain-port.ts";
import { guardOf, lasting } from "./bans.ts";
import type { CustodyNews } from "./custody-news.ts";
import type { DeadEdge } from "./dead-edges.ts";
import type { Clock, Ledger } from "./ports.ts";

/** Dead edges that the reasons name. */
const EDGES_TOLD = 8;
/** Payments in trouble that the reasons name: beyond that it is the chain's server that is in trouble. */
const PAYMENTS_TOLD = 8;

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
  readonly deadEdges: readonly DeadEdge[];
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
  readonly news: CustodyNews;
  readonly isUp: (node: NodeId) => boolean;
  readonly clock: Clock;
  readonly ledger: Ledger;
  readonly chain: Pick<BitcoinChain, "health">;
}

/** What this node's parts know of troubles. */
export interface Troubles {
  readonly deadEdges: readonly DeadEdge[];
  /** The wallet's accounts: one may be frozen. */
  readonly accounts: readonly { readonly frozen: string | null }[];
  /** Payments that the chain does not take as it should, a sentence each. */
  readonly payments: readonly string[];
  /** What is wrong with this node's own history, a sentence each; `away`: it takes part in nothing meanwhile. */
  readonly history: { readonly away: boolean; readonly troubles: readonly string[] };
  /** Why the coordination service does not help; null while it does, or where there is none. Nothing waits for it. */
  readonly coordination: string | null;
}

/**
 * Every node of the roster. `lastSeen`: when this node last heard from each. One whose link is up is heard all the time: a link that
 * nothing came over for some seconds is down.
 */
export async function viewNodes(
  parts: ClusterParts,
  lastSeen: ReadonlyMap<NodeId, number>,
): Promise<readonly NodeView[]> {
  const { roster, news, clock, isUp, self } = parts;
  const { bans } = await news.look();
  const banned = bannedAt(bans, clock.nowMs());
  return roster.nodes.map(({ id, name }, i) => {
    const up = id === self || isUp(id);
    return {
      index: i + 1,
      id,
      name,
      self: id === self,
      status: banned.has(id) ? ("banned" as const) : up ? ("online" as const) : ("offline" as const),
      lastSeenMs: up ? clock.nowMs() : (lastSeen.get(id) ?? null),
      ban: bans.find(({ node }) => node === id) ?? null,
    };
  });
}

/** Whether it can sign, and if not, why. */
export async function viewCluster(
  parts: ClusterParts,
  lastSeen: ReadonlyMap<NodeId, number>,
  { deadEdges, accounts, payments, history, coordination }: Troubles,
): Promise<ClusterView> {
  const { roster, threshold: t, quorum: q, ledger } = parts;
  const { keys, sealed, ready, bans } = await parts.news.look();
  const views = await viewNodes(parts, lastSeen);
  const online = views.filter(({ status }) => status === "online");
  const reasons = views
    .filter(({ status }) => status !== "online")
    .map(({ name, status, ban }) => (status === "banned" ? bannedFor(name, ban!) : `${name} is ${status}`));
  if (sealed !== null) reasons.push(`this node does not vote or sign: ${sealed}`);
  else if (!ready) reasons.push("this node waits for its peers to confirm its journal");
  reasons.push(...history.troubles);
  const nameOf = (id: NodeId): string => roster.nodes.find((node) => node.id === id)?.name ?? id.slice(0, 8);
  reasons.push(...deadEdges.slice(0, EDGES_TOLD).map((edge) => worded(edge, nameOf)));
  if (deadEdges.length > EDGES_TOLD) reasons.push(`${deadEdges.length - EDGES_TOLD} more edges are dead`);
  const { state, message } = parts.chain.health();
  if (state !== "ok") reasons.push(`the Bitcoin chain does not answer: ${message}`);
  reasons.push(...payments.slice(0, PAYMENTS_TOLD));
  if (payments.length > PAYMENTS_TOLD) reasons.push(`${payments.length - PAYMENTS_TOLD} more payments are in trouble`);
  if (coordination !== null) reasons.push(coordination);
  const frozen = accounts.flatMap((account) => account.frozen ?? []);
  reasons.unshift(...frozen);
  const needed = Math.max(t, q);
  const total = roster.nodes.length;
  const usable = online.length - (sealed !== null || history.away ? 1 : 0);
  const lacksNodes = usable < needed;
  // An account that is not frozen still pays.
  const halted = lacksNodes || (frozen.length > 0 && frozen.length === accounts.length);
  if (lacksNodes) {
    reasons.unshift(
      `${usable} of ${total} nodes can vote and sign, ${needed} are needed: payments wait until more are back`,
    );
  } else if (usable === needed && usable < total) {
    // A cluster that needs everybody is like this by its operators' choice, and says nothing of it while everybody is there.
    reasons.push(`${usable} of ${total} nodes can vote and sign, as many as are needed: one more loss halts signing`);
  }
  const guard = guardOf(parts, bans);
  if (guard.halted) reasons.unshift(guard.reason);
  return {
    status: halted ? "halted" : reasons.length > 0 ? "degraded" : "ok",
    reasons,
    n: total,
    t,
    q,
    f: toleratedFaults(total),
    online: online.length,
    height: ledger.height(),
    keyIds: keys.map(({ key }) => toHex(key)),
    deadEdges,
  };
}

const bannedFor = (name: string, ban: Ban): string =>
  `${name} is banned ${lasting(ban)}, for ${evidenceCodec.decode(ban.evidence).kind}: "conclave cluster evidence" shows the proof`;

function worded({ key, between, rekeying }: DeadEdge, nameOf: (id: NodeId) => string): string {
  const [a, b] = between.map(nameOf).toSorted();
  const next = rekeying ? "they were asked to make a new edge" : `conclave cluster rekey ${a} ${b} makes a new edge`;
  return `${a} and ${b} do not sign together with key ${key.slice(0, 8)}: ${next}`;
}
