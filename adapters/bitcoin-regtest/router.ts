import type { EsploraView } from "./esplora-view.ts";
import type { Regtest } from "./regtest.ts";
import type { Sats } from "./esplora-json.ts";

/** What a route knows: the chain, what the server lets out of it, and the request. */
export interface RouteContext {
  readonly regtest: Regtest;
  readonly view: EsploraView;
  readonly sats: Sats;
  /** Path parameter by its name in the pattern; never undefined for a name that the pattern holds. */
  readonly param: (name: string) => string;
  readonly query: URLSearchParams;
  readonly body: string;
  readonly broadcastErrors: BroadcastErrorFormat;
}

/** How a refused broadcast is told: as mempool.space's fork (`json`) or as Blockstream's electrs since 2024-12 (`text`). */
export type BroadcastErrorFormat = "json" | "text";

/** A string is answered as text, bytes as such, everything else as JSON. */
export type RouteResult = string | Uint8Array | object;

/** `GET /block/:hash/txs` and what answers it. */
export interface Route {
  readonly method: "GET" | "POST";
  readonly pattern: string;
  readonly answer: (context: RouteContext) => RouteResult;
}

/** An answer with a status other than 200: a text in Esplora's words. */
export class HttpError extends Error {
  override readonly name = "HttpError";
  readonly status: number;
  constructor(status: number, text: string) {
    super(text);
    this.status = status;
  }
}

export const get = (pattern: string, answer: Route["answer"]): Route => ({ method: "GET", pattern, answer });
export const post = (pattern: string, answer: Route["answer"]): Route => ({ method: "POST", pattern, answer });

/** The first route that fits, with its parameters; null if there is none. */
export function matchRoute(
  routes: readonly Route[],
  { method, path }: { method: string; path: string },
): { route: Route; params: ReadonlyMap<string, string> } | null {
  const segments = path.split("/");
  for (const route of routes) {
    const params = route.method === method ? matchPattern(route.pattern.split("/"), segments) : null;
    if (params !== null) return { route, params };
  }
  return null;
}

function matchPattern(pattern: readonly string[], segments: readonly string[]): ReadonlyMap<string, string> | null {
  if (pattern.length !== segments.length) return null;
  const params = new Map<string, string>();
  for (const [i, part] of pattern.entries()) {
    if (part.startsWith(":")) params.set(part.slice(1), segments[i]!);
    else if (part !== segments[i]) return null;
  }
  return params;
}

/** A 32-byte hash out of a path, in lower case. Throws `HttpError` in electrs' words. */
export function hashParam(text: string): string {
  if (/^[0-9a-f]{64}$/i.test(text)) return text.toLowerCase();
  throw new HttpError(400, /^(?:[0-9a-f]{2})*$/i.test(text) ? "Invalid hash string" : "Invalid hex string");
}

/** A non-negative number out of a path. Throws `HttpError`. */
export function numberParam(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new HttpError(400, "Invalid number");
  return Number(text);
}
