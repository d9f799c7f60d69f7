/** How statements reach nodes that are away: from peer to peer again and again, and through etcd where the configuration names one. */
import { readFileSync } from "node:fs";
import type { EtcdOptions, EtcdReport } from "@conclave/coordination-etcd";
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

/** Throws `EtcdMisconfigured`, or `FileUnusable` for a secret that is missing or open to others. Nothing is connected yet. */
export async function openCoordination(parts: CoordinationParts): Promise<(messenger: Messenger) => Coordination> {
  if (parts.config.etcd_endpoints.length === 0) return meshCoordination;
  const { bothCoordinations, etcdCoordination } = await import("@conclave/coordination-etcd");
  const etcd = etcdCoordination(etcdOptions(parts));
  return (messenger) => bothCoordinations(meshCoordination(messenger), etcd);
}

function etcdOptions({ config, charter, self, path, report }: CoordinationParts): EtcdOptions {
  const { etcd_ca_file: ca, etcd_cert_file: cert, etcd_key_file: key, etcd_user: user } = config;
  const passwordFile = config.etcd_password_file;
  const { roster, threshold, network, genesisMs } = charter;
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
    self,
    members: roster.nodes.map(({ id }) => id),
    config: { threshold, totalNodes: roster.nodes.length, bitcoinNetwork: network },
    report,
  };
}
