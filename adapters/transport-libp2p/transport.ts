/** The transport: libp2p connects and proves identities, the mesh makes links out of streams, the registry says where peers are. */
import { setTimeout as wait } from "node:timers/promises";
import type { Connection as PeerConnection, ConnectionGater, Libp2p, MultiaddrConnection } from "@libp2p/interface";
import type { NodeId } from "@conclave/consensus";
import {
  LinkMesh,
  type Clock,
  type Connection,
  type LinkEvent,
  type Transport,
  type TransportHandler,
} from "@conclave/node";
import { publicKeyOf } from "./ed25519.ts";
import { noticesOf, type Libp2pEvent, type Notices } from "./events.ts";
import { gateOf } from "./gate.ts";
import { END_MS, MAX_CONNECTIONS_PER_PEER } from "./limits.ts";
import { peerIdOf } from "./peer-id.ts";
import { Porch } from "./porch.ts";
import type { PeerRegistry } from "./registry.ts";
import { Whereabouts } from "./whereabouts.ts";

/** A node of the roster, as libp2p knows it. */
export interface Libp2pPeer {
  /** 32-byte Ed25519 public key of its libp2p identity. */
  readonly peerKey: Uint8Array;
  /** Multiaddrs; may be empty when the registry knows better. */
  readonly addresses: readonly string[];
}

export interface Libp2pOptions {
  readonly self: NodeId;
  /** The roster. May hold ourselves, and is then checked against `seed`. */
  readonly peers: ReadonlyMap<NodeId, Libp2pPeer>;
  /** 32-byte Ed25519 seed of our libp2p identity. */
  readonly seed: Uint8Array;
  /** Multiaddrs to listen on: `/ip4/…/tcp/…`, and the same with `/ws`. Port 0 is any free one. Empty: this node only dials. */
  readonly listen: readonly string[];
  readonly registry?: PeerRegistry;
  /** As in `LinkMeshOptions`. */
  readonly rosterHash: Uint8Array;
  readonly life: Uint8Array;
  readonly clock: Clock;
  readonly silenceMs?: number;
  readonly observe?: (event: LinkEvent | Libp2pEvent) => void;
}

export interface Libp2pTransport extends Transport {
  /** Our peer id as text. */
  readonly peerId: string;
  /** Where we listen, ports filled in, without our peer id; empty before `start`. */
  addresses(): readonly string[];
}

/**
 * A transport over libp2p, not started. `start` rejects if an address cannot be listened on. Throws `RangeError` for keys that
 * are none, that two nodes share, or a seed that is not the one of our entry in `peers`.
 */
export function openLibp2pTransport(options: Libp2pOptions): Libp2pTransport {
  return new Libp2pMesh(options);
}

interface Node extends Libp2pPeer {
  readonly id: NodeId;
  readonly peerId: string;
}

class Libp2pMesh implements Libp2pTransport {
  readonly peerId: string;
  readonly #options: Libp2pOptions;
  /** Everybody else, by node id, and the node ids by peer id. */
  readonly #nodes: ReadonlyMap<NodeId, Node>;
  readonly #names: ReadonlyMap<string, NodeId>;
  readonly #mesh: LinkMesh;
  readonly #notices: Notices;
  readonly #porch: Porch;
  readonly #whereabouts: Whereabouts;
  readonly #closing = new AbortController();
  /** Raw connections of the dials under way, by peer id. */
  readonly #dialled = new Map<string, Set<MultiaddrConnection>>();
  #libp2p: Libp2p | null = null;
  #starting: Promise<void> | null = null;
  #ended: Promise<void> | null = null;

