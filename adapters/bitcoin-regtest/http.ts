import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { satsWith } from "./esplora-json.ts";
import { EsploraView } from "./esplora-view.ts";
import type { Regtest } from "./regtest.ts";
import { type BroadcastErrorFormat, HttpError, matchRoute, type Route, type RouteResult } from "./router.ts";
import { adminRoutes } from "./routes-admin.ts";
import { blockRoutes } from "./routes-blocks.ts";
import { mempoolRoutes } from "./routes-mempool.ts";
import { scriptRoutes } from "./routes-scripts.ts";
import { transactionRoutes } from "./routes-transactions.ts";

/** How to serve a chain. */
export interface ListenOptions {
  /** 0, the default, takes a free one. Always on 127.0.0.1. */
  readonly port?: number;
  /** Also offer faucet, mine and reorg under /regtest. */
  readonly admin?: boolean;
  /** `json` by default. */
  readonly broadcastErrors?: BroadcastErrorFormat;
}

export interface RegtestServer {
  /** `http://127.0.0.1:<port>`, without a slash at the end. */
  readonly url: string;
  /** Requests so far, as `GET /path`: what a client really asked. */
  readonly requests: readonly string[];
  close(): Promise<void>;
}

/** The largest standard transaction is 400,000 bytes, twice that in hex; a package of small ones fits as well. */
const MAX_BODY_BYTES = 1_000_000;
const MAX_CONNECTIONS = 256;
const REQUEST_TIMEOUT_MS = 30_000;
/** Requests remembered for tests. */
const MAX_REMEMBERED = 10_000;

const ESPLORA_ROUTES: readonly Route[] = [...blockRoutes, ...scriptRoutes, ...transactionRoutes, ...mempoolRoutes];

/** Starts a server; see `Regtest.listen`. */
export async function listen(regtest: Regtest, options: ListenOptions): Promise<RegtestServer> {
  const requests: string[] = [];
  const server = createServer({ requestTimeout: REQUEST_TIMEOUT_MS }, (request, response) => {
    if (requests.length < MAX_REMEMBERED) requests.push(`${request.method} ${request.url}`);
    void serve(regtest, options, { request, response });
  });
  server.maxConnections = MAX_CONNECTIONS;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port ?? 0, "127.0.0.1", resolve);
  });
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, requests, close: () => closeServer(server) };
}

async function closeServer(server: Server): Promise<void> {
  if (!server.listening) return;
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeAllConnections();
  await closed;
}

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

async function serve(regtest: Regtest, options: ListenOptions, { request, response }: Exchange): Promise<void> {
  try {
    const body = await readBody(request);
    const { latencyMs } = regtest.faults.current;
    if (latencyMs > 0) await new Promise((resolve) => setTimeout(resolve, latencyMs));
    const failure = regtest.faults.takeFailure();
    if (failure !== null) throw new HttpError(failure, "unavailable on purpose");
    send(response, { status: 200, result: answer(regtest, options, { request, body }) }, regtest.faults.current);
  } catch (cause) {
    const error = cause instanceof HttpError ? cause : new HttpError(500, `internal error: ${String(cause)}`);
    send(response, { status: error.status, result: error.message }, regtest.faults.current);
  }
}

/** Reads a body up to the limit. Throws `HttpError` (413) beyond it. */
async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) throw new HttpError(413, `request body exceeds ${MAX_BODY_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function answer(
  regtest: Regtest,
  options: ListenOptions,
  { request, body }: { request: IncomingMessage; body: string },
): RouteResult {
  const url = new URL(request.url ?? "/", "http://127.0.0.1");
  const path = url.pathname;
  if (path.startsWith("/regtest")) checkAdminRequest(options, request);
  const routes = options.admin === true ? [...adminRoutes, ...ESPLORA_ROUTES] : ESPLORA_ROUTES;
  const match = matchRoute(routes, { method: request.method ?? "", path });
  if (match === null) throw new HttpError(404, `endpoint does not exist ${JSON.stringify(path)}`);
  return match.route.answer({
    regtest,
    view: new EsploraView(regtest),
    sats: satsWith(regtest.faults.current.amountLie),
    param: (name) => match.params.get(name)!,
    query: url.searchParams,
    body,
    broadcastErrors: options.broadcastErrors ?? "json",
  });
}

/** A web page in the user's browser must not be able to drive the chain: neither by a form nor by a rebound host name. */
function checkAdminRequest({ admin }: ListenOptions, request: IncomingMessage): void {
  if (admin !== true) return;
  if (!/^(?:127\.0\.0\.1|localhost)(?::\d+)?$/.test(request.headers.host ?? "")) {
    throw new HttpError(403, "only for 127.0.0.1");
  }
  if (request.method === "POST" && !/^application\/json\b/.test(request.headers["content-type"] ?? "")) {
    throw new HttpError(415, "content-type must be application/json");
  }
}

function send(
  response: ServerResponse,
  { status, result }: { status: number; result: RouteResult },
  { cutBodies }: { cutBodies: boolean },
): void {
  const { type, bytes } = encode(result);
  response.writeHead(status, { "content-type": type, "content-length": bytes.length });
  if (!cutBodies) return void response.end(bytes);
  response.write(bytes.subarray(0, bytes.length >> 1), () => response.destroy());
}

function encode(result: RouteResult): { type: string; bytes: Uint8Array } {
  if (typeof result === "string") return { type: "text/plain", bytes: Buffer.from(result) };
  if (result instanceof Uint8Array) return { type: "application/octet-stream", bytes: result };
  return { type: "application/json", bytes: Buffer.from(JSON.stringify(result)) };
}
