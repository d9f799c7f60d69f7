/**
 * The nodes' config.json in a local network. `up` writes what follows from its command line, at every start anew; everything
 * else in these files is the operator's and stays. Which values `up` wrote is remembered beside them, because an operator may
 * change the same settings.
 */
import { chmodSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import type { TransportName } from "@conclave/consensus";
import { z } from "zod";
import { resolveValues } from "../cluster/config.ts";
import { schemaOf } from "../cluster/history.ts";
import { writePrivate } from "../cluster/private-files.ts";
import { FolderUnusable, type Folder, type LocalNetwork } from "./folder.ts";
import { esploraAddress, meshPort, RELAY_PORT_OFFSET } from "./ports.ts";

/** Servers that operators run beside their nodes, in place of what every node has built in. */
export interface Services {
  /** Histories in schemas of this PostgreSQL server. */
  readonly postgresUrl?: string;
  /** Statements also through this etcd. */
  readonly etcdEndpoints?: readonly string[];
}

/** What the settings of the nodes follow from. */
export interface ConfigParts {
  readonly folder: Folder;
  readonly network: LocalNetwork;
  readonly portBase: number;
  readonly allowDigests: boolean;
  readonly transport: TransportName;
  readonly services?: Services;
  /** Settings of single nodes beyond the usual ones. */
  readonly settings?: (index: number) => Values;
}

type Values = Readonly<Record<string, unknown>>;

/** By node and setting, every value that `up` may have left in the file. */
const memory = z.record(z.string(), z.record(z.string(), z.array(z.unknown())));

type Memory = z.output<typeof memory>;

/**
 * Settings that `up` writes, and the option that each follows; null for those that follow from the folder. In a folder that does
 * not remember what was written, they are taken for its own.
 */
const OURS: ReadonlyMap<string, string | null> = new Map([
  ["name", null],
  ["password_file", null],
  ["api_port", "--port-base"],
  ["api_token_file", null],
  ["listen_quic", "--port-base"],
  ["listen_libp2p", "--port-base"],
  ["relays", "--port-base"],
  ["esplora_url", "--port-base"],
  ["allow_digests", "--allow-digests"],
  ["tls", "--transport"],
  ["postgres_url", "--postgres"],
  ["postgres_schema", "--postgres"],
  ["etcd_endpoints", "--etcd"],
]);

/** Where a node of the folder reads its settings. */
export const configFileOf = (folder: Folder, name: string): string => join(folder.nodeDir(name), "config.json");

/**
 * Every node's file, as this start needs it, with what its operator wrote. Throws `FolderUnusable` where the operator wants
 * something else than this start, and `ConfigWrong` for what no node could start with; then no file was changed.
 */
export function writeConfigs(parts: ConfigParts): void {
  const { folder, network } = parts;
  const remembered = readMemory(folder);
  const planned = network.names.map((name, i) => {
    const file = configFileOf(folder, name);
    const [found, ours] = [readConfig(file), settingsOf(parts, name, i)];
    const kept = operatorsOf(found, remembered?.[name]);
    refuseContradiction(file, kept, ours);
    return { name, file, found, ours, kept, next: inOrder(found, { ...ours, ...kept }) };
  });
  for (const { file, next } of planned) resolveValues(file, next, process.env);
  // A start that is cut off in between leaves files with older values of ours, which have to be known as such.
  remember(
    folder,
    planned.map(({ name, ours, found, kept }) => [name, withOlder(without(ours, kept), found, kept)]),
  );
  for (const { file, found, next, name } of planned) {
    mkdirSync(folder.nodeDir(name), { recursive: true, mode: 0o700 });
    chmodSync(folder.nodeDir(name), 0o700);
    // A file that says the same already stays as it was written.
    if (found === null || !isDeepStrictEqual(found, next)) writePrivate(file, `${JSON.stringify(next, null, 2)}\n`);
  }
  remember(
    folder,
    planned.map(({ name, ours, kept }) => [name, listed(without(ours, kept))]),
  );
}

const remember = ({ upSettingsFile }: Folder, written: readonly (readonly [string, Memory[string]])[]): void =>
  writePrivate(upSettingsFile, `${JSON.stringify(Object.fromEntries(written), null, 2)}\n`);

/** Throws `FolderUnusable` if an operator set something for nodes that are to run without their files. */
export function refuseSettings(folder: Folder, { names }: LocalNetwork): void {
  const remembered = readMemory(folder);
  for (const name of names) {
    const file = configFileOf(folder, name);
    const set = Object.keys(operatorsOf(readConfig(file), remembered?.[name]));
    if (set.length > 0)
      throw new FolderUnusable(
        `${file} sets ${set.map((key) => `"${key}"`).join(", ")}, and nodes in one process read no such file: leave --in-process out, or take ${set.length === 1 ? "it" : "them"} out of the file`,
      );
  }
}

/** The files as they are, for a start that may have to be undone; what is not there has no row. */
export function takeConfigs(folder: Folder, names: readonly string[]): ReadonlyMap<string, string> {
  const files = names.map((name) => configFileOf(folder, name)).filter((file) => existsSync(file));
  return new Map(files.map((file) => [file, readFileSync(file, "utf8")]));
}

/** Puts back what `takeConfigs` found. */
export function putBack(taken: ReadonlyMap<string, string>): void {
  for (const [file, text] of taken) writePrivate(file, text);
}

/** What `up` writes for this start; ports follow the command line. */
function settingsOf(parts: ConfigParts, name: string, index: number): Values {
  const { network, portBase, allowDigests, transport, services, settings } = parts;
  return {
    name,
    password_file: "../vault-password",
    api_port: portBase + index,
    api_token_file: "../api-token",
    listen_quic: `127.0.0.1:${meshPort(portBase, index)}`,
    listen_libp2p: [`/ip4/127.0.0.1/tcp/${meshPort(portBase, index)}`],
    relays: [`http://127.0.0.1:${portBase + RELAY_PORT_OFFSET}`],
    esplora_url: esploraAddress(portBase),
    tls: transport === "tls",
    // What no option asked for is the operator's to ask for.
    ...(allowDigests && { allow_digests: true }),
    ...(services?.postgresUrl !== undefined && {
      postgres_url: services.postgresUrl,
      // Networks of several folders may share a server.
      postgres_schema: `${schemaOf(name)}_${network.genesis_ms.toString(36)}`,
    }),
    ...(services?.etcdEndpoints !== undefined && { etcd_endpoints: [...services.etcdEndpoints] }),
    ...settings?.(index),
  };
}

/** What of a file `up` did not write. */
function operatorsOf(found: Values | null, remembered: Memory[string] | undefined): Values {
  return Object.fromEntries(Object.entries(found ?? {}).filter(([key, value]) => !isOurs(key, value, remembered)));
}

const isOurs = (key: string, value: unknown, remembered: Memory[string] | undefined): boolean =>
  remembered === undefined
    ? OURS.has(key)
    : (remembered[key] ?? []).some((written) => isDeepStrictEqual(written, value));

function refuseContradiction(file: string, kept: Values, ours: Values): void {
  for (const [key, value] of Object.entries(kept)) {
    if (!(key in ours) || isDeepStrictEqual(value, ours[key])) continue;
    const option = OURS.get(key) ?? null;
    throw new FolderUnusable(
      `${file} was given another "${key}" than this start has, and "conclave up" sets that itself${option === null ? "" : `, as ${option} says`}: take it out of the file`,
    );
  }
}

/** In the order of the file, so that whoever wrote in it finds it again. */
function inOrder(found: Values | null, next: Values): Values {
  const known = Object.keys(found ?? {}).filter((key) => key in next);
  return { ...Object.fromEntries(known.map((key) => [key, next[key]])), ...next };
}

const without = (values: Values, keys: Values): Values =>
  Object.fromEntries(Object.entries(values).filter(([key]) => !(key in keys)));

const listed = (values: Values): Memory[string] =>
  Object.fromEntries(Object.entries(values).map(([key, value]) => [key, [value]]));

/** What is about to be written, and what of ours is still in the file until then. */
function withOlder(ours: Values, found: Values | null, kept: Values): Memory[string] {
  const older = Object.entries(without(found ?? {}, kept));
  return {
    ...listed(ours),
    ...Object.fromEntries(older.map(([key, value]) => [key, key in ours ? [ours[key], value] : [value]])),
  };
}

/** Null for a node that has no file yet. Throws `FolderUnusable` for a file that is no JSON object. */
function readConfig(file: string): Values | null {
  if (!existsSync(file)) return null;
  const found = parse(readFileSync(file, "utf8"));
  if (typeof found === "object" && found !== null && !Array.isArray(found)) return found as Values;
  throw new FolderUnusable(`${file} is not a JSON object: correct it, or remove it to have it written anew`);
}

function readMemory({ upSettingsFile: file }: Folder): Memory | null {
  if (!existsSync(file)) return null;
  const found = memory.safeParse(parse(readFileSync(file, "utf8")));
  if (found.success) return found.data;
  throw new FolderUnusable(
    `${file} is not what "conclave up" wrote: remove it, and what it sets itself in the nodes' config.json is written anew`,
  );
}

/** Undefined for what is no JSON: no schema accepts it. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
