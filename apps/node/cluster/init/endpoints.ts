/** Where peers find a node, as its card may say it: an address that means "everywhere here" means nothing to them. */
import type { Charter, PeerCard, SignedCard, TransportName } from "@conclave/consensus";
import { endpointsOf } from "../child-founding.ts";
import type { NodeConfig } from "../config.ts";
import { FileUnusable } from "../private-files.ts";
import { WrongUsage } from "./wrong-usage.ts";

const WILDCARD = /^(?:0\.0\.0\.0|\[::\]):|^\/ip4\/0\.0\.0\.0\/|^\/ip6\/::\//;

export function reachable(config: NodeConfig): PeerCard["endpoints"] {
  const { quic, libp2p } = endpointsOf(config);
  const named = (address: string): boolean => !WILDCARD.test(address);
  return { quic: quic.filter(named), libp2p: libp2p.filter(named) };
}

/** Throws `WrongUsage` if nobody could find the node by any network. */
export function checkFindable(config: NodeConfig): void {
  const { quic, libp2p } = reachable(config);
  if (quic.length + libp2p.length + config.relays.length > 0) return;
  throw new WrongUsage(
    "other nodes could not find this one: say where with --advertise-quic host:port (for quic and tls), " +
      "--advertise-libp2p /dns4/host/tcp/9001, or --relays URL",
  );
}

/** Throws `FileUnusable` naming whoever cannot be reached over what the cluster talks over. */
export function checkReachable(transport: TransportName, cards: readonly SignedCard[]): void {
  if (transport === "relay") return;
  const kind = transport === "libp2p" ? "libp2p" : "quic";
  const lost = cards.filter(({ card }) => card.endpoints[kind].length === 0).map(({ card }) => card.name);
  if (lost.length === 0) return;
  throw new FileUnusable(
    `the card of ${lost.join(", ")} names no address for ${transport}: ` +
      `its operator sets "advertise_${kind}" in config.json and runs "conclave init card"`,
  );
}

/** Throws `FileUnusable` if the node's own settings do not fit what the cluster talks over. */
export function checkRelays({ transport }: Charter, { relays }: NodeConfig, configFile: string): void {
  if (transport === "relay" && relays.length === 0)
    throw new FileUnusable(`the cluster talks through relays, and "relays" in ${configFile} names none: add them`);
}
