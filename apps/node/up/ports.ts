/** The ports of a local network: n for the nodes' APIs, from the base up, and one for the chain's. */
import { createServer } from "node:net";

/** The chain's Esplora API listens this far above the first node's port. */
export const ESPLORA_PORT_OFFSET = 100;

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
export async function checkPorts(portBase: number, nodes: number): Promise<void> {
  const ports = [...Array.from({ length: nodes }, (_, i) => portBase + i), portBase + ESPLORA_PORT_OFFSET];
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
