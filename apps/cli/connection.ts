/** The way to the node: its client, its token, and a deadline on every request. */
import { lstatSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createClient, type Client } from "@conclave/api";
import { EXIT, CliError, usageError } from "./exit.ts";
import type { Settings } from "./settings.ts";

/** A client for reading. It carries the token only off this machine, where reading needs it, and only if one was named. */
export function openReader(settings: Settings): Client {
  const remote = !isLocal(settings.endpoint.value);
  const named = settings.data.source !== "default";
  return open(settings, remote && named ? readToken(settings) : undefined);
}

/** A client that may change things. Throws `CliError` if there is no token or it would travel in the clear. */
export function openWriter(settings: Settings): Client {
  const { endpoint, data } = settings;
  if (!isLocal(endpoint.value) && data.source === "default") {
    throw usageError(
      `The API token for ${endpoint.value} is not known: name the folder that holds its file api-token with --data.`,
    );
  }
  return open(settings, readToken(settings));
}

function open({ endpoint, timeoutSeconds }: Settings, token: string | undefined): Client {
  return createClient({
    baseUrl: endpoint.value,
    fetch: (url, request) => fetch(url, { ...request, signal: AbortSignal.timeout(timeoutSeconds.value * 1000) }),
    ...(token === undefined ? {} : { token }),
  });
}

/** True for an address that only this machine has. */
export const isLocal = (endpoint: string): boolean =>
  ["127.0.0.1", "localhost", "[::1]"].includes(new URL(endpoint).hostname);

/** Where the token of a network lies. */
export const tokenPath = ({ data }: Settings): string => join(data.value, "api-token");

/** Throws `CliError` if the file is missing or others can read it, or if the line to the node is not encrypted. */
export function readToken(settings: Settings): string {
  const { endpoint } = settings;
  if (endpoint.value.startsWith("http:") && !isLocal(endpoint.value)) {
    throw usageError(`The API token would travel in the clear to ${endpoint.value}: use an https address.`);
  }
  const path = tokenPath(settings);
  try {
    checkMode(path);
    const token = readFileSync(path, "utf8").trim();
    if (token !== "") return token;
    throw usageError(`The API token at ${path} is empty: name the folder of the network with --data.`);
  } catch (cause) {
    if (cause instanceof CliError) throw cause;
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") {
      throw new CliError(
        EXIT.notReady,
        "token-missing",
        `There is no API token at ${path}: start the local network with "npm start", or name its folder with --data.`,
        { cause },
      );
    }
    throw usageError(`The API token at ${path} cannot be read: ${(cause as Error).message}.`, { cause });
  }
}

function checkMode(path: string): void {
  const stats = lstatSync(path);
  if (!stats.isFile())
    throw usageError(`The API token at ${path} is not a file: name the folder of the network with --data.`);
  const { mode } = stats;
  if (process.platform !== "win32" && (mode & 0o077) !== 0) {
    throw usageError(`Other users of this machine can read the API token: run "chmod 600 ${path}" first.`);
  }
}
