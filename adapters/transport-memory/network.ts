import type { NodeId } from "@conclave/consensus";
import { MAX_BUFFERED_BYTES, MAX_FRAME_BYTES, type Transport, type TransportHandler } from "@conclave/node";

/** A network of nodes inside one process: frames are handed over as copies, in later turns of the event loop. */
export interface MemoryNetwork {
  /** A node's end. Throws `RangeError` for nodes that the network was not made for, or that have joined already. */
  join(node: NodeId): Transport;
  /** Ends a node from outside, as if its process had died. It may join again. */
  crash(node: NodeId): void;
}

/** What a frame costs besides its bytes, so that a flood of empty ones is bounded too. */
const FRAME_OVERHEAD_BYTES = 256;

/** Throws `RangeError` for a node that is named twice. */
export function memoryNetwork(nodes: readonly NodeId[]): MemoryNetwork {
  if (new Set(nodes).size !== nodes.length) throw new RangeError("a node of this network is named twice");
  const mesh: Mesh = { nodes: [...nodes], ends: new Map() };
  return {
    join(node) {
      if (!mesh.nodes.includes(node)) throw new RangeError("no such node on this network");
      if (mesh.ends.has(node)) throw new RangeError("the node has joined already");
      const end = new End(mesh, node);
      mesh.ends.set(node, end);
      return end;
    },
    crash: (node) => mesh.ends.get(node)?.leave(),
  };
}

interface Mesh {
  readonly nodes: readonly NodeId[];
  /** Who joined and has not left. */
  readonly ends: Map<NodeId, End>;
}

type Arrival =
  | { readonly kind: "link"; readonly peer: NodeId; readonly up: boolean }
  | { readonly kind: "frame"; readonly peer: NodeId; readonly frame: Uint8Array };

/** Notices and frames share one inbox, so that they are seen in the order in which they happened. */
class End implements Transport {
  readonly #mesh: Mesh;
  readonly #node: NodeId;
  #handler: TransportHandler | null = null;
  #inbox: Arrival[] = [];
  /** Bytes in the inbox by sender. */
  readonly #backlogBytes = new Map<NodeId, number>();
  readonly #up = new Set<NodeId>();

  constructor(mesh: Mesh, node: NodeId) {
    this.#mesh = mesh;
    this.#node = node;
  }

  send(to: NodeId, frame: Uint8Array): void {
    if (to === this.#node || !this.#mesh.nodes.includes(to)) throw new RangeError("no such peer on this network");
    if (frame.length > MAX_FRAME_BYTES) throw new RangeError(`a frame holds at most ${MAX_FRAME_BYTES} bytes`);
    const receiver = this.#mesh.ends.get(to);
    if (this.#handler !== null && receiver !== undefined) receiver.#take(this.#node, frame);
  }

  isUp(peer: NodeId): boolean {
    return this.#up.has(peer);
  }

  async start(handler: TransportHandler): Promise<void> {
    if (this.#handler !== null || !this.#joined) throw new Error("a transport is started once, and not after its end");
    this.#handler = handler;
    for (const peer of this.#runningPeers()) {
      peer.#post({ kind: "link", peer: this.#node, up: true });
      this.#post({ kind: "link", peer: peer.#node, up: true });
    }
  }

  async close(): Promise<void> {
    this.leave();
  }

  leave(): void {
    if (!this.#joined) return;
    this.#mesh.ends.delete(this.#node);
    if (this.#handler === null) return;
    this.#handler = null;
    this.#inbox = [];
    this.#up.clear();
    for (const peer of this.#runningPeers()) peer.#post({ kind: "link", peer: this.#node, up: false });
  }

  get #joined(): boolean {
    return this.#mesh.ends.get(this.#node) === this;
  }

  #runningPeers(): readonly End[] {
    return this.#mesh.nodes.flatMap((node) => {
      const end = this.#mesh.ends.get(node);
      return end === undefined || end === this || end.#handler === null ? [] : [end];
    });
  }

  #take(from: NodeId, frame: Uint8Array): void {
    if (this.#handler === null) return;
    const backlogBytes = (this.#backlogBytes.get(from) ?? 0) + frame.length + FRAME_OVERHEAD_BYTES;
    if (backlogBytes > MAX_BUFFERED_BYTES) return;
    this.#backlogBytes.set(from, backlogBytes);
    this.#post({ kind: "frame", peer: from, frame: new Uint8Array(frame) });
  }

  #post(arrival: Arrival): void {
    if (this.#inbox.push(arrival) === 1) setImmediate(() => this.#read());
  }

  #read(): void {
    const arrivals = this.#inbox;
    this.#inbox = [];
    this.#backlogBytes.clear();
    for (const arrival of arrivals) this.#hand(arrival);
  }

  #hand(arrival: Arrival): void {
    // The handler may have closed this end with an earlier arrival.
    if (this.#handler === null) return;
    const { peer } = arrival;
    if (arrival.kind === "frame") return void this.#handler.frame(peer, arrival.frame);
    if (arrival.up) this.#up.add(peer);
    else this.#up.delete(peer);
    this.#handler.link(peer, arrival.up);
  }
}
