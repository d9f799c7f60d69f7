/** One look at an etcd, for whoever runs no node: an operator's command. */
import { list, memberStatus } from "./calls.ts";
import { systemClock } from "./clock.ts";
import { shown } from "./errors.ts";
import { EtcdGateway } from "./gateway.ts";
import { Endpoint } from "./http.ts";
import { layoutOf } from "./layout.ts";
import { REQUEST_DEADLINE_MS } from "./limits.ts";
import { checkOptions, type EtcdOptions } from "./options.ts";

export interface EtcdLook {
  readonly endpoint: string;
  readonly leaderKnown: boolean;
  /** What etcd says is wrong with itself, such as NOSPACE. */
  readonly alarms: readonly string[];
}

/** Asks the first endpoint that answers, and changes nothing. Throws `EtcdMisconfigured`, `EtcdUnreachable` and `EtcdRefused`. */
export async function lookAtEtcd(
  options: Pick<EtcdOptions, "endpoints" | "tls" | "credentials" | "cluster">,
): Promise<EtcdLook> {
  const urls = checkOptions(options);
  let answering = "";
  const gateway = new EtcdGateway({
    endpoints: urls.map((url) => new Endpoint(url, options.tls ?? {}, systemClock)),
    credentials: options.credentials,
    deadlineMs: REQUEST_DEADLINE_MS,
    answered: (endpoint) => {
      answering = endpoint;
    },
    // What one of them lies in is told with the others' reasons, if none answers rightly.
    lied: () => {},
  });
  try {
    const { hasLeader, errors } = await memberStatus(gateway);
    // Anybody may ask for its state. Whether this user may read what the nodes write, only reading tells; it takes a leader.
    const { prefix } = layoutOf(options.cluster);
    if (hasLeader) await list(gateway, { prefix, limit: 1, since: 0n, at: 0n });
    return { endpoint: answering, leaderKnown: hasLeader, alarms: errors.map(shown) };
  } finally {
    gateway.close();
  }
}