  constructor(options: Libp2pOptions) {
    const { self, seed, clock, rosterHash, life, silenceMs } = options;
    this.#options = options;
    this.peerId = peerIdOf(publicKeyOf(seed));
    const nodes = othersOf(options, this.peerId);
    this.#nodes = new Map(nodes.map((node) => [node.id, node]));
    this.#names = new Map(nodes.map(({ id, peerId }) => [peerId, id]));
    const observe = (event: LinkEvent | Libp2pEvent): void => options.observe?.(event);
    this.#notices = noticesOf(() => clock.nowMs(), observe);
    this.#porch = new Porch({ clock, turnedAway: this.#notices.unproven });
    const trouble = (peer: NodeId, reason: string): void => observe({ kind: "registry", peer, reason });
    this.#whereabouts = new Whereabouts({ registry: options.registry ?? null, clock, trouble });
    this.#mesh = new LinkMesh({
      self,
      peers: nodes.map(({ id }) => id),
      rosterHash,
      life,
      clock,
      dialer: { dial: (peer) => this.#dial(this.#nodes.get(peer)!) },
      ...(silenceMs === undefined ? {} : { silenceMs }),
      observe,
    });
  }

  send(to: NodeId, frame: Uint8Array): void {
    this.#mesh.send(to, frame);
  }

  isUp(peer: NodeId): boolean {
    return this.#mesh.isUp(peer);
  }

  addresses(): readonly string[] {
    return this.#libp2p?.getMultiaddrs().map((address) => address.toString().replace(/\/p2p\/\w+$/, "")) ?? [];
  }

  async start(handler: TransportHandler): Promise<void> {
    if (this.#starting !== null || this.#closing.signal.aborted)
      throw new Error("a transport is started once, and not after its end");
    this.#starting = this.#begin(handler);
    await this.#starting;
  }

  close(): Promise<void> {
    this.#ended ??= this.#end();
    return this.#ended;
  }

  async #end(): Promise<void> {
    this.#closing.abort();
    // A start that failed was told to whoever started.
    await this.#starting?.catch(() => {});
    await this.#mesh.close();
    this.#porch.close();
    const libp2p = this.#libp2p;
    if (libp2p === null) return;
    this.#libp2p = null;
    await this.#whereabouts.leave();
    await goodbyes(libp2p.getConnections());
    await libp2p.stop();
  }

  async #begin(handler: TransportHandler): Promise<void> {
    const { self, seed, listen, rosterHash, clock } = this.#options;
    // Two hundred milliseconds and 36 MB, for those who chose this transport.
    const [{ makeSwarm }, { receiveOn }] = await Promise.all([import("./swarm.ts"), import("./reception.ts")]);
    const libp2p = await makeSwarm({
      seed,
      listen,
      peerCount: this.#nodes.size,
      gate: this.#gate(),
      porch: this.#porch,
    });
    const accept = (peer: NodeId, connection: Connection): void => this.#mesh.accept(peer, connection);
    await receiveOn(libp2p, { nodes: this.#names, porch: this.#porch, clock, accept, excess: this.#notices.excess });
    this.#libp2p = libp2p;
    await libp2p.start();
    await this.#mesh.start(handler);
    await this.#whereabouts.announce({ node: self, seed, rosterHash, addresses: this.addresses() });
  }

  #gate(): ConnectionGater {
    return gateOf({
      nodes: this.#names,
      openTo: (peerId) => this.#libp2p?.getConnections(peerId).length ?? 0,
      stranger: this.#notices.stranger,
      tooMany: (peer) => this.#notices.excess(peer, `it has ${MAX_CONNECTIONS_PER_PEER} connections and wants more`),
      dialling: (peerId, connection) => void this.#dialled.get(peerId)?.add(connection),
    });
  }

  async #dial({ id, peerId, peerKey, addresses }: Node): Promise<Connection> {
    const { rosterHash } = this.#options;
    const { dialPeer } = await import("./dialling.ts");
    const known = await this.#whereabouts.of({ node: id, peerKey, rosterHash }, addresses);
    if (this.#libp2p === null) throw new Error("this transport is closed");
    const opened = new Set<MultiaddrConnection>();
    this.#dialled.set(peerId, opened);
    try {
      return await dialPeer(this.#libp2p, { peer: id, peerId, addresses: known }, opened, this.#closing.signal);
    } finally {
      this.#dialled.delete(peerId);
    }
  }
}

/** Everybody but ourselves. Throws `RangeError`. */
function othersOf({ self, peers }: Libp2pOptions, ownPeerId: string): readonly Node[] {
  const nodes = [...peers].map(([id, peer]): Node => ({ ...peer, id, peerId: peerIdOf(peer.peerKey) }));
  const own = nodes.find(({ id }) => id === self);
  if (own !== undefined && own.peerId !== ownPeerId)
    throw new RangeError(`the roster gives this node the peer id ${own.peerId}, and its seed is of ${ownPeerId}`);
  const others = nodes.filter(({ id }) => id !== self);
  if (new Set([ownPeerId, ...others.map(({ peerId }) => peerId)]).size !== others.length + 1)
    throw new RangeError("two nodes of the roster have the same libp2p identity: each needs its own");
  return others;
}

/** Waits until what the mesh ended has gone out, and not longer than `END_MS`. */
async function goodbyes(connections: readonly PeerConnection[]): Promise<void> {
  for (const connection of connections)
    if (connection.streams.length === 0) connection.abort(new Error("this node is closing"));
  const open = connections.filter(({ status }) => status === "open" || status === "closing");
  const gone = open.map(
    (connection) =>
      new Promise<void>((resolve) => connection.addEventListener("close", () => resolve(), { once: true })),
  );
  const patience = new AbortController();
  const late = wait(END_MS, undefined, { signal: patience.signal }).catch(() => {});
  await Promise.race([Promise.all(gone), late]);
  patience.abort();
}
