/**
 * How one node runs: a file, what the environment says before it, what flags say before that. Every value is checked, every
 * unknown name refused with the one that was probably meant. What the cluster agreed on is not here: the charter holds it.
 */
import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { strictFields, unknownName } from "@conclave/api";
import { z } from "zod";
import { policyFields } from "./policy.ts";

/** A setting is wrong. The message says which, where it came from, and what would do. */
export class ConfigWrong extends Error {
  override readonly name = "ConfigWrong";
}

const port = z.number({ error: "must be a port" }).int().min(1).max(65_535);
const hostPort = z
  .string()
  .regex(/^(?:\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+):\d{1,5}$/, { error: 'must look like "0.0.0.0:9000"' });
const multiaddr = z.string().startsWith("/", { error: 'must look like "/ip4/0.0.0.0/tcp/9001"' });
const url = (schemes: string) =>
  z.string().regex(new RegExp(`^(?:${schemes})://[^/?#\\s@]+(?:/[^?#\\s]*)?$`), {
    error: `must be a URL that begins with ${schemes.replaceAll("s?", "").split("|").join(":// or ")}://`,
  });
const path = z.string().min(1, { error: "must be a path" });
const flag = z.boolean({ error: "must be true or false" });

const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "silent"] as const;

const SHAPE = {
  /** Which node of the charter this is. */
  name: z.string().regex(/^[a-z0-9_-]{1,32}$/, { error: "must be 1 to 32 of a–z, 0–9, - and _" }),
  /** Folder of vault, journal and history; the configuration file's own folder unless said otherwise. */
  data: path.default("."),
  password_file: path.optional(),
  api_host: z.string().min(1).default("127.0.0.1"),
  api_port: port.default(8080),
  api_token_file: path.default("api-token"),
  api_allowed_hosts: z.array(z.string().min(1)).default([]),
  /** Where QUIC or TLS listens; document 004's port. */
  listen_quic: hostPort.default("0.0.0.0:9000"),
  listen_libp2p: z.array(multiaddr).default(["/ip4/0.0.0.0/tcp/9001"]),
  /** In a cluster that agreed on QUIC: TLS over TCP instead, on every node alike, where UDP is blocked or the library does not run. */
  tls: flag.default(false),
  /** Where peers find this node, if not where it listens: host:port for QUIC and TLS, multiaddrs for libp2p. */
  advertise_quic: z.array(hostPort).max(8).default([]),
  advertise_libp2p: z.array(multiaddr).max(8).default([]),
  /** By name of a peer: reach it there and not where its card says, such as through a private network. */
  peer_addresses: z.record(z.string(), z.string(), { error: "must name addresses by node" }).default({}),
  relays: z.array(url("https?|wss?")).default([]),
  relay_mode: z.enum(["websocket", "http"], { error: 'must be "websocket" or "http"' }).default("websocket"),
  esplora_url: url("https?"),
  /** Blocks on a spend before locks are released by proof. */
  burial_depth: z.number().int().min(1).max(1_000).default(6),
  required_confirmations: z.number().int().min(1).max(1_000).default(1),
  /** Whether it signs hashes whose preimage it does not see, with keys for messages. */
  allow_digests: flag.default(false),
  /** Whether it takes part in presignatures that others ask for. */
  presigning: flag.default(true),
  /** What it may approve: limits, address book, approval by hand. */
  policy: policyFields.default({ approval: "automatic" }),
  /** Whether a yes that a rule proves wrong bans its voter, or is recorded only. */
  minority_votes: z.enum(["record", "enforce"], { error: 'must be "record" or "enforce"' }).default("record"),
  /** History in a PostgreSQL server in place of a file: `postgres://USER@HOST/DATABASE`, its schema the node's own. */
  postgres_url: z
    .string()
    .regex(/^postgres(?:ql)?:\/\/\S+$/, { error: "must be a URL that begins with postgres://" })
    .optional(),
  postgres_schema: z
    .string()
    .regex(/^[a-z_][a-z0-9_]{0,62}$/, { error: "must be 1 to 63 of a–z, 0–9 and _, not beginning with a digit" })
    .optional(),
  postgres_password_file: path.optional(),
  /** Members of an etcd through which statements reach nodes that were away; none: from peer to peer alone. */
  etcd_endpoints: z.array(url("https?")).max(16).default([]),
  etcd_user: z.string().min(1).optional(),
  etcd_password_file: path.optional(),
  etcd_ca_file: path.optional(),
  etcd_cert_file: path.optional(),
  etcd_key_file: path.optional(),
  log_level: z.enum(LOG_LEVELS).default("info"),
  /** JSON lines for machines, or the same for people. */
  log_format: z.enum(["json", "pretty"], { error: 'must be "json" or "pretty"' }).default("json"),
} as const;

type Key = keyof typeof SHAPE;
const KEYS = Object.keys(SHAPE) as readonly Key[];
const configFile = strictFields(SHAPE, "setting");

export type NodeConfig = z.output<typeof configFile>;

/** How each setting is called in the environment: `CONCLAVE_API_PORT` is `api_port`. */
const PREFIX = "CONCLAVE_";
export const variableOf = (key: Key): string => `${PREFIX}${key.toUpperCase()}`;

/** Variables of other parts of the product, which begin alike. */
const OTHERS: ReadonlySet<string> = new Set(["CONCLAVE_NO_WASM", "CONCLAVE_API_ENDPOINT", "CONCLAVE_API_TOKEN"]);

