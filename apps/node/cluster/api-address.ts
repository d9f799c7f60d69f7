/** Where this machine asks a node's API: one that listens everywhere is asked here. */
import type { NodeConfig } from "./config.ts";

/** host:port as a URL has it. */
export function apiAddress({ api_host: host, api_port: port }: Pick<NodeConfig, "api_host" | "api_port">): string {
  const here = host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "::1" : host;
  return `${here.includes(":") ? `[${here}]` : here}:${port}`;
}
