/** What the command runs with, and where each setting came from: flag before environment before file before default. */
import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { strictFields } from "@conclave/api";
import { z } from "zod";
import { usageError } from "./exit.ts";

/** The global options, as commander gives them. */
export interface Flags {
  readonly apiEndpoint?: string;
  readonly output?: "table" | "json";
  readonly json?: true;
  readonly color?: boolean;
  readonly data?: string;
}

export interface Setting<T> {
  readonly value: T;
  /** Such as `flag --data`, `environment CONCLAVE_API_ENDPOINT`, `file` or `default`. */
  readonly source: string;
}

export interface Settings {
  readonly endpoint: Setting<string>;
  /** The local network's folder: holds the API token. */
  readonly data: Setting<string>;
  readonly timeoutSeconds: Setting<number>;
  readonly output: Setting<"table" | "json">;
  readonly colored: Setting<boolean>;
}

const DEFAULTS = {
  endpoint: "http://127.0.0.1:8080",
  data: ".conclave",
  timeoutSeconds: 30,
  output: "table",
  colored: true,
} as const;

const endpoint = z.string().regex(/^https?:\/\/[^/?#\s@]+(?:\/[^?#\s]*)?$/, {
  error: "must look like http://127.0.0.1:8080 or https://node.example.org",
});

const configFile = strictFields(
  {
    api_endpoint: endpoint.optional(),
    data_dir: z.string().min(1, { error: "must be a folder" }).optional(),
    timeout_secs: z.number({ error: "must be a number" }).int().min(1).max(600).optional(),
    output_format: z.enum(["table", "json"], { error: 'must be "table" or "json"' }).optional(),
    colored: z.boolean({ error: "must be true or false" }).optional(),
  },
  "key",
);

/** The configuration file's content. Names are document 004's. */
export type ConfigFile = z.output<typeof configFile>;

type Environment = Readonly<Record<string, string | undefined>>;

/** `$XDG_CONFIG_HOME/conclave/config.json`, or the same under `~/.config`. */
export const configPath = (env: Environment): string =>
  join(env["XDG_CONFIG_HOME"] || join(homedir(), ".config"), "conclave", "config.json");

/** The file's content; empty if there is none. Throws `CliError` (usage) naming the file and what is wrong in it. */
export function readConfig(path: string): ConfigFile {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return {};
    throw usageError(`The configuration ${path} cannot be read: ${(cause as Error).message}.`, { cause });
  }
  const parsed = configFile.safeParse(parseJson(text, path));
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map(({ path: [key], message }) =>
    key === undefined ? message : `${String(key)} ${message}.`,
  );
  throw usageError(`The configuration ${path} is not right. ${faults.join(" ")}`);
}

function parseJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw usageError(`The configuration ${path} is not JSON: correct or delete it.`, { cause });
  }
}

/** Throws `CliError` (usage) for a contradiction or an endpoint that is none. */
export function resolveSettings(flags: Flags, env: Environment): Settings {
  const file = readConfig(configPath(env));
  const settings: Settings = {
    endpoint: first<string>(
      ["flag --api-endpoint", flags.apiEndpoint],
      ["environment CONCLAVE_API_ENDPOINT", env["CONCLAVE_API_ENDPOINT"] || undefined],
      ["environment THRESHOLD_API_ENDPOINT", env["THRESHOLD_API_ENDPOINT"] || undefined],
      ["file", file.api_endpoint],
      ["default", DEFAULTS.endpoint],
    ),
    data: first<string>(["flag --data", flags.data], ["file", file.data_dir], ["default", DEFAULTS.data]),
    timeoutSeconds: first<number>(["file", file.timeout_secs], ["default", DEFAULTS.timeoutSeconds]),
    output: first<"table" | "json">(
      ["flag", outputFlag(flags)],
      ["file", file.output_format],
      ["default", DEFAULTS.output],
    ),
    colored: first<boolean>(
      // Commander gives true where --no-color was not used.
      ["flag --no-color", flags.color === false ? false : undefined],
      ["file", file.colored],
      ["default", DEFAULTS.colored],
    ),
  };
  checkEndpoint(settings.endpoint.value);
  return settings;
}

function outputFlag({ json, output }: Flags): "table" | "json" | undefined {
  if (json && output === "table")
    throw usageError("--json and --output table contradict each other: give one of them.");
  return json ? "json" : output;
}

/** Throws `CliError` (usage) unless `value` is the address of an API. */
export function checkEndpoint(value: string): void {
  const { error } = endpoint.safeParse(value);
  if (error) throw usageError(`The API endpoint "${value}" ${error.issues[0]?.message ?? "is wrong"}.`);
}

function first<T>(...candidates: readonly (readonly [source: string, value: T | undefined])[]): Setting<T> {
  for (const [source, value] of candidates) if (value !== undefined) return { value, source };
  throw new Error("a setting without a default");
}
