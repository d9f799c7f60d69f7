/** QUIC (RFC 9000) with certificates on both sides: one connection and one bidirectional stream per link. */
import type { QuicClientSession, QuicServer, QuicServerSession, QuicStream } from "@currentspace/http3";
import type { NodeId } from "@conclave/consensus";
import type { Timer } from "@conclave/node";
import { Admission } from "./admission.ts";
import { printAddress, resolveAddress } from "./address.ts";
import { privateKeyPem, type Credentials } from "./certs/manager.ts";
import type { Engine, EngineOptions } from "./engine.ts";
import { Heartbeat } from "./heartbeat.ts";
import { ALPN, HANDSHAKE_MS, MAX_UNPROVEN } from "./limits.ts";
import type { RegisteredPeer } from "./peer-registry.ts";
import { inPrivateTemporary, privateTemporaryLeft } from "./private-temporary.ts";
import { isGone, unlessGone, watchHandshake, watchHandshakes, type QuicLibrary } from "./quic-library.ts";
import { closeReason, Refused, REFUSAL_CODES } from "./refusal.ts";
import { Session } from "./session.ts";

/** Connections of proven peers: a link, and its successor while the old one is not known to be dead. Beyond: a restart loop. */
const MAX_PROVEN = 128;

/**
 * A dial that got not one packet back in so long is given up and made anew. A first packet that was lost, because the peer had
 * not begun to listen, is repeated by the library only after a second, and then ever later. Doubles with each dial in vain, for
 * lines that need longer.
 */
const ANSWER_FIRST_MS = 300;
const ANSWER_LONGEST_MS = 2_400;

/** The library's last resort; the heartbeat is what finds dead peers. Programs on both sides may stand still for so long. */
const IDLE_MS = 15_000;

/** A peer whose machine answers and whose program says nothing for so long hangs for good. */
const HUNG_MS = 30_000;

/** A frame of the largest size is under way on a line of 100 ms while the next one is sent. */
const STREAM_WINDOW_BYTES = 4 << 20;
const CONNECTION_WINDOW_BYTES = 2 * STREAM_WINDOW_BYTES;

/** One stream carries the link; the dialler opens it. */
const STREAMS_OF_DIALLER = 1;
const STREAMS_OF_LISTENER = 0;

/** An Ethernet frame without the headers of IPv6 and UDP; the library finds out whether more fits. */
const UDP_PAYLOAD_BYTES = 1_452;

/** A listener with links on it keeps its old certificate while that is good, but not to its last minute. */
const REPLACE_BEFORE_END_MS = 3_600_000;
/** How often that is looked at. */
const REPLACE_LOOK_MS = 60_000;

const TRANSPORT = {
  alpn: [ALPN] as string[],
  // Plain readiness of sockets: containers often forbid io_uring, and it is no faster here.
  runtimeMode: "portable",
  fallbackPolicy: "error",
  maxIdleTimeoutMs: IDLE_MS,
  initialMaxData: CONNECTION_WINDOW_BYTES,
  initialMaxStreamDataBidiLocal: STREAM_WINDOW_BYTES,
  maxUdpPayloadSize: UDP_PAYLOAD_BYTES,
  enableDatagrams: false,
  keylog: false,
} as const;

/** A handshake under way at our listener. */
interface Unproven {
  readonly address: string;
  readonly leave: () => void;
  readonly deadline: Timer;
}

export class QuicEngine implements Engine {
  readonly kind = "quic";
  readonly silenceMs = HUNG_MS;
  readonly #library: QuicLibrary;
  readonly #options: EngineOptions;
  readonly #admission = new Admission();
  readonly #heartbeat: Heartbeat;
  readonly #unproven = new Map<number, Unproven>();
  /** How long the next dial of a peer waits for its first packet. */
  readonly #patienceMs = new Map<NodeId, number>();
  readonly #sessions = new Set<Session>();
  readonly #incoming = new Set<Session>();
  /** Sessions whose native half is being ended. */
  readonly #closing = new Set<Promise<void>>();
  #server: QuicServer | null = null;
  #port: number;
  /** What the server shows, and what it should: they differ while links keep it. */
  #shown: Credentials;
  #isReplacing = false;
  #isClosed = false;
  #look: Timer | null = null;
  #stopFollowing: () => void = () => {};

