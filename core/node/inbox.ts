/**
 * What peers sent and nobody looked at yet: a bounded queue for each peer, served in turn. Whoever floods fills only his own
 * queue, and costs the others at most one frame's work for each of theirs.
 */
import type { NodeId } from "@conclave/consensus";
import type { Mailbox } from "./mailbox.ts";
import { MAX_FRAME_BYTES } from "./ports.ts";

/** Frames of one peer that wait. A busy second brings some hundreds, and one that comes back tells of some hundreds at once. */
export const MAX_WAITING_FRAMES = 4_096;
/** Bytes of one peer that wait: the pairwise setups of a key in one go, and a roster of flooders does not fill the memory. */
export const MAX_WAITING_BYTES = 8 * MAX_FRAME_BYTES;

interface Queue {
  readonly wires: Uint8Array[];
  /** The frame that is being read included. */
  bytes: number;
}

export class Inbox {
  readonly #mailbox: Mailbox;
  readonly #read: (wire: Uint8Array) => Promise<void>;
  readonly #queues = new Map<NodeId, Queue>();

  /** `read` works on one frame; it runs on the mailbox. */
  constructor(mailbox: Mailbox, read: (wire: Uint8Array) => Promise<void>) {
    this.#mailbox = mailbox;
    this.#read = read;
  }

  /** Whether one more frame of this length would be kept. */
  hasRoom(from: NodeId, length: number): boolean {
    const queue = this.#queues.get(from);
    if (queue === undefined) return true;
    return queue.wires.length < MAX_WAITING_FRAMES && queue.bytes + length <= MAX_WAITING_BYTES;
  }

  /** Keeps a frame until its turn comes. One for which there is no room is lost. */
  put(from: NodeId, wire: Uint8Array): void {
    if (!this.hasRoom(from, wire.length)) return;
    const queue = this.#queues.get(from) ?? { wires: [], bytes: 0 };
    queue.wires.push(wire);
    queue.bytes += wire.length;
    if (this.#queues.has(from)) return;
    this.#queues.set(from, queue);
    this.#takeTurn(from, queue);
  }

  /** One frame of this peer, after whatever waits on the mailbox already: one of each other peer among it. */
  #takeTurn(from: NodeId, queue: Queue): void {
    this.#mailbox.post(async () => {
      const wire = queue.wires.shift()!;
      try {
        await this.#read(wire);
      } finally {
        queue.bytes -= wire.length;
        if (queue.wires.length === 0) this.#queues.delete(from);
        else this.#takeTurn(from, queue);
      }
    });
  }
}
