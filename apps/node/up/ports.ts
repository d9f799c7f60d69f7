/** The ports of a local network: n for the nodes' APIs, from the base up, and one for the chain's. */
import { createServer } from "node:net";
import type { TransportName } from "@conclave/consensus";

/** The chain's Esplora API listens this far above the first node's port. */
export const ESPLORA_PORT_OFFSET = 100;

/** The nodes of a network of processes talk to each other from so far above the first node's API port. */
const MESH_PORT_OFFSET = 200;
/** And their relay, where they use one, listens here. */
export const RELAY_PORT_OFFSET = 150;

export const meshPort = (portBase: number, index: number): number => portBase + MESH_PORT_OFFSET + index;
export const esploraAddress = (portBase: number): string => `http://127.0.0.1:${portBase + ESPLORA_PORT_OFFSET}`;

/** A port that the network needs cannot be had. */
export class PortTaken extends Error {
  override readonly name = "PortTaken";
  constructor(port: number, options?: ErrorOptions) {
    super(
      `port ${port} is taken, perhaps by a network that already runs: stop that program, or choose other ports, for example --port-base ${port < 9_000 ? 9_080 : 8_080}`,
      options,
    );
  }
}

/** Look at every port before anything is made, so that a taken one leaves nothing behind. Throws `PortTaken`. */
export async function checkPorts(
  portBase: number,
  nodes: number,
  transport: TransportName | null = null,
): Promise<void> {
  const places = Array.from({ length: nodes }, (_, i) => i);
  const ports = [...places.map((i) => portBase + i), portBase + ESPLORA_PORT_OFFSET];
  if (transport === "relay") ports.push(portBase + RELAY_PORT_OFFSET);
  // QUIC's are UDP ports: the node itself says when one of them is taken.
  if (transport === "tls" || transport === "libp2p") ports.push(...places.map((i) => meshPort(portBase, i)));
  await Promise.all(ports.map(checkPort));
}

function checkPort(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", (cause: NodeJS.ErrnoException) => {
      reject(cause.code === "EADDRINUSE" ? new PortTaken(port, { cause }) : cause);
    });
    server.listen({ host: "127.0.0.1", port }, () => server.close(() => resolve()));
  });
}
