import type { NodeId } from "@conclave/consensus";
import { MAX_FRAME_BYTES, type Transport, type TransportHandler } from "@conclave/node";

/** A network of nodes inside one process: frames are handed over as copies, in later turns of the event loop. */
export interface MemoryNetwork {
  /** A node's end. Throws `RangeError` for nodes that the network was not made for, or that have joined already. */
  join(node: NodeId): Transport;
}

/** Frames in flight per receiver before the oldest are lost: a reader that sleeps must not fill the memory. */
const MAX_IN_FLIGHT = 10_000;

interface Member {
  readonly handler: TransportHandler;
  readonly inFlight: { readonly from: NodeId; readonly frame: Uint8Array }[];
  awake: boolean;
}

export function memoryNetwork(nodes: readonly NodeId[]): MemoryNetwork {
  const members = new Map<NodeId, Member>();
  const joined = new Set<NodeId>();

  const deliver = (member: Member): void => {
    member.awake = false;
    for (const { from, frame } of member.inFlight.splice(0)) member.handler.frame(from, frame);
  };

  const send = (from: NodeId, to: NodeId, frame: Uint8Array): void => {
    if (!nodes.includes(to)) throw new RangeError("no such node on this network");
    if (frame.length > MAX_FRAME_BYTES) throw new RangeError(`a frame holds at most ${MAX_FRAME_BYTES} bytes`);
    const member = members.get(to);
    if (member === undefined || !members.has(from)) return;
    member.inFlight.push({ from, frame: frame.slice() });
    if (member.inFlight.length > MAX_IN_FLIGHT) member.inFlight.shift();
    if (member.awake) return;
    member.awake = true;
    setImmediate(() => deliver(member));
  };

  const announce = (node: NodeId, up: boolean): void => {
    for (const [other, member] of members) {
      if (other === node) continue;
      setImmediate(() => member.handler.link(node, up));
      if (up) setImmediate(() => members.get(node)?.handler.link(other, true));
    }
  };

  return {
    join(node) {
      if (!nodes.includes(node)) throw new RangeError("no such node on this network");
      if (joined.has(node)) throw new RangeError("the node has joined already");
      joined.add(node);
      return {
        send: (to, frame) => send(node, to, frame),
        isUp: (peer) => members.has(peer),
        start(handler) {
          members.set(node, { handler, inFlight: [], awake: false });
          announce(node, true);
          return Promise.resolve();
        },
        close() {
          members.delete(node);
          joined.delete(node);
          announce(node, false);
          return Promise.resolve();
        },
      };
    },
  };
}
