/**
 * What a transport that carries streams gives to `LinkMesh`, and nothing else: connections whose other end is known for
 * certain. Framing, greetings, keep-alive, redialling, bounds and notices are the mesh's, once for all of them.
 */
import type { NodeId } from "@conclave/consensus";

/** Bytes in order, both ways, between us and a peer whose identity the adapter has proven. */
export interface Connection {
  /**
   * Takes the bytes, which it may keep. False once its own buffer holds enough: the mesh writes no more until `drained`.
   * After the end it does nothing and returns false.
   */
  write(bytes: Uint8Array): boolean;
  /** Begin to hand over what arrives. Called once, soon after the connection exists; nothing that came earlier is lost. */
  attach(events: ConnectionEvents): void;
  /**
   * Read no more until `resume`, so that the peer feels it; what was read already may still come. Does nothing where the
   * technology reads on its own: the link bounds what it keeps. Both may be repeated, also after the end.
   */
  pause(): void;
  resume(): void;
  /** End it at once; what is buffered may be lost. `closed` follows or not. May be repeated. */
  destroy(): void;
  /** End it after what was written is on its way. May be repeated. */
  end(): void;
}

/** Called by the adapter, never from within `write` or `attach`. */
export interface ConnectionEvents {
  /** Bytes that arrived, in pieces of any size. The mesh keeps no reference to them after the call. */
  received(bytes: Uint8Array): void;
  /** The connection takes more again. */
  drained(): void;
  /** It is over; called once at most, and nothing after it. `reason` is for the log. */
  closed(reason: string): void;
}

/** How the mesh gets connections of its own. */
export interface Dialer {
  /** Connect to a peer and prove that it is the one. Rejects with a reason that says what was wrong. */
  dial(peer: NodeId): Promise<Connection>;
}
