/**
 * Where sockets wait until they have proven an identity. libp2p gives each up to ten seconds, refuses honest ones while ten
 * strangers wait, and never tires of one that opened a WebSocket's port and says nothing. Here the wait is short, its cost is
 * bounded, and when it is full the one goes that has waited longest among those of the busiest host.
 */
import { Server, type Socket } from "node:net";
import type { Clock, Timer } from "@conclave/node";
import {
  MAX_ARRIVALS_PER_SECOND,
  MAX_KNOWN_HOSTS,
  MAX_UNPROVEN,
  MAX_UNPROVEN_BYTES,
  PROOF_MS,
  UNPROVEN_LOOK_MS,
} from "./limits.ts";

interface Waiting {
  readonly socket: Socket;
  readonly host: string;
  readonly sinceMs: number;
}

export interface PorchOptions {
  readonly clock: Clock;
  /** A socket was closed before it proved anything. */
  readonly turnedAway: (reason: string, address: string) => void;
}

export class Porch {
  readonly #options: PorchOptions;
  /** In order of arrival. */
  readonly #waiting = new Map<Socket, Waiting>();
  /** Sockets that came from a host in this second, and hosts whence a peer came before. */
  #arrivals = new Map<string, number>();
  #arrivalsSinceMs = 0;
  readonly #knownHosts = new Set<string>();
  #look: Timer | null = null;
  #isClosed = false;

  constructor(options: PorchOptions) {
    this.#options = options;
  }

  /** Sockets without a proof. */
  get size(): number {
    return this.#waiting.size;
  }

  /**
   * Stand before a listener of libp2p. Its server is a private field: throws if this version of libp2p keeps it elsewhere,
   * since to listen without a porch is not safe.
   */
  guard(listener: object): void {
    const server: unknown = Reflect.get(listener, "server");
    if (!(server instanceof Server))
      throw new Error("this version of libp2p hides its sockets: install the version that package-lock.json names");
    server.prependListener("connection", (socket) => this.#enter(socket));
  }

  /**
   * The socket with this other end belongs to a proven peer from now on. Ports are compared first: libp2p may write an address
   * in another way than the socket does.
   */
  admit(host: string, port: number): void {
    const candidates = [...this.#waiting.values()].filter(({ socket }) => socket.remotePort === port);
    const admitted = candidates.find((waiting) => waiting.host === host) ?? candidates[0];
    if (admitted === undefined) return;
    this.#leave(admitted.socket);
    if (this.#knownHosts.size < MAX_KNOWN_HOSTS) this.#knownHosts.add(admitted.host);
  }

  close(): void {
    this.#isClosed = true;
    this.#look?.cancel();
    for (const socket of this.#waiting.keys()) socket.destroy();
    this.#waiting.clear();
  }

  #enter(socket: Socket): void {
    if (this.#isClosed) return void socket.destroy();
    const host = hostOf(socket);
    const nowMs = this.#options.clock.nowMs();
    if (this.#comesTooOften(host, nowMs)) {
      this.#options.turnedAway(`more than ${MAX_ARRIVALS_PER_SECOND} sockets in a second`, host);
      return void socket.destroy();
    }
    if (this.#waiting.size >= MAX_UNPROVEN) this.#turnAway(this.#longestOfBusiest(), "too many at once prove nothing");
    const waiting = { socket, host, sinceMs: nowMs };
    this.#waiting.set(socket, waiting);
    socket.once("close", () => this.#leave(socket));
    // libp2p listens to a WebSocket's errors only after its first byte.
    socket.on("error", () => {});
    this.#lookLater();
  }

  /** A handshake costs milliseconds, which a host without a peer gets a share of and no more. */
  #comesTooOften(host: string, nowMs: number): boolean {
    if (nowMs - this.#arrivalsSinceMs >= 1_000) {
      this.#arrivals = new Map();
      this.#arrivalsSinceMs = nowMs;
    }
    const arrivals = (this.#arrivals.get(host) ?? 0) + 1;
    this.#arrivals.set(host, arrivals);
    return arrivals > MAX_ARRIVALS_PER_SECOND && !this.#knownHosts.has(host);
  }

  #leave(socket: Socket): void {
    this.#waiting.delete(socket);
  }

  #turnAway({ socket, host }: Waiting, reason: string): void {
    this.#leave(socket);
    this.#options.turnedAway(reason, `${host}:${socket.remotePort ?? 0}`);
    socket.destroy();
  }

  #longestOfBusiest(): Waiting {
    const hosts = new Map<string, Waiting[]>();
    for (const waiting of this.#waiting.values())
      hosts.set(waiting.host, [...(hosts.get(waiting.host) ?? []), waiting]);
    const busiest = [...hosts.values()].reduce((most, waiting) => (waiting.length > most.length ? waiting : most));
    return busiest[0]!;
  }

  #lookLater(): void {
    this.#look ??= this.#options.clock.schedule(UNPROVEN_LOOK_MS, () => {
      this.#look = null;
      const nowMs = this.#options.clock.nowMs();
      for (const waiting of this.#waiting.values()) {
        if (nowMs - waiting.sinceMs > PROOF_MS) this.#turnAway(waiting, `no proof within ${PROOF_MS} ms`);
        else if (waiting.socket.bytesRead > MAX_UNPROVEN_BYTES)
          this.#turnAway(waiting, `more than ${MAX_UNPROVEN_BYTES} bytes and no proof among them`);
      }
      if (this.#waiting.size > 0 && !this.#isClosed) this.#lookLater();
    });
  }
}

/** As libp2p writes it: an IPv4 address that came over an IPv6 socket is an IPv4 address. */
const hostOf = (socket: Socket): string => (socket.remoteAddress ?? "").replace(/^::ffff:(?=\d+\.)/, "");
