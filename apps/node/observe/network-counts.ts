/** Counts what the network says: failures by peer, handshakes that failed, the end of certificates. */
import type { NetworkEvent } from "../cluster/transports.ts";
import type { NodeMetrics } from "./metrics.ts";

/** Whoever is none of the roster's peers, all of them together: strangers choose no labels. */
export const STRANGER = "stranger";

/** A link that goes down is told by the node itself, whatever carries it; these are told by the network only. */
const FAILURES: ReadonlySet<string> = new Set([
  "undialled",
  "refused",
  "duplicate",
  "excess",
  "registry",
  "rejected",
  "stranger",
  "unproven",
]);

/** In the reason of a dial that failed before its greeting: certificates and keys, as `transport-quic` words them. */
const HANDSHAKE = /certificate|handshake|TLS|does not hold the key|its key is not|our key is not|no proof that we hold/;

export class NetworkCounts {
  readonly #metrics: NodeMetrics;
  readonly #names: ReadonlySet<string>;
  #certificateEndsMs: number | null = null;

  /** `names`: of all nodes of the roster. */
  constructor(metrics: NodeMetrics, names: ReadonlySet<string>) {
    this.#metrics = metrics;
    this.#names = names;
    for (const name of [...names, STRANGER]) metrics.networkErrors.inc({ peer: name }, 0);
  }

  /** When the node's own certificate ends, in milliseconds since 1970; null where the network needs none. */
  get certificateEndsMs(): number | null {
    return this.#certificateEndsMs;
  }

  /** `event.peer` is a name of the roster. */
  heard(event: NetworkEvent): void {
    const { kind, peer, reason, endsMs, unreported, times } = event as Readonly<Record<string, unknown>>;
    if (kind === "certificate-loaded" && typeof endsMs === "number") this.#certificateEndsMs = endsMs;
    if (!FAILURES.has(String(kind))) return;
    const isPeer = typeof peer === "string" && this.#names.has(peer);
    // One report may stand for several.
    const count = typeof unreported === "number" ? unreported + 1 : typeof times === "number" ? times : 1;
    this.#metrics.networkErrors.inc({ peer: isPeer ? peer : STRANGER }, count);
    if (isHandshake(String(kind), isPeer, typeof reason === "string" ? reason : ""))
      this.#metrics.tlsFailures.inc(count);
  }
}

/** At the listener, who fails the handshake has no name yet; at the dialler, the reason says what failed. */
const isHandshake = (kind: string, isPeer: boolean, reason: string): boolean =>
  (kind === "refused" && !isPeer) || (kind === "undialled" && HANDSHAKE.test(reason));
