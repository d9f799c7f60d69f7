/** Connections inside one process, with buffers that fill up: what `LinkMesh` is tried on without any network. */
import type { NodeId } from "@conclave/consensus";
import type { Connection, ConnectionEvents } from "../links/connection.ts";
import { LinkMesh, type LinkEvent } from "../links/mesh.ts";
import type { Clock } from "../ports.ts";

/** A connection takes no more while so many bytes wait for its reader. */
const BUFFER_BYTES = 256 * 1_024;

/** One end of a pair; bytes arrive at the other in later turns of the event loop. */
export class MemoryConnection implements Connection {
  #other: MemoryConnection | null = null;
  #events: ConnectionEvents | null = null;
  readonly #inbox: (Uint8Array | "end")[] = [];
  #inboxBytes = 0;
  #isReading = false;
  #isOver = false;
  #isPaused = false;
  /** Swallows what is written, as a network does whose other side died without a word. */
  isHalfOpen = false;

  static pair(): readonly [MemoryConnection, MemoryConnection] {
    const [a, b] = [new MemoryConnection(), new MemoryConnection()];
    a.#other = b;
    b.#other = a;
    return [a, b];
  }

  write(bytes: Uint8Array): boolean {
    if (this.#isOver) return false;
    if (this.isHalfOpen) return true;
    const other = this.#other!;
    other.#inbox.push(bytes);
    other.#inboxBytes += bytes.length;
    other.#readLater();
    return other.#inboxBytes < BUFFER_BYTES;
  }

  attach(events: ConnectionEvents): void {
    this.#events = events;
    this.#readLater();
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#readLater();
  }

  destroy(): void {
    this.end();
  }

  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#events = null;
    if (this.isHalfOpen) return;
    this.#other!.#inbox.push("end");
    this.#other!.#readLater();
  }

  #readLater(): void {
    if (this.#isReading || this.#isPaused || this.#events === null) return;
    this.#isReading = true;
    setImmediate(() => {
      this.#isReading = false;
      if (this.#isPaused) return;
      for (const piece of this.#inbox.splice(0)) this.#read(piece);
      const wasFull = this.#inboxBytes >= BUFFER_BYTES;
      this.#inboxBytes = 0;
      if (wasFull && !this.#other!.#isOver) this.#other!.#events?.drained();
    });
  }

  #read(piece: Uint8Array | "end"): void {
    if (piece !== "end") return this.#events?.received(piece);
    const events = this.#events;
    this.#events = null;
    this.#isOver = true;
    events?.closed("the other end is closed");
  }
}

/** Meshes of one process that reach each other through `MemoryConnection`s. */
export class MemoryLinks {
  readonly nodes: readonly NodeId[];
  readonly #clock: Clock;
  readonly #meshes = new Map<NodeId, LinkMesh>();
  readonly #connections = new Map<NodeId, Set<MemoryConnection>>();
  readonly events: (LinkEvent & { readonly at: NodeId })[] = [];
  #lives = 0;

  constructor(nodes: readonly NodeId[], clock: Clock) {
    this.nodes = nodes;
    this.#clock = clock;
  }

  /** A new process of this node. */
  join(self: NodeId, options: { readonly rosterHash?: Uint8Array; readonly silenceMs?: number } = {}): LinkMesh {
    const life = new Uint8Array(16);
    new DataView(life.buffer).setUint32(0, ++this.#lives);
    const mesh = new LinkMesh({
      self,
      peers: this.nodes.filter((node) => node !== self),
      rosterHash: new Uint8Array(32),
      life,
      clock: this.#clock,
      dialer: { dial: async (peer) => this.connect(self, peer) },
      observe: (event) => void this.events.push({ ...event, at: self }),
      ...options,
    });
    this.#meshes.set(self, mesh);
    return mesh;
  }

  /** A connection from a node to another, accepted there; the first one's end. */
  connect(from: NodeId, to: NodeId): MemoryConnection {
    const target = this.#meshes.get(to);
    if (target === undefined) throw new Error("nobody listens");
    const [ours, theirs] = MemoryConnection.pair();
    this.#keep(from, ours);
    this.#keep(to, theirs);
    target.accept(from, theirs);
    return ours;
  }

  /** Ends of connections at a node, newest last. */
  connectionsOf(node: NodeId): readonly MemoryConnection[] {
    return [...(this.#connections.get(node) ?? [])];
  }

  /** The node's process dies: its connections close, and it says nothing more. */
  async crash(node: NodeId): Promise<void> {
    const mesh = this.#meshes.get(node);
    this.#meshes.delete(node);
    for (const connection of this.connectionsOf(node)) connection.destroy();
    this.#connections.delete(node);
    await mesh?.close();
  }

  /** What a node writes is swallowed from now on; what others write to it still arrives. */
  mute(node: NodeId): void {
    for (const end of this.connectionsOf(node)) end.isHalfOpen = true;
  }

  #keep(node: NodeId, connection: MemoryConnection): void {
    const kept = this.#connections.get(node) ?? new Set();
    kept.add(connection);
    this.#connections.set(node, kept);
  }
}
