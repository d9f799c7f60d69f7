/** What is read when somebody looks at `/metrics`. */
import { toHex } from "@conclave/bytes";
import type { CustodyStatus } from "@conclave/custody";
import type { ClusterView, KeyListing, NodeView, TransactionState } from "@conclave/node";
import type { LoopLag } from "./event-loop.ts";
import type { NodeMetrics } from "./metrics.ts";
import type { EtcdSigns } from "./etcd-trouble.ts";
import { isReady, type Point } from "./readiness.ts";
import type { Sessions } from "./sessions.ts";

/** States in which a payment waits for this cluster to do something. */
export const QUEUED_STATES: readonly TransactionState[] = ["pending", "voting", "approved", "signing"];

/** Keys with a series of their own: who makes keys by the hundred does not need each on a dashboard. */
const MAX_KEYS_SHOWN = 64;

/** As much of a key's id as tells it from the others. */
const KEY_LABEL_DIGITS = 16;

/** Everything at one moment. */
export interface Moment {
  readonly cluster: ClusterView;
  readonly nodes: readonly NodeView[];
  readonly keys: readonly KeyListing[];
  readonly points: readonly Point[];
  /** Null while history cannot be had. */
  readonly queued: number | null;
  /** Payments that this node's operator is asked about. */
  readonly approvals: number | null;
  readonly generation: number;
  readonly sealed: boolean;
  readonly presignatures: CustodyStatus["presignatures"];
  readonly skewSeconds: number | null;
  readonly certificateEndsMs: number | null;
  /** Null where the mesh coordinates alone. */
  readonly etcd: EtcdSigns | null;
  readonly accounts: readonly { readonly account: string; readonly frozen: string | null }[];
}

export class Gauges {
  readonly #show: (moment: Moment) => void;

  constructor(metrics: NodeMetrics, { sessions, lag, version }: { sessions: Sessions; lag: LoopLag; version: string }) {
    const one = (name: string, help: string, read: (moment: Moment) => number | null) => {
      const gauge = metrics.gauge(name, help, []);
      return (moment: Moment): void => {
        const value = read(moment);
        if (value === null) gauge.remove();
        else gauge.set(value);
      };
    };
    const many = (
      name: string,
      help: string,
      label: string,
      read: (moment: Moment) => Iterable<readonly [string, number]>,
    ) => {
      const gauge = metrics.gauge(name, help, [label]);
      return (moment: Moment): void => {
        gauge.reset();
        for (const [value, figure] of read(moment)) gauge.set({ [label]: value }, figure);
      };
    };
    const keys = ({ keys: all }: Moment) =>
      all.slice(0, MAX_KEYS_SHOWN).map((key) => [toHex(key.id).slice(0, KEY_LABEL_DIGITS), key] as const);
    const shown = [
      one(
        "active_nodes",
        "Nodes that can vote and sign as this node sees it, itself included",
        (m) => m.cluster.online,
      ),
      one("nodes", "Nodes of the roster", (m) => m.cluster.n),
      one("consensus_threshold", "Nodes that a signature takes", (m) => m.cluster.t),
      one("vote_quorum", "Votes that an approval takes", (m) => m.cluster.q),
      one(
        "connected_peers",
        "Peers whose link is up",
        ({ nodes }) => nodes.filter(({ self, status }) => !self && status === "online").length,
      ),
      one("banned_nodes", "Nodes under a ban", ({ nodes }) => nodes.filter(({ status }) => status === "banned").length),
      one(
        "dead_edges",
        "Pairs of nodes that do not sign together until they make their edge anew",
        (m) => m.cluster.deadEdges.length,
      ),
      one("ledger_height", "The cluster's clock as this node reads it", (m) => m.cluster.height),
      one("transaction_queue_size", "Payments that are not signed, rejected or given up", (m) => m.queued),
      one("approvals_waiting", "Payments that wait for this node's operator", (m) => m.approvals),
      one("journal_generation", "Promises in the safety journal", (m) => m.generation),
      one("sealed", "1 while custody refuses to vote and sign, because its journal is behind or its disk failed", (m) =>
        m.sealed ? 1 : 0,
      ),
      one("ready", "1 while the node can take requests", ({ points }) => (isReady(points) ? 1 : 0)),
      one("certificate_expiry_timestamp", "When this node's certificate ends, in seconds since 1970", (m) =>
        m.certificateEndsMs === null ? null : m.certificateEndsMs / 1_000,
      ),
      one("coordination_up", "1 while the coordination service answers and does what it is asked", ({ etcd }) =>
        etcd === null ? null : etcd.state === "connected" && etcd.leaderKnown ? 1 : 0,
      ),
      one("coordination_alarms", "What the coordination service says is wrong with itself", ({ etcd }) =>
        etcd === null ? null : etcd.alarms.length,
      ),
      one("coordination_silent_seconds", "Since the coordination service last showed anything new", ({ etcd }) =>
        etcd === null ? null : Math.max(etcd.silentMs, etcd.unseenMs) / 1_000,
      ),
      one("process_resident_memory_bytes", "Memory of the process", () => process.memoryUsage.rss()),
      many("ready_point", "1 for each point of readiness that holds", "point", ({ points }) =>
        points.map(({ name, state }) => [name, state === "ok" ? 1 : 0] as const),
      ),
      many("cluster_status", "1 for the status of the cluster, 0 for the others", "status", ({ cluster }) =>
        (["ok", "degraded", "halted"] as const).map((status) => [status, cluster.status === status ? 1 : 0] as const),
      ),
      many("account_frozen", "1 for an account whose coins somebody spent without a payment of ours", "account", (m) =>
        m.accounts.map(({ account, frozen }) => [account, frozen === null ? 0 : 1] as const),
      ),
      many("presignature_pool_size", "Prepared signatures that this node has parts of", "key", (m) =>
        keys(m).map(([id, { presignatures }]) => [id, presignatures] as const),
      ),
      many(
        "presignatures_online",
        "Prepared signatures of which every signer is there",
        "key",
        ({ presignatures, nodes }) => {
          const online = new Set(nodes.flatMap(({ id, self, status }) => (self || status === "online" ? [id] : [])));
          return presignatures
            .slice(0, MAX_KEYS_SHOWN)
            .map(({ key, signers }) => [
              toHex(key).slice(0, KEY_LABEL_DIGITS),
              signers.filter((group) => group.every((node) => online.has(node))).length,
            ]);
        },
      ),
      many("share_epoch", "How often the key of this node's share was refreshed or reshared", "key", (m) =>
        keys(m).map(([id, { epoch }]) => [id, epoch] as const),
      ),
      many("sessions", "Attempts under way, by phase", "phase", () => sessions.counts()),
      many("clock_skew_seconds", "How far this clock is ahead of another", "source", (m) =>
        m.skewSeconds === null ? [] : [["chain", m.skewSeconds] as const],
      ),
      many("event_loop_lag_seconds", "How late the node's timers were since the last look", "quantile", () =>
        [...lag.read()].map(([quantile, seconds]) => [String(quantile), seconds] as const),
      ),
      many("build_info", "1, for this version", "version", () => [[version, 1] as const]),
    ];
    this.#show = (moment) => {
      for (const show of shown) show(moment);
    };
  }

  /** Set every gauge to what was just read. */
  show(moment: Moment): void {
    this.#show(moment);
  }
}
