/**
 * What a node needs from the outside. Each port has adapters for different technologies and one contract suite that all of
 * them pass. Nothing behind a port is trusted: it can delay a signature, never cause one.
 */
import type { NodeId } from "@conclave/consensus";

/** Largest frame a transport carries. Longer ones are refused at the sender and cut off at the receiver. */
export const MAX_FRAME_BYTES = 1 << 20;

/** Datagrams between the nodes of one roster. May lose, repeat and reorder; never alters or misattributes a frame. */
export interface Transport {
  /** Hand a frame to the network and forget it. Frames to unknown peers or above `MAX_FRAME_BYTES` throw `RangeError`. */
  send(to: NodeId, frame: Uint8Array): void;
  /** Whether the link to a peer is up as far as this side knows. A hint: it saves waiting, never decides anything. */
  isUp(peer: NodeId): boolean;
  /** Begin to deliver. Called once; frames that arrived before may be lost. */
  start(handler: TransportHandler): Promise<void>;
  close(): Promise<void>;
}

export interface TransportHandler {
  frame(from: NodeId, frame: Uint8Array): void;
  link(peer: NodeId, up: boolean): void;
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
  height(): number;
}
