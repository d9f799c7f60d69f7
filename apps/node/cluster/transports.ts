/** The network that a cluster's charter names, opened for one of its nodes. The library of another one is never loaded. */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { rosterHash, type NodeId, type PeerCard } from "@conclave/consensus";
import { LIFE_BYTES, type LinkEvent, type Transport } from "@conclave/node";
import { systemClock } from "../clock.ts";
import { engine } from "../engine.ts";
import type { NodeConfig } from "./config.ts";
import { readNetworkKeys } from "./network-keys.ts";
import type { Membership, NodeFolder } from "./node-folder.ts";
import { FileUnusable } from "./private-files.ts";

/** What a network says of itself, for the node's log. */
export type NetworkEvent = LinkEvent | { readonly kind: string; readonly [field: string]: unknown };

export interface NetworkParts {
  readonly self: NodeId;
  readonly membership: Membership;
  readonly folder: NodeFolder;
  readonly config: NodeConfig;
  readonly observe: (event: NetworkEvent) => void;
}

/** Throws `FileUnusable` for a peer without an address on this network, and what the network's own files are refused with. */
export function openNetwork(parts: NetworkParts): Promise<Transport> {
  switch (parts.membership.charter.transport) {
    case "quic":
      return openStreams(parts, parts.config.tls ? "tls" : "quic");
    case "tls":
      return openStreams(parts, "tls");
    case "libp2p":
      return openLibp2p(parts);
    case "relay":
      return openRelays(parts);
  }
}

/** What every network needs: who we are, who is in the roster, and which life of this node's process this is. */
const common = ({ self, membership, observe }: NetworkParts) => ({
  self,
  rosterHash: rosterHash(membership.charter.roster),
  life: new Uint8Array(randomBytes(LIFE_BYTES)),
  clock: systemClock,
  observe,
});

const peersOf = <T>({ self, membership }: NetworkParts, of: (card: PeerCard) => T): ReadonlyMap<NodeId, T> =>
  new Map([...membership.cards.values()].filter(({ node }) => node !== self).map((card) => [card.node, of(card)]));

async function openStreams(parts: NetworkParts, mode: "quic" | "tls"): Promise<Transport> {
  const { CertManager, openQuicTransport } = await import("@conclave/transport-quic");
  const { folder, config, observe, membership, self } = parts;
  const address = (card: PeerCard): string => config.peer_addresses[card.name] ?? firstAddress(card);
  const { name } = membership.cards.get(self)!;
  const certificates = await CertManager.load({ folder: folder.certificatesDir, name, clock: systemClock, observe });
  certificates.watch();
  const transport = openQuicTransport({
    ...common(parts),
    name,
    peers: peersOf(parts, (card) => ({ name: card.name, address: address(card), tlsKey: card.tlsKey })),
    listen: config.listen_quic,
    certificates,
    mode,
  });
  return closing(transport, () => certificates.stop());
}

function firstAddress({ name, endpoints }: PeerCard): string {
  const [address] = endpoints.quic;
  if (address === undefined)
    throw new FileUnusable(`${name}'s card names no address for QUIC or TLS: have its operator make a new card`);
  return address;
}

async function openLibp2p(parts: NetworkParts): Promise<Transport> {
  const { openLibp2pTransport } = await import("@conclave/transport-libp2p");
  const { folder, config } = parts;
  const addresses = ({ name, endpoints }: PeerCard): readonly string[] => {
    const known = config.peer_addresses[name];
    return known === undefined ? endpoints.libp2p : [known];
  };
  return openLibp2pTransport({
    ...common(parts),
    peers: peersOf(parts, (card) => ({ peerKey: card.libp2pKey, addresses: addresses(card) })),
    seed: readNetworkKeys(folder.networkKeysFile).libp2p,
    listen: config.listen_libp2p,
  });
}

async function openRelays(parts: NetworkParts): Promise<Transport> {
  const { openRelayTransport } = await import("@conclave/transport-relay");
  const { folder, config } = parts;
  if (config.relays.length === 0)
    throw new FileUnusable(
      `the cluster talks through relays, and "relays" in ${join(folder.root, "config.json")} names none`,
    );
  const keys = readNetworkKeys(folder.networkKeysFile);
  return openRelayTransport({
    ...common(parts),
    peers: peersOf(parts, (card) => ({ signKey: card.relaySignKey, sealKey: card.relaySealKey })),
    signSeed: keys.relaySign,
    sealSecret: keys.relaySeal,
    urls: config.relays,
    mode: config.relay_mode,
    engine,
    randomBytes: (length: number) => new Uint8Array(randomBytes(length)),
  });
}

/** The same transport, which lets go of something more when it closes. */
function closing(transport: Transport, letGo: () => void): Transport {
  return {
    send: (to, frame) => transport.send(to, frame),
    isUp: (peer) => transport.isUp(peer),
    start: (handler) => transport.start(handler),
    async close() {
      letGo();
      await transport.close();
    },
  };
}
