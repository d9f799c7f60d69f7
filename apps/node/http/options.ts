/** How a node's HTTP server is opened, and what it refuses to spend on strangers. */
import type { NodeService } from "@conclave/api";

/** Where requests and mistakes are written; pino's logger fits. Neither bodies nor headers are ever handed to it. */
export interface HttpLog {
  info(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** Every limit of the server. All can be set, because tests cannot wait and operators know their load. */
export interface HttpLimits {
  /** A payment request has at most a few hundred bytes; 64 KiB leave room for what comes. */
  readonly bodyBytes: number;
  readonly headerBytes: number;
  /** From the first byte of a connection or request to the end of its headers. */
  readonly headersTimeoutMs: number;
  /** To the end of its body. */
  readonly requestTimeoutMs: number;
  /** How long an answered connection may stay silent. */
  readonly keepAliveTimeoutMs: number;
  /** How often the two deadlines above are looked at. */
  readonly timeoutCheckMs: number;
  /** Connections at once; more are closed at once. Each costs some kilobytes. */
  readonly connections: number;
  /** Requests of one address in a minute, for reading: a client that waits for a payment asks every half second. */
  readonly readsPerMinute: number;
  /** The same for requests that change something. Document 004's promise. */
  readonly changesPerMinute: number;
  /** Mean delay of the event loop above which requests are turned away. */
  readonly eventLoopDelayMs: number;
}

export const DEFAULT_LIMITS: HttpLimits = {
  bodyBytes: 64 * 1024,
  headerBytes: 16 * 1024,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 20_000,
  keepAliveTimeoutMs: 10_000,
  timeoutCheckMs: 1_000,
  connections: 512,
  readsPerMinute: 600,
  changesPerMinute: 100,
  eventLoopDelayMs: 2_000,
};

/** What a node shows to its operator besides what clients ask for. */
export interface OperatorView {
  /** In the text format of Prometheus. */
  metrics(): Promise<{ readonly contentType: string; readonly text: string }>;
  version(): object;
  /** By a request's id, or the first half of it; null for what this node does not remember. */
  trace(id: string): object | null;
  /** The audit log, line by line as an export has it. */
  audit(): AsyncIterable<string>;
  /** A request was taken in, for a client whose `traceparent` is given as it came. Gives what to answer with. */
  asked(request: string, asked: { readonly traceparent: string | null; readonly startMs: number }): string;
  /** A request was answered; `route` as it stands in the table, never as it was asked. */
  answered(route: string, status: number): void;
}

export interface HttpOptions {
  readonly service: NodeService;
  readonly operator?: OperatorView;
  /** 0 takes any free port. */
  readonly port: number;
  /** Address to listen on. Off this machine, every request but `/health` and `/ready` needs the token. */
  readonly host?: string;
  /** What callers send as `Authorization: Bearer …`: 32 to 256 letters, digits or `-_.~+/=`. */
  readonly token: string;
  readonly log: HttpLog;
  /** Host names, without port, that the node answers to beside its own address and the loopback names. */
  readonly allowedHosts?: readonly string[];
  /** Origins of web pages that may call, such as `https://wallet.example.org`. None by default. */
  readonly allowedOrigins?: readonly string[];
  readonly limits?: Partial<HttpLimits>;
}

/** 127.0.0.0/8, ::1 and localhost: only programs on this machine reach them. */
export const isLoopback = (host: string): boolean =>
  host === "localhost" || host === "::1" || host === "[::1]" || /^127(?:\.\d{1,3}){3}$/.test(host);
