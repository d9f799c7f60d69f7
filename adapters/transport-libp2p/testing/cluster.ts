/** Nodes of one process that meet over real sockets: identities from numbers, addresses through a registry in a folder of the test. */
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { NodeId } from "@conclave/consensus";
import type { Clock, LinkEvent } from "@conclave/node";
import type { TransportNetwork } from "@conclave/node/testing";
import { publicKeyOf } from "../ed25519.ts";
import type { Libp2pEvent } from "../events.ts";
import { PeerRegistry } from "../registry.ts";
import { openLibp2pTransport, type Libp2pOptions, type Libp2pPeer, type Libp2pTransport } from "../transport.ts";

export const realClock: Clock = {
  nowMs: () => Date.now(),
  schedule(delayMs, fire) {
    const timer = setTimeout(fire, delayMs);
    return { cancel: () => clearTimeout(timer) };
  },
};

export const LISTEN = { tcp: "/ip4/127.0.0.1/tcp/0", ws: "/ip4/127.0.0.1/tcp/0/ws" } as const;
export type Wire = keyof typeof LISTEN;

export const NODES = [1, 2, 3].map((n) => n.toString(16).padStart(64, "0") as NodeId) as [NodeId, NodeId, NodeId];
/** The seed of a node's libp2p identity: any 32 bytes that no two nodes share. */
export const seedOf = (node: NodeId): Uint8Array => new Uint8Array(32).fill(Number.parseInt(node.slice(-2), 16));
export const rosterHash = new Uint8Array(32).fill(0xaa);

export const peersOf = (
  nodes: readonly NodeId[],
  addresses: (node: NodeId) => readonly string[] = () => [],
): Map<NodeId, Libp2pPeer> =>
  new Map(nodes.map((node) => [node, { peerKey: publicKeyOf(seedOf(node)), addresses: addresses(node) }]));

export type Seen = (LinkEvent | Libp2pEvent) & { readonly at: NodeId };

export class Cluster implements TransportNetwork {
  readonly nodes: readonly NodeId[];
  readonly folder = mkdtempSync(join(tmpdir(), "libp2p-registry-"));
  readonly events: Seen[] = [];
  readonly #wire: Wire;
  readonly #transports = new Map<NodeId, Libp2pTransport>();

  constructor(wire: Wire, nodes: readonly NodeId[] = NODES) {
    this.#wire = wire;
    this.nodes = nodes;
  }

  async join(node: NodeId, changed: Partial<Libp2pOptions> = {}): Promise<Libp2pTransport> {
    const transport = openLibp2pTransport({
      self: node,
      peers: peersOf(this.nodes),
      seed: seedOf(node),
      listen: [LISTEN[this.#wire]],
      registry: this.registry(),
      rosterHash,
      life: randomBytes(16),
      clock: realClock,
      observe: (event) => void this.events.push({ ...event, at: node }),
      ...changed,
    });
    this.#transports.set(node, transport);
    return transport;
  }

  /** The nodes' own, or another in which nobody reads what they announce. */
  registry(name: "peers" | "elsewhere" = "peers"): PeerRegistry {
    return new PeerRegistry({ folder: join(this.folder, name), clock: realClock });
  }

  /** Inside one process a crash is an end; the death of a process is tried on a process. */
  async crash(node: NodeId): Promise<void> {
    await this.#transports.get(node)?.close();
    this.#transports.delete(node);
  }

  async dispose(): Promise<void> {
    await Promise.all([...this.#transports.values()].map((transport) => transport.close()));
    rmSync(this.folder, { recursive: true, force: true });
  }
}
