/** Where a relay listens: HTTP and sockets on one port, and who is let in. */
import type { Socket } from "node:net";
import type { FastifyInstance } from "fastify";
import { buildHttp, type HttpParts } from "./http.ts";
import { InUse, WrongUsage, type ListenAddress, type ServiceLimits } from "./options.ts";
import { endWithProblem } from "./problems.ts";
import { serveSockets } from "./sockets.ts";
import { sourceOf } from "./source.ts";

export interface Door {
  /** No slash at the end. */
  readonly url: string;
  readonly port: number;
  /** Stops listening and ends every connection. */
  close(): Promise<void>;
}

/** Listens at an address. Throws `InUse` or `WrongUsage`. `admit` sees each connection first. */
export async function openDoor(
  address: ListenAddress,
  parts: HttpParts,
  admit: (socket: Socket) => void,
): Promise<Door> {
  const app = await buildHttp(parts);
  app.server.on("connection", admit);
  const sockets = serveSockets(app.server, parts);
  const close = async (): Promise<void> => {
    await sockets.close();
    await app.close();
  };
  try {
    const port = await listenAt(app, address);
    return { url: `http://${bracketed(address.host)}:${port}`, port, close };
  } catch (error) {
    await close();
    throw error;
  }
}

const bracketed = (host: string): string => (host.includes(":") ? `[${host}]` : host);

/** The port, if any would do. */
async function listenAt(app: FastifyInstance, { host, port }: ListenAddress): Promise<number> {
  const at = `${bracketed(host)}:${port}`;
  try {
    await app.listen({ host, port });
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? cause.code : null;
    if (code === "EADDRINUSE")
      throw new InUse(
        `${at} is taken, perhaps by a relay that already runs: stop that program, or choose another address with --listen`,
        { cause },
      );
    if (code === "EACCES")
      throw new WrongUsage(`nobody but root may listen at ${at}: choose a port above 1023 with --listen`, {
        cause,
      });
    if (code === "ENOTFOUND" || code === "EADDRNOTAVAIL" || code === "EAI_AGAIN")
      throw new WrongUsage(`${host} is no address of this machine: choose another with --listen`, { cause });
    throw cause;
  }
  const address = app.server.address();
  return typeof address === "object" && address !== null ? address.port : port;
}

/** Counts connections before a byte of them is read. One too many hears why and is ended. */
export function doorkeeper({ connections, connectionsPerAddress }: ServiceLimits): (socket: Socket) => void {
  const byAddress = new Map<string, number>();
  let all = 0;
  return (socket) => {
    const address = sourceOf(socket.remoteAddress);
    const own = byAddress.get(address) ?? 0;
    if (all >= connections || own >= connectionsPerAddress) {
      endWithProblem(socket, 503, "Too many connections: close some, try again later, or use another relay.");
      return;
    }
    all += 1;
    byAddress.set(address, own + 1);
    socket.once("close", () => {
      all -= 1;
      const left = byAddress.get(address)! - 1;
      if (left === 0) byAddress.delete(address);
      else byAddress.set(address, left);
    });
  };
}
