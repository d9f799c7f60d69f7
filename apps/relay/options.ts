/** What a relay can be told, and what it does unless told otherwise. */
import type { MailroomLimits } from "@conclave/relay";
import type { Logger } from "pino";

export interface ListenAddress {
  /** Without brackets if it is an IPv6 address. */
  readonly host: string;
  /** 0 takes any that is free. */
  readonly port: number;
}

export interface ServiceLimits {
  /** TCP connections in all: sockets, requests, strangers. */
  readonly connections: number;
  /** TCP connections from one address. Behind a proxy everybody has the proxy's address. */
  readonly connectionsPerAddress: number;
  /** Bytes on their way to one connection that does not read; the fullest mailbox, and room. Then it is cut. */
  readonly backlogBytes: number;
  /** Bytes on their way to all. Past it, the connection with the most is cut. */
  readonly totalBacklogBytes: number;
  /** Frames of one socket that came to nothing, by fault and not for want of room, before it is cut. */
  readonly badFrames: number;
  /** How often a client's socket is pinged. One that said nothing for three of these is cut. */
  readonly pingIntervalMs: number;
  /** How long the headers of a request, and then all of it, may take to arrive. */
  readonly requestTimeoutMs: number;
  /** How long `close` waits for clients to leave before it cuts them. */
  readonly closingMs: number;
}

export const DEFAULT_SERVICE_LIMITS: ServiceLimits = {
  connections: 1_024,
  connectionsPerAddress: 256,
  backlogBytes: 32 << 20,
  totalBacklogBytes: 256 << 20,
  badFrames: 16,
  pingIntervalMs: 15_000,
  requestTimeoutMs: 30_000,
  closingMs: 2_000,
};

export interface PeerOptions {
  /** Questions on their way to a peer at a time; those beyond wait until it has taken them. */
  readonly queueSize: number;
  /** Before the first reconnection; it grows by half with each that fails. */
  readonly reconnectDelayMs: number;
  /** A peer that said nothing for two of these is taken for gone. */
  readonly pingIntervalMs: number;
}

export const DEFAULT_PEER_OPTIONS: PeerOptions = { queueSize: 256, reconnectDelayMs: 3_000, pingIntervalMs: 5_000 };

export const DEFAULT_LISTEN: ListenAddress = { host: "127.0.0.1", port: 8080 };

export interface RelayOptions {
  /** Default: 127.0.0.1:8080. */
  readonly listen?: readonly ListenAddress[];
  /** Other relays: `http://`, `https://`, `ws://` or `wss://`. */
  readonly peers?: readonly string[];
  /** File that keeps messages over a restart. Default: nothing does. */
  readonly persist?: string;
  readonly limits?: Partial<MailroomLimits>;
  readonly service?: Partial<ServiceLimits>;
  readonly peer?: Partial<PeerOptions>;
  /** Default: silent. */
  readonly log?: Logger;
}

/** What was asked for does not fit together, or is no address. The message says what would do. */
export class WrongUsage extends Error {
  override readonly name = "WrongUsage";
}

/** A port or a file that another process holds. Names it and says what to do. */
export class InUse extends Error {
  override readonly name = "InUse";
}