  constructor(library: QuicLibrary, options: EngineOptions) {
    this.#library = library;
    this.#options = options;
    this.#heartbeat = new Heartbeat(options.clock);
    this.#port = options.listen.port;
    this.#shown = options.certificates.current;
  }

  async start(): Promise<void> {
    await this.#listen();
    this.#stopFollowing = this.#options.certificates.onChange(() => this.#replaceIfDue());
    this.#lookLater();
  }

  async dial(peer: RegisteredPeer): Promise<Session> {
    const { certificates } = this.#options;
    const { host, port } = await resolveAddress(peer.address);
    if (this.#isClosed) throw new Error("the transport was closed");
    const credentials = certificates.current;
    const native = inPrivateTemporary(() =>
      this.#library.connectQuic(
        { address: host, port, servername: peer.name },
        {
          ...TRANSPORT,
          ca: credentials.ca,
          cert: credentials.certificate,
          key: privateKeyPem(credentials),
          servername: peer.name,
          rejectUnauthorized: true,
          initialMaxStreamsBidi: STREAMS_OF_LISTENER,
          connectTimeoutMs: HANDSHAKE_MS,
          // Early data could be replayed, and a resumed session is judged by an old handshake: neither is ever used.
          allow0RTT: false,
        },
      ),
    );
    let failure: string | null = null;
    native.on("error", (error) => (failure ??= error.message));
    const handshake = watchHandshake(native);
    native.on("close", (info) => (failure ??= closeReason(info, handshake.isDone() ? "our" : "its")));
    const patience = this.#awaitAnswer(native, peer.id, (reason) => {
      failure ??= reason;
      this.#end(native, 0);
    });
    try {
      await native.ready();
      this.#patienceMs.delete(peer.id);
      return this.#session(native, native.openStream(), {
        address: printAddress({ host, port }),
        certificate: null,
        hangUp: (code) => this.#end(native, code),
      });
    } catch (cause) {
      this.#end(native, 0);
      throw new Refused("unproven", failure ?? (cause as Error).message, { cause });
    } finally {
      patience.cancel();
    }
  }

  #awaitAnswer(native: QuicClientSession, peer: NodeId, giveUp: (reason: string) => void): Timer {
    const patienceMs = this.#patienceMs.get(peer) ?? ANSWER_FIRST_MS;
    return this.#options.clock.schedule(patienceMs, () => {
      if ((native.getMetrics()?.packetsIn ?? 0) > 0) return this.#patienceMs.delete(peer);
      this.#patienceMs.set(peer, Math.min(patienceMs * 2, ANSWER_LONGEST_MS));
      giveUp(`nobody answered within ${patienceMs} ms`);
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#stopFollowing();
    this.#look?.cancel();
    await Promise.all([...this.#sessions].map((session) => new Promise<void>((resolve) => session.onOver(resolve))));
    await Promise.all(this.#closing);
    await this.#server?.close();
    this.#server = null;
    for (const { deadline, leave } of this.#unproven.values()) {
      deadline.cancel();
      leave();
    }
    this.#unproven.clear();
  }

  async #listen(): Promise<void> {
    const { certificates, listen, events } = this.#options;
    const credentials = certificates.current;
    const server = this.#library.createQuicServer({
      ...TRANSPORT,
      ca: credentials.ca,
      cert: credentials.certificate,
      key: privateKeyPem(credentials),
      clientAuth: "require",
      initialMaxStreamsBidi: STREAMS_OF_DIALLER,
      maxConnections: MAX_UNPROVEN + MAX_PROVEN,
      disableActiveMigration: true,
      // A token first (RFC 9000, 8.1.2): who forges his address costs us no memory and makes us send nobody anything.
      disableRetry: false,
    });
    server.on("error", ({ message }) => events.refused("?", message));
    server.on("session", (native) => this.#incomingSession(native));
    watchHandshakes(server, {
      began: (handle, address, close) => this.#began(handle, address, close),
      ended: (handle, close) => this.#ended(handle, close),
    });
    const { address, port } = await inPrivateTemporary(() => server.listen(this.#port, listen.host));
    await privateTemporaryLeft();
    this.#server = server;
    this.#port = port;
    this.#shown = credentials;
    events.listening(printAddress({ host: address, port }), credentials.leaf.serialNumber);
  }

  #began(handle: number, address: string, close: (code: number) => void): void {
    const { clock, events } = this.#options;
    const admitted = this.#admission.enter(address);
    if ("full" in admitted) {
      events.refused(address, admitted.full);
      return close(REFUSAL_CODES.busy);
    }
    const deadline = clock.schedule(HANDSHAKE_MS, () => close(REFUSAL_CODES.unproven));
    this.#unproven.set(handle, { address, leave: admitted.leave, deadline });
  }

  #ended(handle: number, close: { readonly errorCode: number; readonly reason: string }): void {
    const unproven = this.#settle(handle);
    if (unproven !== undefined && !this.#isClosed)
      this.#options.events.refused(unproven.address, closeReason(close, "its"));
  }

  /** Somebody at the door came in or went away. */
  #settle(handle: number): Unproven | undefined {
    const unproven = this.#unproven.get(handle);
    this.#unproven.delete(handle);
    unproven?.deadline.cancel();
    unproven?.leave();
    return unproven;
  }

  #incomingSession(native: QuicServerSession): void {
    const address = printAddress({ host: native.remoteAddress, port: native.remotePort });
    native.on("error", () => unlessGone(() => native.close()));
    native.once("stream", (stream) => {
      const session = this.#session(native, stream, {
        address,
        certificate: native.getPeerCertificate(),
        hangUp: (code) => unlessGone(() => native.close(code)),
      });
      this.#incoming.add(session);
      session.onOver(() => {
        this.#incoming.delete(session);
        this.#replaceIfDue();
      });
      this.#options.events.incoming(session, () => void this.#settle(native.connHandle));
    });
  }

  #session(
    native: QuicClientSession | QuicServerSession,
    stream: QuicStream,
    parts: Pick<Session, "address" | "certificate"> & { readonly hangUp: (code: number) => void },
  ): Session {
    const session = new Session({ ...parts, stream, clock: this.#options.clock });
    const pulse = { getMetrics: () => native.getMetrics(), ping: () => unlessGone(() => void native.ping()) };
    const rest = this.#heartbeat.follow(pulse, () => session.over("nobody answers there any more"));
    this.#sessions.add(session);
    session.onOver(() => {
      rest();
      this.#sessions.delete(session);
    });
    // After the handshake it is our certificate that the other end may not like.
    native.on("close", (info) => session.over(closeReason(info, "our")));
    native.on("error", ({ message }) => session.over(message));
    return session;
  }

  #end(native: QuicClientSession, code: number): void {
    const closing = native
      .close(code)
      .catch((error: unknown) => {
        if (!isGone(error)) throw error;
      })
      .finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
  }

  #lookLater(): void {
    this.#look = this.#options.clock.schedule(REPLACE_LOOK_MS, () => {
      this.#replaceIfDue();
      if (!this.#isClosed) this.#lookLater();
    });
  }

  /**
   * The library cannot change a listener's certificate, and a new listener on the same port takes the old one's links away. So
   * the old one stays, with its old certificate, which is still good, until no link needs it or the certificate's end is near.
   * Our own dials show the new one from the first moment.
   */
  #replaceIfDue(): void {
    const { certificates, clock, events } = this.#options;
    if (this.#isClosed || this.#isReplacing || this.#server === null || this.#shown === certificates.current) return;
    const isEnding = this.#shown.leaf.validToDate.getTime() - clock.nowMs() < REPLACE_BEFORE_END_MS;
    if (this.#incoming.size > 0 && !isEnding) return;
    this.#isReplacing = true;
    const old = this.#server;
    this.#server = null;
    void old
      .close()
      .then(() => (this.#isClosed ? undefined : this.#listen()))
      .catch((error: unknown) => events.refused("?", `the listener could not begin again: ${String(error)}`))
      .finally(() => {
        this.#isReplacing = false;
      });
  }
}
