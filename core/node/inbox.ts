/**
 * What peers sent and nobody looked at yet: a bounded queue for each peer, served in turn, and filled no faster than a peer has
 * credit for. Whoever floods fills only his own queue, costs the others at most one frame's work for each of theirs, and this
 * node a share of its time.
 */
import type { NodeId } from "@conclave/consensus";
import type { Mailbox } from "./mailbox.ts";
import { MAX_FRAME_BYTES, type Clock } from "./ports.ts";

/** Frames of one peer that wait. A busy second brings some hundreds; of more, the rest comes again a moment later. */
export const MAX_WAITING_FRAMES = 1_024;
/** Bytes of one peer that wait: the pairwise setups of a key in one go, and a roster of flooders does not fill the memory. */
export const MAX_WAITING_BYTES = 8 * MAX_FRAME_BYTES;
/** Frames of one peer that are taken in the long run; a signature of DKLS23 takes some twenty. */
export const FRAMES_PER_SECOND = 2_000;
/** And at once, after a pause: everything that a peer has to tell one that comes back. */
export const FRAMES_AT_ONCE = 4_096;
/** A frame that custody had no use for counts as so many: late and repeated ones are usual, in their hundreds they are not. */
export const WASTED_FRAMES = 10;

export interface InboxParts {
  readonly mailbox: Mailbox;
  readonly clock: Clock;
  /** Works on one frame, on the mailbox. False if it was of no use. */
  readonly read: (wire: Uint8Array) => Promise<boolean>;
}

interface Queue {
  readonly wires: Uint8Array[];
  /** The frame that is being read included. */
  bytes: number;
  isServed: boolean;
  /** Frames that may come. */
  credit: number;
  countedMs: number;
}

export class Inbox {
  readonly #parts: InboxParts;
  readonly #queues = new Map<NodeId, Queue>();

  constructor(parts: InboxParts) {
    this.#parts = parts;
  }

  /** Whether one more frame of this length would be kept. */
  hasRoom(from: NodeId, length: number): boolean {
    const queue = this.#queueOf(from);
    const nowMs = this.#parts.clock.nowMs();
    const earned = (Math.max(0, nowMs - queue.countedMs) / 1_000) * FRAMES_PER_SECOND;
    queue.credit = Math.min(FRAMES_AT_ONCE, queue.credit + earned);
    queue.countedMs = nowMs;
    return queue.credit >= 1 && queue.wires.length < MAX_WAITING_FRAMES && queue.bytes + length <= MAX_WAITING_BYTES;
  }

  /** Keeps a frame until its turn comes. One for which there is no room is lost. */
  put(from: NodeId, wire: Uint8Array): void {
    if (!this.hasRoom(from, wire.length)) return;
    const queue = this.#queueOf(from);
    queue.wires.push(wire);
    queue.bytes += wire.length;
    queue.credit -= 1;
    if (!queue.isServed) this.#takeTurn(queue);
  }

  /** One frame of this peer, after whatever waits on the mailbox already: one of each other peer among it. */
  #takeTurn(queue: Queue): void {
    queue.isServed = true;
    this.#parts.mailbox.post(async () => {
      const wire = queue.wires.shift()!;
      let isUseful = false;
      try {
        isUseful = await this.#parts.read(wire);
      } finally {
        queue.bytes -= wire.length;
        if (!isUseful) queue.credit = Math.max(-FRAMES_AT_ONCE, queue.credit - (WASTED_FRAMES - 1));
        queue.isServed = false;
        if (queue.wires.length > 0) this.#takeTurn(queue);
      }
    });
  }

  #queueOf(from: NodeId): Queue {
    const known = this.#queues.get(from);
    if (known !== undefined) return known;
    const countedMs = this.#parts.clock.nowMs();
    const queue: Queue = { wires: [], bytes: 0, isServed: false, credit: FRAMES_AT_ONCE, countedMs };
    this.#queues.set(from, queue);
    return queue;
  }
}
