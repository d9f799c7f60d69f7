/**
 * What a node needs from the outside. Each port has adapters for different technologies and one contract suite that all of
 * them pass. Nothing behind a port is trusted: it can delay a signature, never cause one.
 */
import type { NodeId } from "@conclave/consensus";

/** Largest frame a transport carries. Longer ones are refused at the sender and cut off at the receiver. */
export const MAX_FRAME_BYTES = 1 << 20;

/**
 * Most bytes that a transport keeps for one receiver that does not read; beyond that, frames are lost. Room for every
 * session of a busy hour, and little enough that a roster of stuck peers does not fill the memory. One peer's backlog never
 * costs another peer a frame.
 */
export const MAX_BUFFERED_BYTES = 32 * MAX_FRAME_BYTES;

/**
 * Datagrams between the nodes of one roster. May lose, repeat and reorder; never alters or misattributes a frame. While a
 * link is up and its receiver reads, an adapter loses nothing of its own accord.
 */
export interface Transport {
  /**
   * Hand a copy of a frame to the network and forget it. It is lost while the link is down, before `start` and after
   * `close`. Throws `RangeError` for a receiver that is no peer (oneself included) and above `MAX_FRAME_BYTES`.
   */
  send(to: NodeId, frame: Uint8Array): void;
  /** What `link` said last of this peer; false before and for strangers. A hint: it saves waiting, never decides anything. */
  isUp(peer: NodeId): boolean;
  /** Begin to deliver. Frames that arrived before are lost. Rejects the second time and after `close`. */
  start(handler: TransportHandler): Promise<void>;
  /** Nothing is delivered or reported once this is done. Peers see the link go down. May be repeated. */
  close(): Promise<void>;
}

/** A node's side of a transport. Its methods may call any of the transport's. */
export interface TransportHandler {
  /**
   * A frame came from a peer whose link is up. The bytes are the receiver's to keep. False for what no honest peer sends: a
   * transport may read such a peer less.
   */
  frame(from: NodeId, frame: Uint8Array): unknown;
  /** A link changed, up first: called once for each change. A peer that restarts goes down and up again. */
  link(peer: NodeId, up: boolean): void;
}

/** Largest statement: a frame, with room for what delivers it. The largest that custody makes has half of that. */
export const MAX_STATEMENT_BYTES = MAX_FRAME_BYTES - 1_024;

/** What a node says about a request: a proposal, a vote, an abandon, a result, a certificate, evidence. Signed by custody. */
export interface Statement {
  /** Whom it concerns. Others may see it too: it holds nothing secret. */
  readonly to: readonly NodeId[];
  readonly wire: Uint8Array;
  /** What it is about: statements of one topic are withdrawn together. */
  readonly topic: string;
}

/**
 * How statements reach the nodes that they concern, also ones that are away for a while. May repeat and reorder; what comes
 * out is believed in nothing: custody checks every signature and counts every vote itself.
 */
export interface Coordination {
  /** Never waits, and does nothing after `close`. Throws `RangeError` for no bytes and above `MAX_STATEMENT_BYTES`. */
  publish(statement: Statement): void;
  /** Nobody needs what was published on this topic any more. */
  withdraw(topic: string): void;
  /**
   * Begin to hand over others' statements. Called once. `read` ends when the node is done with one, false if it had no use for
   * it: what is read from a service is read no faster than that. It rejects where the node failed at one, which is then offered
   * again by whoever can. It does not wait for a service that is away.
   */
  start(read: (wire: Uint8Array) => Promise<boolean>): Promise<void>;
  close(): Promise<void>;
}

/** Messages to single peers that are repeated until they arrive: what a node offers a coordination without a store of its own. */
export interface Messenger {
  /** Until the peer has it, the topic is closed, or nobody can be waiting for it any more. */
  send(to: NodeId, payload: Uint8Array, topic: string): void;
  close(topic: string): void;
}

export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Milliseconds since the Unix epoch. */
  nowMs(): number;
  /** Calls `fire` once, `delayMs` from now, unless cancelled. */
  schedule(delayMs: number, fire: () => void): Timer;
}

/** The clock of the cluster: a height that every node reads alike to within a few steps. */
export interface Ledger {
  /** A whole number from 0. Never less than before while the node runs, whatever happens to what it is read from. */
  height(): number;
}
