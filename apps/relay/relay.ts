/** One running relay: the mailroom behind sockets and HTTP, with its peers and its journal. */
import { nodeEngine } from "@conclave/engine-node";
import { Mailroom } from "@conclave/relay";
import { pino, type Logger } from "pino";
import { Backlog } from "./backlog.ts";
import { doorkeeper, openDoor, type Door } from "./doors.ts";
import { Hub, nowMs } from "./hub.ts";
import { Journal } from "./journal.ts";
import { createMetrics, type Metrics } from "./metrics.ts";
import {
  DEFAULT_LISTEN,
  DEFAULT_PEER_OPTIONS,
  DEFAULT_SERVICE_LIMITS,
  WrongUsage,
  type ListenAddress,
  type RelayOptions,
  type ServiceLimits,
} from "./options.ts";
import { PeerLinks, socketUrl } from "./peers.ts";
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
  const { listen = [DEFAULT_LISTEN] } = options;
  if (listen.length === 0) throw new WrongUsage("a relay listens somewhere: give it an address");
  const relay = new RunningRelay(options);
  try {
    await relay.open(listen);
  } catch (error) {
    await relay.close();
    throw error;
  }
  return relay;
}

class RunningRelay implements Relay {
  readonly #mailroom: Mailroom;
  readonly #backlog: Backlog;
  readonly #journal: Journal | null;
  readonly #hub: Hub;
  readonly #peers: PeerLinks;
  readonly #service: ServiceLimits;
  readonly #log: Logger;
  readonly #stopping = new AbortController();
  #doors: Door[] = [];
  #closing: Promise<void> | null = null;

  /** Throws if a peer's URL is none, before anything is opened. */
  constructor({ limits = {}, log = pino({ level: "silent" }), peers = [], ...options }: RelayOptions) {
    const peerUrls = peers.map(socketUrl);
    this.#log = log;
    this.#service = { ...DEFAULT_SERVICE_LIMITS, ...options.service };
    this.#mailroom = new Mailroom({ engine: withRememberedVerifiers(nodeEngine), limits });
    this.#backlog = new Backlog(this.#service);
    const metrics = this.#metrics();
    this.#journal = options.persist === undefined ? null : restored(options.persist, this.#mailroom, { log, metrics });
    this.#hub = new Hub({ mailroom: this.#mailroom, metrics, journal: this.#journal });
    const peerOptions = { ...DEFAULT_PEER_OPTIONS, ...options.peer };
    this.#peers = new PeerLinks(peerUrls, {
      hub: this.#hub,
      options: peerOptions,
      badFrames: this.#service.badFrames,
      log,
    });
    this.#hub.usePeers(this.#peers);
  }

  get urls(): readonly string[] {
    return this.#doors.map(({ url }) => url);
  }

  get url(): string {
    return this.#doors[0]!.url;
  }

  get port(): number {
    return this.#doors[0]!.port;
  }

  async open(listen: readonly ListenAddress[]): Promise<void> {
    const parts = {
      hub: this.#hub,
      backlog: this.#backlog,
      limits: this.#service,
      log: this.#log,
      stats: () => this.stats(),
      trouble: () => this.#journal?.trouble ?? null,
      stopping: this.#stopping.signal,
    };
    const admit = doorkeeper(this.#service);
    for (const address of listen) this.#doors.push(await openDoor(address, parts, admit));
    this.#log.info({ urls: this.urls, peers: this.#peers.configured }, "relay listens");
  }

  stats(): RelayStats {
    return {
      ...this.#mailroom.stats,
      backlogBytes: this.#backlog.bytes,
      peers: { configured: this.#peers.configured, connected: this.#peers.connected },
      limits: { ...this.#mailroom.limits },
    };
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#stopping.abort();
    this.#peers.close();
    await Promise.all(this.#doors.map((door) => door.close()));
    this.#hub.close();
    this.#journal?.close();
  }

  #metrics(): Metrics {
    const gauge = (help: string, read: (stats: RelayStats) => number) => ({ help, read: () => read(this.stats()) });
    return createMetrics({
      stored_bytes: gauge("Bytes of messages kept", ({ bytes }) => bytes),
      stored_messages: gauge("Messages kept", ({ messages }) => messages),
      waiters: gauge("Questions waiting for answers", ({ waiters }) => waiters),
      connections: gauge("Sockets and requests under way", ({ connections }) => connections),
      backlog_bytes: gauge("Bytes sent that nobody has read yet", ({ backlogBytes }) => backlogBytes),
      peers_connected: gauge("Peers that can be asked", ({ peers }) => peers.connected),
    });
  }
}

/** The journal, with what it kept put back. */
function restored(file: string, mailroom: Mailroom, { log, metrics }: { log: Logger; metrics: Metrics }): Journal {
  const journal = new Journal(file, { log, failed: () => metrics.journalErrors.inc() });
  try {
    journal.load(mailroom, nowMs());
    return journal;
  } catch (error) {
    journal.close();
    throw error;
  }
}
