/** Wires between the processes of a network: between each two nodes, or between each node and the relays. */
import type { TransportName } from "@conclave/consensus";
import { everyPair, Wires, type Pair } from "@conclave/node/testing";
import { meshPort, RELAY_PORT_OFFSET } from "../../up/ports.ts";

/** The other end of a node's wire where nodes talk through a relay. */
export const RELAY = "relay";

const KINDS: Readonly<Record<TransportName, "datagrams" | "streams">> = {
  quic: "datagrams",
  tls: "streams",
  libp2p: "streams",
  relay: "streams",
};

export interface Lines {
  readonly wires: Wires;
  /** What the node of this name has to be told so that it dials the wires. */
  settings(name: string): Readonly<Record<string, unknown>>;
}

export async function openLines(
  transport: TransportName,
  names: readonly string[],
  { portBase, seed }: { readonly portBase: number; readonly seed: string },
): Promise<Lines> {
  const isRelayed = transport === "relay";
  const wires = await Wires.open({
    kind: KINDS[transport],
    pairs: isRelayed ? names.map((name): Pair => [name, RELAY]) : everyPair(names),
    target: (to) => (isRelayed ? portBase + RELAY_PORT_OFFSET : meshPort(portBase, names.indexOf(to))),
    seed,
  });
  const addressOf = (port: number): string =>
    transport === "libp2p" ? `/ip4/127.0.0.1/tcp/${port}` : `127.0.0.1:${port}`;
  const settings = (name: string): Readonly<Record<string, unknown>> => {
    if (isRelayed) return { relays: [`http://127.0.0.1:${wires.portOf(name, RELAY)}`] };
    const others = names.filter((other) => other !== name);
    return {
      peer_addresses: Object.fromEntries(others.map((other) => [other, addressOf(wires.portOf(name, other))])),
    };
  };
  return { wires, settings };
}
