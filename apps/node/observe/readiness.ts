/** Whether a node can take requests now, point by point: what a load balancer asks, and an operator who wonders why it does not. */
import type { ClusterView } from "@conclave/node";
import type { ChainHealth } from "@conclave/node";
import { SKEW_LIMIT_SECONDS } from "./clock-skew.ts";
import { etcdTrouble, type EtcdSigns } from "./etcd-trouble.ts";

/** One thing that was looked at. `detail` says what was found, or what is missing and what to do. */
export interface Point {
  readonly name:
    | "ledger"
    | "peers"
    | "share"
    | "custody"
    | "vault"
    | "journal"
    | "store"
    | "clock"
    | "chain"
    | "coordination";
  /** `degraded`: somebody should look at it, and the node takes requests all the same. */
  readonly state: "ok" | "degraded" | "failed";
  readonly detail: string;
}

/** What the node's parts say of themselves. */
export interface Circumstances {
  readonly cluster: ClusterView;
  /** Of the cluster's ledger: milliseconds since 1970. */
  readonly genesisMs: number;
  readonly nowMs: number;
  /** Whether the wallet has a key that this node holds a share of. */
  readonly hasAccount: boolean;
  readonly custody: { readonly sealed: string | null; readonly ready: boolean };
  readonly journalFailures: number;
  readonly storeTrouble: string | null;
  readonly skewSeconds: number | null;
  readonly chain: ChainHealth;
  /** Null where the mesh coordinates alone. */
  readonly etcd: EtcdSigns | null;
}

/** In a fixed order. The node is ready unless one failed. */
export function pointsOf(found: Circumstances): readonly Point[] {
  return [
    ledger(found),
    peers(found),
    share(found),
    custody(found),
    vault(),
    journal(found),
    store(found),
    clock(found),
    chain(found),
    ...coordination(found),
  ];
}

/** Whether requests are taken. */
export const isReady = (points: readonly Point[]): boolean => points.every(({ state }) => state !== "failed");

const good = (name: Point["name"], detail: string): Point => ({ name, state: "ok", detail });
const bad = (name: Point["name"], detail: string): Point => ({ name, state: "failed", detail });

function ledger({ cluster, genesisMs, nowMs }: Circumstances): Point {
  return nowMs < genesisMs
    ? bad("ledger", `the cluster's ledger begins at ${new Date(genesisMs).toISOString()}: set this machine's clock`)
    : good("ledger", `height ${cluster.height}`);
}

function peers({ cluster: { status, reasons, online, n, t, q } }: Circumstances): Point {
  const needed = Math.max(t, q);
  if (status === "halted") return bad("peers", reasons[0] ?? `${online} of ${n} nodes online, ${needed} needed`);
  return good("peers", `${online} of ${n} nodes online, ${needed} needed`);
}

function share({ hasAccount, cluster: { keyIds } }: Circumstances): Point {
  return hasAccount
    ? good("share", `key ${keyIds.map((key) => key.slice(0, 8)).join(", ")}`)
    : bad("share", "the cluster has no wallet key yet");
}

function custody({ custody: { sealed, ready } }: Circumstances): Point {
  if (sealed !== null) return bad("custody", `this node does not vote or sign: ${sealed}`);
  return ready
    ? good("custody", "votes and signs")
    : bad("custody", "this node waits for its peers to confirm its journal: start them, or see why they do not answer");
}

/** A node whose vault does not open does not run. */
const vault = (): Point => good("vault", "open");

function journal({ journalFailures }: Circumstances): Point {
  return journalFailures > 0
    ? bad(
        "journal",
        `${journalFailures} writes of the safety journal failed: check disk and space, then restart the node`,
      )
    : good("journal", "on the disk");
}

function store({ storeTrouble }: Circumstances): Point {
  return storeTrouble === null ? good("store", "on the disk") : bad("store", `history cannot be kept: ${storeTrouble}`);
}

function clock({ skewSeconds }: Circumstances): Point {
  if (skewSeconds === null) return good("clock", "not compared: the Bitcoin server tells no time");
  const told = `${Math.abs(skewSeconds).toFixed(1)} s ${skewSeconds < 0 ? "behind" : "ahead of"} the Bitcoin server's`;
  return Math.abs(skewSeconds) > SKEW_LIMIT_SECONDS
    ? bad("clock", `this machine's clock is ${told}: set it, and keep it right with a time service`)
    : good("clock", told);
}

function chain({ chain: { state, message } }: Circumstances): Point {
  return state === "ok" ? good("chain", message) : bad("chain", `the Bitcoin chain does not answer: ${message}`);
}

/** etcd moves statements and decides nothing: without it the mesh moves them alone, and a node that was away learns later. */
function coordination({ etcd }: Circumstances): readonly Point[] {
  if (etcd === null) return [];
  const trouble = etcdTrouble(etcd);
  if (trouble === null) return [good("coordination", "etcd answers, and shows what is written")];
  return [{ name: "coordination", state: "degraded", detail: trouble }];
}
