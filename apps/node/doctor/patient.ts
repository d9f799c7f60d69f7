/** The node that a doctor looks at: its folder, its membership if that can be read, and its API if it runs. */
import { X509Certificate } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { ClusterStatus, Health } from "@conclave/api";
import { apiAddress } from "../cluster/api-address.ts";
import { nodeOf, pathIn, type NodeDir } from "../cluster/init/node-dir.ts";
import { isRunning } from "../cluster/init/while-stopped.ts";
import { readMembership, type Membership } from "../cluster/node-folder.ts";
import { readPrivate } from "../cluster/private-files.ts";

/** Anything on this machine answers sooner, or is in trouble. */
const API_PATIENCE_MS = 5_000;

export interface Patient {
  readonly node: NodeDir;
  /** Null while there is none, or it cannot be read: another check says why. */
  readonly membership: Membership | null;
  /** Whether a process holds the node's vault. */
  readonly runs: boolean;
  readonly nowMs: number;
  /** Asks the running node. Throws what `fetch` throws. */
  readonly ask: (path: string) => Promise<{ readonly status: number; readonly body: unknown }>;
}

/** Throws `ConfigWrong` for settings that are not right. */
export function examine(configFile: string, nowMs: number): Patient {
  const node = nodeOf(configFile);
  return { node, membership: membershipOf(node), runs: isRunning(node), nowMs, ask: (path) => askNode(node, path) };
}

function membershipOf({ folder }: NodeDir): Membership | null {
  try {
    return readMembership(folder);
  } catch {
    return null;
  }
}

async function askNode(node: NodeDir, path: string): Promise<{ readonly status: number; readonly body: unknown }> {
  const response = await fetch(`http://${apiAddress(node.config)}${path}`, {
    redirect: "manual",
    signal: AbortSignal.timeout(API_PATIENCE_MS),
    headers: authorization(node),
  });
  return { status: response.status, body: await response.json() };
}

function authorization(node: NodeDir): Readonly<Record<string, string>> {
  try {
    return { authorization: `Bearer ${readPrivate(pathIn(node, node.config.api_token_file)).trim()}` };
  } catch {
    // Another check says what is wrong with the token's file; much can be read without.
    return {};
  }
}

export const healthOf = async ({ ask }: Patient): Promise<Health> => (await ask("/health")).body as Health;

/** Throws if the answer is none. */
export async function clusterOf({ ask }: Patient): Promise<ClusterStatus> {
  const { status, body } = await ask("/api/v1/cluster/status");
  if (status !== 200) throw new Error(`GET /api/v1/cluster/status answered ${status}`);
  return body as ClusterStatus;
}

/** The end of the node's certificate; null without one. Throws what a damaged file throws. */
export function certificateEndMs({ node: { folder } }: Patient): number | null {
  const file = join(folder.certificatesDir, "node.crt");
  if (!existsSync(file)) return null;
  return new X509Certificate(readFileSync(file)).validToDate.getTime();
}
