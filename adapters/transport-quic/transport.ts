/** The transport: an engine that carries sessions, proofs of who is at the other end, and the mesh that makes links of them. */
import { LinkMesh, type Clock, type LinkEvent, type Transport, type TransportHandler } from "@conclave/node";
import type { NodeId } from "@conclave/consensus";
import { parseAddress, printAddress } from "./address.ts";
import type { CertManager } from "./certs/manager.ts";
import type { Engine, EngineEvents, EngineOptions } from "./engine.ts";
import { HANDSHAKE_MS } from "./limits.ts";
import { PeerRegistry, type QuicPeer, type RegisteredPeer } from "./peer-registry.ts";
import { proveAsDialler, proveAsListener, type Party } from "./proof.ts";
import { QuicEngine } from "./quic-engine.ts";
import { loadQuicLibrary, type QuicLibrary } from "./quic-library.ts";
import { Refused } from "./refusal.ts";
import { Reports } from "./reports.ts";
import type { Session } from "./session.ts";
import { TlsEngine } from "./tls-engine.ts";

/** All nodes of a cluster need the same: QUIC and TLS do not understand each other. `auto` is QUIC where its binary loads. */
export type QuicMode = "quic" | "tls" | "auto";

export type QuicEvent =
  | LinkEvent
  /** What listens where, and with which certificate. Comes again when a renewed one is taken into use. */
  | { readonly kind: "listening"; readonly mode: "quic" | "tls"; readonly address: string; readonly serial: string }
  /** There is no QUIC here; TLS over TCP takes its place. */
  | { readonly kind: "fallback"; readonly reason: string }
  /** Somebody was not let in. `unreported` counts refusals before this one that were too many to tell. */
  | {
      readonly kind: "refused";
      readonly peer: null;
      readonly address: string;
      readonly reason: string;
      readonly unreported: number;
    };

export interface QuicTransportOptions {
  readonly self: NodeId;
  /** Our name in the roster. */
  readonly name: string;
  /** Everybody else. */
  readonly peers: ReadonlyMap<NodeId, QuicPeer>;
  /** `host:port`; port 0 takes any, which `observe` hears. */
  readonly listen: string;
  /** Stays the caller's, who stops it after the transport. */
  readonly certificates: CertManager;
  /** 32 bytes. */
  readonly rosterHash: Uint8Array;
  /** 16 random bytes, drawn anew by every process. */
  readonly life: Uint8Array;
  readonly clock: Clock;
  readonly mode: QuicMode;
  readonly observe?: (event: QuicEvent) => void;
  /** Where the QUIC library comes from, if not from its package. */
  readonly library?: () => Promise<QuicLibrary>;
}

/** Throws `RangeError` for addresses that are none, and for names or keys that two nodes share. `start` listens. */
export function openQuicTransport(options: QuicTransportOptions): Transport {
  return new QuicTransport(options);
}

class QuicTransport implements Transport {
  readonly #options: QuicTransportOptions;
  readonly #registry: PeerRegistry;
  readonly #engineOptions: EngineOptions;
  #mesh: LinkMesh;
  #engine: Engine | null = null;
  #isStarted = false;
  #closing: Promise<void> | null = null;