export interface ResolvedConfig {
  readonly config: NodeConfig;
  /** Folder that relative paths start from. */
  readonly base: string;
  /** Where each setting came from: `flag`, `environment`, `file` or `default`. */
  readonly sources: Readonly<Record<Key, "flag" | "environment" | "file" | "default">>;
}

type Values = Partial<Record<Key, unknown>>;

/** Throws `ConfigWrong`. `flags`: settings by their name, as typed on the command line; undefined where not given. */
export function resolveConfig(
  file: string,
  env: Readonly<Record<string, string | undefined>>,
  flags: Readonly<Partial<Record<Key, string | undefined>>> = {},
): ResolvedConfig {
  return resolveValues(file, readFile(file), env, flags);
}

/** The same of what is going to be written into the file. Throws `ConfigWrong`. */
export function resolveValues(
  file: string,
  fromFile: Readonly<Record<string, unknown>>,
  env: Readonly<Record<string, string | undefined>>,
  flags: Readonly<Partial<Record<Key, string | undefined>>> = {},
): ResolvedConfig {
  const fromEnvironment = environmentValues(env);
  const fromFlags = Object.fromEntries(
    Object.entries(flags).flatMap(([key, text]) =>
      text === undefined ? [] : [[key, typed(key as Key, fromHere(key as Key, text))]],
    ),
  ) as Values;
  const parsed = configFile.safeParse({ ...fromFile, ...fromEnvironment, ...fromFlags });
  const sourceOf = (key: Key) =>
    key in fromFlags ? "flag" : key in fromEnvironment ? "environment" : key in fromFile ? "file" : "default";
  if (!parsed.success) throw new ConfigWrong(faults(file, parsed.error.issues, sourceOf));
  const sources = Object.fromEntries(KEYS.map((key) => [key, sourceOf(key)])) as ResolvedConfig["sources"];
  return { config: parsed.data, base: dirname(resolve(file)), sources };
}

/** Files that the file itself names are looked for beside it. */
const PATHS: ReadonlySet<Key> = new Set([
  "data",
  "password_file",
  "api_token_file",
  "postgres_password_file",
  "etcd_password_file",
  "etcd_ca_file",
  "etcd_cert_file",
  "etcd_key_file",
]);

/** A path that somebody types is meant from where he is. */
const fromHere = (key: Key, text: string): string => (PATHS.has(key) && text !== "" ? resolve(text) : text);

function faults(file: string, issues: readonly z.core.$ZodIssue[], sourceOf: (key: Key) => string): string {
  const told = issues.map(({ path: [key, ...inner], message, code }) => {
    if (key === undefined) return message;
    const name = [key, ...inner]
      .filter((part) => typeof part !== "number")
      .map(String)
      .join(".");
    const source = sourceOf(key as Key);
    const missing = source === "default" && code === "invalid_type";
    const where =
      source === "environment" ? ` (from ${variableOf(key as Key)})` : source === "flag" ? " (from a flag)" : "";
    return missing ? `"${name}" is missing.` : `"${name}"${where}: ${message}.`;
  });
  return `The configuration ${file} is not right. ${told.join(" ")}`;
}

function readFile(file: string): Values {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    throw new ConfigWrong(
      code === "ENOENT"
        ? `The configuration ${file} is not there: name a node's config.json, which "conclave init node" writes.`
        : `The configuration ${file} cannot be read: ${message}.`,
      { cause },
    );
  }
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null || Array.isArray(value)) throw new SyntaxError("not an object");
    return value;
  } catch (cause) {
    throw new ConfigWrong(`The configuration ${file} is not a JSON object: correct it.`, { cause });
  }
}

/** Throws `ConfigWrong` for a variable of ours that names no setting: it was meant to change something. */
function environmentValues(env: Readonly<Record<string, string | undefined>>): Values {
  const values: Values = {};
  for (const [name, text] of Object.entries(env)) {
    if (!name.startsWith(PREFIX) || OTHERS.has(name) || text === undefined) continue;
    const key = KEYS.find((candidate) => variableOf(candidate) === name);
    if (key === undefined) throw new ConfigWrong(unknownName("variable", name, KEYS.map(variableOf)));
    values[key] = typed(key, text);
  }
  // The documents' own name, which other programs read too: what is no level of ours was meant for them.
  const level = env["LOG_LEVEL"]?.toLowerCase();
  if (LOG_LEVELS.some((known) => known === level)) values.log_level ??= level;
  return values;
}

/** Text from the environment or a flag as the type that the setting has. What does not fit is left to the schema to refuse. */
function typed(key: Key, text: string): unknown {
  const schema = SHAPE[key];
  const inner = schema instanceof z.ZodDefault ? schema.unwrap() : schema;
  if (inner instanceof z.ZodObject) return fromJson(text);
  if (inner instanceof z.ZodNumber) return /^-?\d+$/.test(text) ? Number(text) : text;
  if (inner instanceof z.ZodBoolean)
    return text === "true" || text === "1" ? true : text === "false" || text === "0" ? false : text;
  if (inner instanceof z.ZodRecord) return Object.fromEntries(text.split(",").map((pair) => pair.split("=", 2)));
  if (inner instanceof z.ZodArray) return text === "" ? [] : text.split(",");
  return text;
}

function fromJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
