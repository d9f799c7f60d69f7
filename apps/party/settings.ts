/**
 * What the command runs with: flags before environment before defaults. The names are document 002's; whatever is there and
 * cannot be read is refused with what to write instead, because a setting that is quietly ignored is worse than none.
 */
import { availableParallelism } from "node:os";
import type { PartyIndex } from "@conclave/protocol";
import { MAX_GROUP, MAX_RELAYS, RELAY_URL } from "@conclave/party";
import { usageError } from "./exit.ts";

export const LOG_LEVELS = ["error", "warn", "info", "debug"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Options that every subcommand takes, as commander gives them. */
export interface Flags {
  readonly party?: string;
  readonly data?: string;
  readonly relay?: string;
  readonly logLevel?: string;
  readonly threads?: string;
  readonly passwordFile?: string;
  readonly http?: true;
  readonly json?: true;
}

export interface Settings {
  /** Null if none was given: making an invite needs none. */
  readonly party: PartyIndex | null;
  readonly data: string;
  /** Null if none was given: an invite brings its own. */
  readonly relays: readonly string[] | null;
  readonly logLevel: LogLevel;
  readonly threads: number;
  readonly passwordFile: string | null;
  readonly relayMode: "websocket" | "http";
  readonly json: boolean;
}

export type Environment = Readonly<Record<string, string | undefined>>;

export const DEFAULT_RELAY = "http://127.0.0.1:8080";
const DEFAULT_DATA = "./data";
/** No machine has more, and a slip of the finger may say more. */
const MAX_THREADS = 1_024;

interface Given {
  readonly name: string;
  readonly value: string;
}

/** Throws `CommandError` (usage) naming the setting, what was wrong with it and what to write. */
export function readSettings(flags: Flags, env: Environment): Settings {
  const party = first(["--party", flags.party], ["PARTY_ID", env["PARTY_ID"]]);
  const relay = first(["--relay", flags.relay], ["RELAY_URL", env["RELAY_URL"]]);
  return {
    party: party === null ? null : parseParty(party),
    data: first(["--data", flags.data], ["DEST", env["DEST"]])?.value ?? DEFAULT_DATA,
    relays: relay === null ? null : parseRelays(relay),
    logLevel: parseLevel(
      first(["--log-level", flags.logLevel], ["LOG_LEVEL", env["LOG_LEVEL"]], ["RUST_LOG", env["RUST_LOG"]]),
    ),
    threads: parseThreads(
      first(
        ["--threads", flags.threads],
        ["WORKER_THREADS", env["WORKER_THREADS"]],
        ["RAYON_NUM_THREADS", env["RAYON_NUM_THREADS"]],
        ["TOKIO_WORKER_THREADS", env["TOKIO_WORKER_THREADS"]],
      ),
    ),
    passwordFile:
      first(["--password-file", flags.passwordFile], ["CONCLAVE_PASSWORD_FILE", env["CONCLAVE_PASSWORD_FILE"]])
        ?.value ?? null,
    relayMode: flags.http === true ? "http" : "websocket",
    json: flags.json === true,
  };
}

/** The first that was given. An empty variable is as good as none; an empty flag is a mistake. */
function first(...candidates: readonly (readonly [name: string, value: string | undefined])[]): Given | null {
  for (const [name, value] of candidates) {
    if (value === undefined || (value === "" && !name.startsWith("--"))) continue;
    if (value === "") throw usageError(`${name} is empty: give it a value or leave it out.`);
    return { name, value };
  }
  return null;
}

function parseParty({ name, value }: Given): PartyIndex {
  const number = Number(value);
  if (/^\d+$/.test(value) && number >= 1 && number <= MAX_GROUP) return number as PartyIndex;
  const advice =
    value === "0"
      ? "ids are counted from 1 here: the party 0 of document 002 is party 1"
      : `write this party's number in its group, 1 to ${MAX_GROUP}`;
  throw usageError(`${name} is "${value}": ${advice}.`);
}

/** The party's number. Throws `CommandError` (usage) if none was given. */
export function requireParty({ party }: Settings): PartyIndex {
  if (party !== null) return party;
  throw usageError(
    `PARTY_ID is not set: say which party of its group this is, such as PARTY_ID=1 or --party 1. Ids are 1 to ${MAX_GROUP}, counted from 1.`,
  );
}

function parseRelays({ name, value }: Given): readonly string[] {
  const urls = value.split(",").map((url) => url.trim());
  const wrong = urls.find((url) => !RELAY_URL.test(url) || !URL.canParse(url));
  if (wrong !== undefined)
    throw usageError(
      `${name} holds "${wrong}": write addresses such as ${DEFAULT_RELAY} or https://relay.example.org, several separated by commas.`,
    );
  if (new Set(urls).size < urls.length) throw usageError(`${name} names a relay twice: name each once.`);
  if (urls.length > MAX_RELAYS) throw usageError(`${name} names ${urls.length} relays: ${MAX_RELAYS} are allowed.`);
  return urls;
}

function parseLevel(given: Given | null): LogLevel {
  if (given === null) return "info";
  const level = LOG_LEVELS.find((candidate) => candidate === given.value.toLowerCase());
  if (level !== undefined) return level;
  throw usageError(`${given.name} is "${given.value}": write one of ${LOG_LEVELS.join(", ")}.`);
}

function parseThreads(given: Given | null): number {
  if (given === null) return availableParallelism();
  const number = Number(given.value);
  if (/^\d+$/.test(given.value) && number >= 1 && number <= MAX_THREADS) return number;
  throw usageError(
    `${given.name} is "${given.value}": write a number of threads from 1 to ${MAX_THREADS}, or leave it out.`,
  );
}