  constructor(options: QuicTransportOptions) {
    const { certificates, clock, self, peers } = options;
    if (peers.has(self)) throw new RangeError("a node is not its own peer");
    this.#options = options;
    this.#registry = new PeerRegistry(options.name, peers);
    const reports = new Reports(clock, (report) => this.#observe({ kind: "refused", peer: null, ...report }));
    const events: EngineEvents = {
      incoming: (session, proven) => void this.#welcome(session, reports).finally(proven),
      refused: (address, reason) => reports.refused(address, reason),
      listening: (address, serial) => this.#observe({ kind: "listening", mode: this.#engine!.kind, address, serial }),
    };
    this.#engineOptions = { listen: parseAddress(options.listen), certificates, clock, events };
    this.#mesh = this.#newMesh(null);
  }

  send(to: NodeId, frame: Uint8Array): void {
    this.#mesh.send(to, frame);
  }

  isUp(peer: NodeId): boolean {
    return this.#mesh.isUp(peer);
  }

  async start(handler: TransportHandler): Promise<void> {
    if (this.#isStarted || this.#closing !== null)
      throw new Error("a transport is started once, and not after its end");
    this.#isStarted = true;
    this.#engine = await this.#chooseEngine();
    await this.#engine.start();
    if (this.#closing !== null) {
      await this.#engine.close();
      throw new Error("the transport was closed while it started");
    }
    this.#mesh = this.#newMesh(this.#engine.silenceMs);
    await this.#mesh.start(handler);
  }

  close(): Promise<void> {
    this.#closing ??= this.#mesh.close().then(() => this.#engine?.close());
    return this.#closing;
  }

  #newMesh(silenceMs: number | null): LinkMesh {
    const { self, rosterHash, life, clock } = this.#options;
    return new LinkMesh({
      self,
      peers: this.#registry.ids,
      rosterHash,
      life,
      clock,
      dialer: { dial: (peer) => this.#dial(this.#registry.of(peer)) },
      observe: (event) => this.#observe(event),
      ...(silenceMs === null ? {} : { silenceMs }),
    });
  }

  async #chooseEngine(): Promise<Engine> {
    const { mode, library = loadQuicLibrary } = this.#options;
    if (mode === "tls") return new TlsEngine(this.#engineOptions);
    try {
      return new QuicEngine(await library(), this.#engineOptions);
    } catch (cause) {
      const reason = `there is no QUIC on this machine: ${(cause as Error).message}`;
      if (mode === "quic") throw new Error(`${reason}; \`--tls\` on every node does without`, { cause });
      this.#observe({
        kind: "fallback",
        reason: `${reason}; TLS over TCP takes its place, and every node needs the same`,
      });
      return new TlsEngine(this.#engineOptions);
    }
  }

  async #dial(peer: RegisteredPeer): Promise<Session> {
    const { certificates, clock, name } = this.#options;
    const address = printAddress(peer.address);
    try {
      const session = await this.#engine!.dial(peer);
      await this.#prove(session, async () => {
        if (session.certificate !== null) this.#registry.check(peer, session.certificate, clock.nowMs());
        await proveAsDialler(session, { self: this.#party, peer }, certificates.current.key);
      });
      return session;
    } catch (cause) {
      throw new Error(`"${name}" has no link to "${peer.name}" at ${address}: ${(cause as Error).message}`, { cause });
    }
  }

  async #welcome(session: Session, reports: Reports): Promise<void> {
    const { certificates, clock } = this.#options;
    try {
      const peer = await this.#prove(session, async () => {
        if (session.certificate === null) throw new Refused("not-a-peer", "it showed no certificate");
        const peer = this.#registry.identify(session.certificate, clock.nowMs());
        await proveAsListener(session, { self: this.#party, peer }, certificates.current.key);
        return peer;
      });
      this.#mesh.accept(peer.id, session);
    } catch (error) {
      if (this.#closing === null) reports.refused(session.address, (error as Error).message);
    }
  }

  /** Ends the session unless the proof is done in time. */
  async #prove<T>(session: Session, proof: () => Promise<T>): Promise<T> {
    const deadline = this.#options.clock.schedule(HANDSHAKE_MS, () =>
      session.over(`it did not prove who it is within ${HANDSHAKE_MS} ms`),
    );
    try {
      return await proof();
    } catch (error) {
      session.refuse(error);
      throw error;
    } finally {
      deadline.cancel();
    }
  }

  get #party(): Party {
    return { name: this.#options.name, tlsKey: this.#options.certificates.current.spki };
  }

  #observe(event: QuicEvent): void {
    this.#options.observe?.(event);
  }
}
