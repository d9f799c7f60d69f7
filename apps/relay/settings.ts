/** What a relay is told: defaults, then the environment, then flags. Anything that is not understood is refused. */
import { DEFAULT_LIMITS, MAX_TTL_SECONDS } from "@conclave/relay";
import { Command, InvalidArgumentError } from "commander";
import {
  DEFAULT_LISTEN,
  DEFAULT_PEER_OPTIONS,
  DEFAULT_SERVICE_LIMITS,
  WrongUsage,
  type ListenAddress,
  type RelayOptions,
} from "./options.ts";
import { socketUrl } from "./peers.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

export const LOG_LEVELS = ["fatal", "error", "warn", "info", "debug", "trace", "silent"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface Settings {
  readonly options: RelayOptions;
  readonly logLevel: LogLevel;
}

interface Flags {
  readonly listen?: readonly ListenAddress[];
  readonly peer?: readonly string[];
  readonly persist?: string;
  readonly maxBytes: number;
  readonly maxMessages: number;
  readonly maxSenderBytes: number;
  readonly maxSenderMessages: number;
  readonly maxTtl: number;
  readonly maxConnections: number;
  readonly maxConnectionsPerAddress: number;
  readonly logLevel?: LogLevel;
}

const MOST_BYTES = 64 * 2 ** 30;
const MOST_MESSAGES = 16_777_216;
const MOST_CONNECTIONS = 65_535;
/** Of peers, in seconds: a day. */
const LONGEST_SECONDS = 86_400;
const LARGEST_QUEUE = 1_048_576;

/** Throws `CommanderError` (it has said why) or `WrongUsage`. */
export function readSettings(argv: readonly string[], environment: Environment): Settings {
  const flags = command()
    .parse([...argv], { from: "user" })
    .opts<Flags>();
  const number = numbersOf(environment);
  return {
    logLevel: flags.logLevel ?? levelOf(environment),
    options: {
      listen: flags.listen ?? listOf(environment, "LISTEN", listenAddress) ?? [DEFAULT_LISTEN],
      peers: flags.peer ?? listOf(environment, "PEER", peerUrl) ?? [],
      ...(flags.persist === undefined ? {} : { persist: flags.persist }),
      limits: {
        bytes: flags.maxBytes,
        messages: flags.maxMessages,
        senderBytes: flags.maxSenderBytes,
        senderMessages: flags.maxSenderMessages,
        ttlSeconds: flags.maxTtl,
      },
      service: { connections: flags.maxConnections, connectionsPerAddress: flags.maxConnectionsPerAddress },
      peer: {
        queueSize: number("PEER_QUEUE_SIZE", { most: LARGEST_QUEUE, otherwise: DEFAULT_PEER_OPTIONS.queueSize }),
        reconnectDelayMs: seconds(number, "PEER_RECONNECT_DELAY_SECS", DEFAULT_PEER_OPTIONS.reconnectDelayMs),
        pingIntervalMs: seconds(number, "PEER_PING_INTERVAL_SECS", DEFAULT_PEER_OPTIONS.pingIntervalMs),
      },
    },
  };
}

function command(): Command {
  return new Command("conclave relay")
    .description("run a message relay: parties meet there, and it learns nothing but who talks when and how much")
    .exitOverride()
    .allowExcessArguments(false)
    .option(
      "--listen <host:port>",
      "where to listen; may be repeated (LISTEN; default: 127.0.0.1:8080)",
      repeated(listenAddress),
    )
    .option("--peer <url>", "another relay to ask for what is not here; may be repeated (PEER)", repeated(peerUrl))
    .option("--persist <file>", "keep messages in this file, over a restart")
    .option("--max-bytes <bytes>", "of messages kept, such as 512M", byteCount, DEFAULT_LIMITS.bytes)
    .option("--max-messages <n>", "kept", whole(1, MOST_MESSAGES), DEFAULT_LIMITS.messages)
    .option("--max-sender-bytes <bytes>", "kept for one sender's key", byteCount, DEFAULT_LIMITS.senderBytes)
    .option(
      "--max-sender-messages <n>",
      "kept for one sender's key",
      whole(1, MOST_MESSAGES),
      DEFAULT_LIMITS.senderMessages,
    )
    .option(
      "--max-ttl <seconds>",
      "that a message is kept or a question waits",
      whole(1, MAX_TTL_SECONDS),
      DEFAULT_LIMITS.ttlSeconds,
    )
    .option("--max-connections <n>", "in all", whole(1, MOST_CONNECTIONS), DEFAULT_SERVICE_LIMITS.connections)
    .option(
      "--max-connections-per-address <n>",
      "from one address; behind a proxy everybody has the proxy's",
      whole(1, MOST_CONNECTIONS),
      DEFAULT_SERVICE_LIMITS.connectionsPerAddress,
    )
    .option("--log-level <level>", `${LOG_LEVELS.join(", ")} (LOG_LEVEL; default: info)`, logLevel);
}

const repeated =
  <T>(parse: (text: string) => T) =>
  (text: string, before: readonly T[] = []): readonly T[] => [...before, parse(text)];

/** `127.0.0.1:8080`, `[::1]:8080`, `relay.example:80`. */
export function listenAddress(text: string): ListenAddress {
  const groups = /^(?:\[(?<six>[0-9a-f:.%]+)\]|(?<name>[a-z0-9.-]+)):(?<port>\d{1,5})$/i.exec(text)?.groups;
  const port = Number(groups?.["port"]);
  if (groups === undefined || port > 65_535)
    throw new InvalidArgumentError("must be host:port, such as 127.0.0.1:8080 or [::1]:8080");
  return { host: groups["six"] ?? groups["name"]!, port };
}

function peerUrl(text: string): string {
  try {
    socketUrl(text);
  } catch (error) {
    if (!(error instanceof WrongUsage)) throw error;
    throw new InvalidArgumentError("must be like http://relay.example:8080 or wss://relay.example");
  }
  return text;
}

const UNITS: Readonly<Record<string, number>> = { "": 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 };

function byteCount(text: string): number {
  const groups = /^(?<count>\d{1,12})(?<unit>[KMG]?)$/.exec(text)?.groups;
  const bytes = groups === undefined ? 0 : Number(groups["count"]) * UNITS[groups["unit"]!]!;
  if (bytes < 1 || bytes > MOST_BYTES)
    throw new InvalidArgumentError("must be bytes, at most 64G, such as 65536, 512M or 2G");
  return bytes;
}

const whole =
  (least: number, most: number) =>
  (text: string): number => {
    const value = Number(text);
    if (!/^\d{1,9}$/.test(text) || value < least || value > most)
      throw new InvalidArgumentError(`must be a whole number from ${least} to ${most}`);
    return value;
  };

function logLevel(text: string): LogLevel {
  const level = LOG_LEVELS.find((known) => known === text.toLowerCase());
  if (level === undefined) throw new InvalidArgumentError(`must be one of ${LOG_LEVELS.join(", ")}`);
  return level;
}

/** Rust programs read RUST_LOG, too, so that it may say things that concern them alone. */
function levelOf(environment: Environment): LogLevel {
  const text = nonEmpty(environment["LOG_LEVEL"]);
  if (text !== null) return naming("LOG_LEVEL", text, logLevel);
  const rust = (environment["RUST_LOG"] ?? "").split(",").map((part) => part.trim().toLowerCase());
  if (rust.includes("off")) return "silent";
  return LOG_LEVELS.find((level) => rust.includes(level)) ?? "info";
}

function listOf<T>(environment: Environment, name: string, parse: (text: string) => T): readonly T[] | null {
  const text = nonEmpty(environment[name]);
  return text === null ? null : text.split(",").map((part) => naming(name, part.trim(), parse));
}

type ReadNumber = (name: string, bounds: { readonly most: number; readonly otherwise: number }) => number;

const numbersOf =
  (environment: Environment): ReadNumber =>
  (name, { most, otherwise }) => {
    const text = nonEmpty(environment[name]);
    return text === null ? otherwise : naming(name, text, whole(1, most));
  };

const seconds = (number: ReadNumber, name: string, otherwiseMs: number): number =>
  1_000 * number(name, { most: LONGEST_SECONDS, otherwise: otherwiseMs / 1_000 });

const nonEmpty = (text: string | undefined): string | null => (text === undefined || text === "" ? null : text);

function naming<T>(name: string, text: string, parse: (text: string) => T): T {
  try {
    return parse(text);
  } catch (cause) {
    if (!(cause instanceof InvalidArgumentError)) throw cause;
    throw new WrongUsage(`the environment's ${name} is "${text}": it ${cause.message}`, { cause });
  }
}
