/** The first start of a node that `conclave up --processes` started: it founds the cluster with its siblings. */
import { join } from "node:path";
import type { PeerCard, TransportName } from "@conclave/consensus";
import type { PreparedCustody } from "../custody-host.ts";
import type { NodeConfig } from "./config.ts";
import { agree, introduce } from "./founding.ts";
import { writeMembership, type NodeFolder } from "./node-folder.ts";
import { readPrivate, writePrivate } from "./private-files.ts";
import type { Parent } from "./supervisor.ts";

/** Until the node's folder holds what every later start begins with. */
export async function foundWithParent(
  folder: NodeFolder,
  custody: PreparedCustody,
  config: NodeConfig,
  parent: Parent,
): Promise<void> {
  const { cluster, transport } = await parent.next("introduce");
  const card = await introduce(folder, custody, {
    cluster,
    endpoints: endpointsOf(config),
    serial: 1,
  });
  const request = needsCertificate(transport) ? await requestFor(folder, config.name) : null;
  parent.say({ kind: "introduced", card, request });
  const { charter } = await parent.next("agree");
  parent.say({ kind: "agreed", signature: await agree(custody, charter) });
  const founded = await parent.next("found");
  if (founded.certificates !== null) {
    writePrivate(join(folder.certificatesDir, "ca.crt"), founded.certificates.ca);
    writePrivate(join(folder.certificatesDir, "node.crt"), founded.certificates.node);
  }
  writeMembership(folder, founded.charter, founded.cards);
}

/** What a card says of where the node is found. */
export const endpointsOf = (config: NodeConfig): PeerCard["endpoints"] => ({
  quic: config.advertise_quic.length > 0 ? config.advertise_quic : [config.listen_quic],
  libp2p: config.advertise_libp2p.length > 0 ? config.advertise_libp2p : config.listen_libp2p,
});

export const needsCertificate = (transport: TransportName): boolean => transport === "quic" || transport === "tls";

/** For a certificate of the node's own key, which stays where it is. PEM. */
async function requestFor({ certificatesDir }: NodeFolder, name: string): Promise<string> {
  const { createRequest } = await import("@conclave/transport-quic");
  return createRequest({ name, privateKey: readPrivate(join(certificatesDir, "node.key")) });
}
