/** How statements reach nodes that are away: from peer to peer again and again, and through etcd where the configuration names one. */
import { readFileSync } from "node:fs";
import type { EtcdOptions, EtcdReport, EtcdStatus } from "@conclave/coordination-etcd";
import { meshCoordination } from "@conclave/coordination-mesh";
import type { Charter, NodeId } from "@conclave/consensus";
import type { Coordination, Messenger } from "@conclave/node";
import { readPrivate } from "./private-files.ts";
import type { NodeConfig } from "./config.ts";

export interface CoordinationParts {
  readonly config: NodeConfig;
  readonly charter: Charter;
  readonly self: NodeId;
  readonly path: (file: string) => string;
  readonly report: (report: EtcdReport) => void;
}

export interface OpenCoordination {
  readonly make: (messenger: Messenger) => Coordination;
  /** What etcd is like, for those who look on; null where the mesh coordinates alone. */
  readonly etcd: (() => EtcdStatus) | null;
}

/** Throws `EtcdMisconfigured`, or `FileUnusable` for a secret that is missing or open to others. Nothing is connected yet. */
export async function openCoordination(parts: CoordinationParts): Promise<OpenCoordination> {
  if (parts.config.etcd_endpoints.length === 0) return { make: meshCoordination, etcd: null };
  const { bothCoordinations, etcdCoordination } = await import("@conclave/coordination-etcd");
  const etcd = etcdCoordination(etcdOptions(parts));
  return { make: (messenger) => bothCoordinations(meshCoordination(messenger), etcd), etcd: () => etcd.status() };
}

function etcdOptions({ config, charter, self, path, report }: CoordinationParts): EtcdOptions {
  const { roster, threshold, network } = charter;
  return {
    ...etcdAccess(config, charter, path),
    self,
    members: roster.nodes.map(({ id }) => id),
    config: { threshold, totalNodes: roster.nodes.length, bitcoinNetwork: network },
    report,
  };
}

/** How the etcd that a configuration names is reached. Throws `FileUnusable` for a secret that is missing or open to others. */
export function etcdAccess(
  config: NodeConfig,
  { roster, genesisMs }: Pick<Charter, "roster" | "genesisMs">,
  path: (file: string) => string,
): Pick<EtcdOptions, "endpoints" | "tls" | "credentials" | "cluster"> {
  const { etcd_ca_file: ca, etcd_cert_file: cert, etcd_key_file: key, etcd_user: user } = config;
  const passwordFile = config.etcd_password_file;
  return {
    endpoints: config.etcd_endpoints,
    tls: {
      ...(ca !== undefined && { ca: readFileSync(path(ca), "utf8") }),
      ...(cert !== undefined && { cert: readFileSync(path(cert), "utf8") }),
      ...(key !== undefined && { key: readPrivate(path(key)) }),
    },
    ...(user !== undefined && {
      credentials: { user, password: passwordFile === undefined ? "" : readPrivate(path(passwordFile)).trim() },
    }),
    // Clusters of one name may share an etcd.
    cluster: `${roster.cluster}-${genesisMs.toString(36)}`,
  };
}
