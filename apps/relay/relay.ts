/** One running relay: the mailroom behind sockets and HTTP, with its peers and its journal. */
import type { Socket } from "node:net";
import { nodeEngine } from "@conclave/engine-node";
import { Mailroom } from "@conclave/relay";
import type { FastifyInstance } from "fastify";
import { pino } from "pino";
import { Backlog } from "./backlog.ts";
import { buildHttp } from "./http.ts";
import { Hub, nowMs } from "./hub.ts";
import { Journal } from "./journal.ts";
import { createMetrics, type Metrics } from "./metrics.ts";
import {
  DEFAULT_LISTEN,
  DEFAULT_PEER_OPTIONS,
  DEFAULT_SERVICE_LIMITS,
  InUse,
  WrongUsage,
  type ListenAddress,
  type RelayOptions,
  type ServiceLimits,
} from "./options.ts";
import { PeerLinks } from "./peers.ts";
import { endWithProblem } from "./problems.ts";
import { serveSockets, type Sockets } from "./sockets.ts";
import { sourceOf } from "./source.ts";
import { withRememberedVerifiers } from "./verifiers.ts";

export interface RelayStats {
  readonly bytes: number;
  readonly messages: number;
  readonly senders: number;
  readonly waiters: number;
  /** Sockets and requests under way. */
  readonly connections: number;
  /** Sent to clients, and not read yet. */
  readonly backlogBytes: number;
  readonly peers: { readonly configured: number; readonly connected: number };
  readonly limits: Readonly<Record<string, number>>;
}

export interface Relay {
  /** Of the first address, such as `http://127.0.0.1:8080`: no slash at the end. */
  readonly url: string;
  readonly port: number;
  /** Of every address that it listens at. */
  readonly urls: readonly string[];
  stats(): RelayStats;
  /** Stops listening, lets everybody go and closes the journal. May be called twice. */
  close(): Promise<void>;
}

/** Runs a relay until `close`. Throws `InUse` for a port or file that somebody else has, `WrongUsage` for what is no address. */
export async function startRelay(options: RelayOptions = {}): Promise<Relay> {
  const { listen = [DEFAULT_LISTEN], peers = [], log = pino({ level: "silent" }) } = options;
  const service = { ...DEFAULT_SERVICE_LIMITS, ...options.service };
  const peerOptions = { ...DEFAULT_PEER_OPTIONS, ...options.peer };
  if (listen.length === 0) throw new WrongUsage("a relay listens somewhere: give it an address");
  const mailroom = new Mailroom({
    engine: withRememberedVerifiers(nodeEngine),
    ...(options.limits === undefined ? {} : { limits: options.limits }),
  });
  const backlog = new Backlog(service);
  const stats = (): RelayStats => ({
    ...mailroom.stats,
    backlogBytes: backlog.bytes,
    peers: { configured: links?.configured ?? 0, connected: links?.connected ?? 0 },
    limits: { ...mailroom.limits },
  });
  const metrics: Metrics = createMetrics({
    stored_bytes: { help: "Bytes of messages kept", read: () => mailroom.stats.bytes },
    stored_messages: { help: "Messages kept", read: () => mailroom.stats.messages },
    waiters: { help: "Questions waiting for answers", read: () => mailroom.stats.waiters },
    connections: { help: "Sockets and requests under way", read: () => mailroom.stats.connections },
    backlog_bytes: { help: "Bytes sent that nobody has read yet", read: () => backlog.bytes },
    peers_connected: { help: "Peers that can be asked", read: () => links?.connected ?? 0 },
  });
  const journal =
    options.persist === undefined
      ? null
      : new Journal(options.persist, { log, failed: () => metrics.journalErrors.inc() });
  try {
    journal?.load(mailroom, nowMs());
  } catch (error) {
    journal?.close();
    throw error;
  }
  const hub = new Hub({ mailroom, metrics, journal });
  const stopping = new AbortController();
  const doors: Door[] = [];
  let links: PeerLinks | null = null;
  let closing: Promise<void> | null = null;
  const admit = doorkeeper(service);
  const close = async (): Promise<void> => {
    stopping.abort();
    links?.close();
    await Promise.all(doors.map(({ sockets }) => sockets.close()));
    await Promise.all(doors.map(({ app }) => app.close()));
    hub.close();
    journal?.close();
  };
  try {
    for (const address of listen) {
      const parts = {
        hub,
        backlog,
        limits: service,
        log,
        stats,
        trouble: () => journal?.trouble ?? null,
        stopping: stopping.signal,
      };
      const app = await buildHttp(parts);
      app.server.on("connection", admit);
      doors.push({ app, sockets: serveSockets(app.server, parts), url: "" });
      doors[doors.length - 1] = { ...doors.at(-1)!, url: await listenAt(app, address) };
    }
    links = new PeerLinks(peers, { hub, options: peerOptions, badFrames: service.badFrames, log });
    hub.usePeers(links);
  } catch (error) {
    await close();
    throw error;
  }
  const urls = doors.map(({ url }) => url);
  const address = doors[0]!.app.server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  log.info({ urls, peers: links.configured }, "relay listens");
  return { url: urls[0]!, port, urls, stats, close: () => (closing ??= close()) };
}

interface Door {
  readonly app: FastifyInstance;
  readonly sockets: Sockets;
  readonly url: string;
}

async function listenAt(app: FastifyInstance, { host, port }: ListenAddress): Promise<string> {
  const at = host.includes(":") ? `[${host}]` : host;
  try {
    await app.listen({ host, port });
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? cause.code : null;
    if (code === "EADDRINUSE")
      throw new InUse(
        `${at}:${port} is taken, perhaps by a relay that already runs: stop that program, or choose another address with --listen`,
        { cause },
      );
    if (code === "EACCES")
      throw new WrongUsage(`nobody but root may listen at ${at}:${port}: choose a port above 1023 with --listen`, {
        cause,
      });
    if (code === "ENOTFOUND" || code === "EADDRNOTAVAIL" || code === "EAI_AGAIN")
      throw new WrongUsage(`${host} is no address of this machine: choose another with --listen`, { cause });
    throw cause;
  }
  const address = app.server.address();
  return `http://${at}:${typeof address === "object" && address !== null ? address.port : port}`;
}

/** Counts connections before a byte of them is read. One too many hears why and is ended. */
function doorkeeper({ connections, connectionsPerAddress }: ServiceLimits): (socket: Socket) => void {
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
