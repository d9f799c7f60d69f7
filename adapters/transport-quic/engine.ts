/** What carries sessions: QUIC, or TLS over TCP. Both judge certificates; who the other end is, the listener and the dialler ask. */
import type { Clock } from "@conclave/node";
import type { Address } from "./address.ts";
import type { CertManager } from "./certs/manager.ts";
import type { RegisteredPeer } from "./peer-registry.ts";
import type { Session } from "./session.ts";

export interface EngineOptions {
  readonly listen: Address;
  readonly certificates: CertManager;
  readonly clock: Clock;
  readonly events: EngineEvents;
}

export interface EngineEvents {
  /**
   * Somebody holds a certificate of our authority, and has not proven more. `proven` is to be called once he has, or is
   * refused: until then he counts among those at the door.
   */
  incoming(session: Session, proven: () => void): void;
  /** Somebody at this address did not get so far. */
  refused(address: string, reason: string): void;
  /** Listening, with the certificate of this serial number. Again when a listener takes the old one's place. */
  listening(address: string, serial: string): void;
}

export interface Engine {
  readonly kind: "quic" | "tls";
  /**
   * Longest silence after which the mesh may call a peer dead; null for the mesh's own. An engine that hears a peer's machine
   * even while the peer's program computes allows more.
   */
  readonly silenceMs: number | null;
  /** Begins to listen. Rejects with what the system says. */
  start(): Promise<void>;
  /** A session with somebody whose certificate names the peer. Rejects with `Refused` or an `Error` saying why not. */
  dial(peer: RegisteredPeer): Promise<Session>;
  /** Sessions that say goodbye are let finish; then nothing is left. */
  close(): Promise<void>;
}
