/** How a node reaches its etcd, checked before anything is sent. */
import { X509Certificate } from "node:crypto";
import { createSecureContext } from "node:tls";
import type { NodeId } from "@conclave/consensus";
import type { Clock } from "@conclave/node";
import { EtcdMisconfigured } from "./errors.ts";
import type { EtcdTls } from "./http.ts";

export interface EtcdCredentials {
  readonly user: string;
  readonly password: string;
}

/** What the node may say about its etcd, for its log. A repeated report is made once a minute. */
export interface EtcdReport {
  readonly kind:
    | "connected"
    /** No endpoint answers; statements wait and go over the mesh. */
    | "away"
    /** It answers and refuses: user, role, quota. */
    | "refused"
    /** It gave an answer that no etcd gives. */
    | "lied"
    /** Its history is shorter than it was, or another cluster's: restored, replaced, or a lie. */
    | "rewound"
    /** Its configuration is not this cluster's. */
    | "differs"
    /** It says that something is wrong with itself. */
    | "alarm"
    /** Another process writes this node's own key. */
    | "twin"
    /** A statement was left to the mesh. */
    | "dropped"
    /** The node itself failed at a statement; it is offered again. */
    | "unread";
  readonly message: string;
}

export interface EtcdOptions {
  /** Addresses of etcd's members, such as `https://etcd-1:2379`; any of them will do, the first is asked first. */
  readonly endpoints: readonly string[];
  readonly tls?: EtcdTls;
  /** Needs TLS, unless every endpoint is on this machine. */
  readonly credentials?: EtcdCredentials;
  /** Name of the cluster, the charter's: several clusters may use one etcd. */
  readonly cluster: string;
  readonly self: NodeId;
  /** Every node of the roster. */
  readonly members: readonly NodeId[];
  /** What `/config` should say; a difference is reported and never obeyed. */
  readonly config: { readonly threshold: number; readonly totalNodes: number; readonly bitcoinNetwork: string };
  readonly report?: (report: EtcdReport) => void;
  readonly clock?: Clock;
  /** Shorter ones for tests. */
  readonly intervals?: Partial<EtcdIntervals>;
}

/** In milliseconds. What each is for stands beside its usual value in `limits.ts`. */
export interface EtcdIntervals {
  readonly requestMs: number;
  readonly beatMs: number;
  readonly stallMs: number;
  readonly presenceMs: number;
  readonly relistMs: number;
  readonly longestRetryMs: number;
}

const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/;
/** More would be a mistake: etcd's own advice is five members, seven at most. */
const MAX_ENDPOINTS = 16;
const CLUSTER_NAME = /^[A-Za-z0-9._-]{1,64}$/;

/** Throws `EtcdMisconfigured`, which says what to change and holds no secret. */
export function checkOptions({
  endpoints,
  tls = {},
  credentials,
  cluster,
}: Pick<EtcdOptions, "endpoints" | "tls" | "credentials" | "cluster">): readonly URL[] {
  if (endpoints.length === 0 || endpoints.length > MAX_ENDPOINTS)
    throw new EtcdMisconfigured(`etcd needs 1 to ${MAX_ENDPOINTS} endpoints, and ${endpoints.length} are given`);
  if (!CLUSTER_NAME.test(cluster) || /^\.+$/.test(cluster))
    throw new EtcdMisconfigured(
      `the cluster's name has to be 1 to 64 of A–Z, a–z, 0–9, ".", "_" and "-" to be a prefix`,
    );
  const urls = endpoints.map(endpointOf);
  const open = urls.filter(({ protocol, hostname }) => protocol === "http:" && !LOOPBACK.test(hostname));
  if (credentials !== undefined && open.length > 0)
    throw new EtcdMisconfigured(`a password would cross the network in the clear to ${open[0]!.host}: use https`);
  if ((tls.cert === undefined) !== (tls.key === undefined))
    throw new EtcdMisconfigured("a client certificate needs its key, and a key its certificate: give both");
  checkTls(tls);
  return urls;
}

function endpointOf(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || (url.protocol !== "http:" && url.protocol !== "https:"))
    throw new EtcdMisconfigured("an etcd endpoint is an address like https://etcd-1:2379");
  if (url.username !== "" || url.password !== "")
    throw new EtcdMisconfigured(`the user of etcd at ${url.host} does not belong into its address: set it apart`);
  if (url.pathname !== "/" || url.search !== "" || url.hash !== "")
    throw new EtcdMisconfigured(`the etcd endpoint ${url.host} has a path; it is only scheme, host and port`);
  return url;
}

function checkTls({ ca, cert, key }: EtcdTls): void {
  const check = (what: string, parse: () => unknown): void => {
    try {
      parse();
    } catch {
      // OpenSSL's own words may quote what it read.
      throw new EtcdMisconfigured(`etcd's ${what} cannot be used: they have to be PEM, and the key the certificate's`);
    }
  };
  if (ca !== undefined) check("authority", () => new X509Certificate(ca));
  if (cert !== undefined && key !== undefined)
    check("client certificate and key", () => createSecureContext({ cert, key }));
}
