/** TLS 1.3 over TCP: for networks that let no UDP through, and machines without the QUIC library's binary. */
import { constants } from "node:crypto";
import { createServer as createTcpServer, type Server, type Socket } from "node:net";
import { connect, createServer, type Server as TlsServer, type SecureContextOptions, type TLSSocket } from "node:tls";
import { Admission } from "./admission.ts";
import { printAddress, resolveAddress } from "./address.ts";
import { privateKeyPem, type Credentials } from "./certs/manager.ts";
import type { Engine, EngineOptions } from "./engine.ts";
import { ALPN, HANDSHAKE_MS } from "./limits.ts";
import type { RegisteredPeer } from "./peer-registry.ts";
import { Refused, tlsReason } from "./refusal.ts";
import { Session } from "./session.ts";

/** What a TCP connection that breaks without a word costs before the mesh's own silence ends it. */
const KEEP_ALIVE_MS = 5_000;

export class TlsEngine implements Engine {
  readonly kind = "tls";
  readonly silenceMs = null;
  readonly #options: EngineOptions;
  readonly #admission = new Admission();
  /** Takes connections and counts them; those that are let in go to the TLS server, which never listens itself. */
  readonly #tcp: Server;
  readonly #tls: TlsServer;
  /** Who is at the door, by address and port. */
  readonly #atDoor = new Map<string, () => void>();
  readonly #sessions = new Set<Session>();
  readonly #sockets = new Set<Socket>();
  readonly #stopFollowing: () => void;

  constructor(options: EngineOptions) {
    this.#options = options;
    const { certificates } = options;
    this.#tls = createServer({
      ...listenerContextOf(certificates.current),
      requestCert: true,
      rejectUnauthorized: true,
      ALPNProtocols: [ALPN],
      handshakeTimeout: HANDSHAKE_MS,
    });
    this.#tls.on("secureConnection", (socket) => this.#secured(socket));
    this.#tls.on("tlsClientError", (error: NodeJS.ErrnoException, socket) => this.#failed(error, socket));
    this.#tcp = createTcpServer({ noDelay: true, pauseOnConnect: true }, (socket) => this.#arrived(socket));
    // Links that are up keep the session keys they have; only handshakes from now on see the new certificate.
    this.#stopFollowing = certificates.onChange((next) => {
      this.#tls.setSecureContext(listenerContextOf(next));
      this.#tellListening(next);
    });
  }

  async start(): Promise<void> {
    const { host, port } = this.#options.listen;
    await new Promise<void>((resolve, reject) => {
      this.#tcp.once("error", reject);
      this.#tcp.listen({ host, port }, () => {
        this.#tcp.off("error", reject);
        resolve();
      });
    });
    this.#tellListening(this.#options.certificates.current);
  }

  async dial(peer: RegisteredPeer): Promise<Session> {
    const { certificates, clock } = this.#options;
    const { host, port } = await resolveAddress(peer.address);
    const socket = connect({
      host,
      port,
      servername: peer.name,
      ...contextOf(certificates.current),
      rejectUnauthorized: true,
      ALPNProtocols: [ALPN],
    });
    socket.setNoDelay(true);
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    this.#keep(socket);
    await new Promise<void>((resolve, reject) => {
      const deadline = clock.schedule(HANDSHAKE_MS, () =>
        socket.destroy(new Error(`no answer within ${HANDSHAKE_MS} ms`)),
      );
      const failed = (error: NodeJS.ErrnoException): void => {
        deadline.cancel();
        // A certificate that is not accepted is one that came: the others' judgement of ours arrives later.
        reject(
          new Refused("unproven", error.code === undefined ? error.message : tlsReason(error.code, "its"), {
            cause: error,
          }),
        );
      };
      socket.once("error", failed);
      socket.once("secureConnect", () => {
        deadline.cancel();
        socket.off("error", failed);
        resolve();
      });
    });
    if (socket.alpnProtocol !== ALPN) {
      socket.destroy();
      throw new Refused("unproven", "it speaks another protocol than ours: run the same release on both");
    }
    return this.#session(socket, printAddress({ host, port }));
  }

  async close(): Promise<void> {
    this.#stopFollowing();
    const closed = new Promise<void>((resolve) => this.#tcp.close(() => resolve()));
    await Promise.all([...this.#sessions].map((session) => new Promise<void>((resolve) => session.onOver(resolve))));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #tellListening({ leaf }: Credentials): void {
    const address = this.#tcp.address();
    if (address === null || typeof address === "string") return;
    this.#options.events.listening(printAddress({ host: address.address, port: address.port }), leaf.serialNumber);
  }

  #arrived(socket: Socket): void {
    const address = socket.remoteAddress;
    if (address === undefined) return void socket.destroy();
    const admitted = this.#admission.enter(address);
    if ("full" in admitted) {
      this.#options.events.refused(address, admitted.full);
      return void socket.destroy();
    }
    const key = doorOf(socket);
    this.#atDoor.set(key, admitted.leave);
    socket.once("close", () => {
      admitted.leave();
      this.#atDoor.delete(key);
    });
    socket.on("error", () => socket.destroy());
    this.#keep(socket);
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    this.#tls.emit("connection", socket);
  }

  #secured(socket: TLSSocket): void {
    const leave = this.#atDoor.get(doorOf(socket)) ?? ((): void => {});
    const session = this.#session(socket, `${socket.remoteAddress ?? "?"}:${socket.remotePort ?? 0}`);
    this.#options.events.incoming(session, leave);
  }

  #failed(error: NodeJS.ErrnoException, socket: TLSSocket): void {
    const judged = socket.authorizationError as unknown;
    const code = typeof judged === "string" ? judged : error.code;
    this.#options.events.refused(socket.remoteAddress ?? "?", tlsReason(code, "its"));
    socket.destroy();
  }

  #session(socket: TLSSocket, address: string): Session {
    const certificate = socket.getPeerX509Certificate() ?? null;
    // First in line, because it has better words: after the handshake it is our certificate that the other end may not like.
    socket.on("error", ({ code }: NodeJS.ErrnoException) => session.over(tlsReason(code, "our")));
    const hangUp = (): void => void socket.destroy();
    const session = new Session({ stream: socket, address, certificate, clock: this.#options.clock, hangUp });
    this.#sessions.add(session);
    session.onOver(() => this.#sessions.delete(session));
    return session;
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
  }
}

const doorOf = ({ remoteAddress, remotePort }: Socket): string => `${remoteAddress} ${remotePort}`;

function contextOf(credentials: Credentials): SecureContextOptions {
  const { ca, certificate } = credentials;
  return { ca, cert: certificate, key: privateKeyPem(credentials), minVersion: "TLSv1.3", maxVersion: "TLSv1.3" };
}

/** No session is taken up again, because a certificate is judged in full handshakes only. Nor is there early data, ever. */
const listenerContextOf = (credentials: Credentials): SecureContextOptions => ({
  ...contextOf(credentials),
  secureOptions: constants.SSL_OP_NO_TICKET,
});
