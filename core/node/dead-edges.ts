/**
 * Edges that this node knows to be dead: two nodes that do not sign together with a key any more. Kept in memory, for people;
 * custody knows its own edges and asks nobody.
 */
import { toHex } from "@conclave/bytes";
import type { NodeId } from "@conclave/consensus";

export interface DeadEdge {
  /** Key id, hexadecimal. */
  readonly key: string;
  /** Ascending by node id. */
  readonly between: readonly [NodeId, NodeId];
  readonly reason: string;
  /** Its two ends were asked to make it anew. */
  readonly rekeying: boolean;
}

/** More than a cluster with a few keys has; who says that more are dead is not listened to. */
const MAX_EDGES = 1_024;

export class DeadEdges {
  readonly #edges = new Map<string, DeadEdge>();
  readonly #nodes: ReadonlySet<NodeId>;

  /** `nodes`: the roster. Edges that end elsewhere do not exist, whoever speaks of them. */
  constructor(nodes: readonly NodeId[]) {
    this.#nodes = new Set(nodes);
  }

  all(): readonly DeadEdge[] {
    return [...this.#edges.values()];
  }

  /** True if that is news. */
  died(key: Uint8Array, between: readonly [NodeId, NodeId], reason: string): boolean {
    if (between[0] === between[1] || !between.every((end) => this.#nodes.has(end))) return false;
    const edge = { key: toHex(key), between: ordered(...between), reason, rekeying: false };
    const known = this.#edges.get(nameOf(edge));
    // Its ends tell why; whoever only hears that it died must not overwrite that.
    if (known === undefined && this.#edges.size >= MAX_EDGES) return false;
    this.#edges.set(nameOf(edge), known === undefined ? edge : { ...known, rekeying: false });
    return known === undefined;
  }

  asked(key: Uint8Array, a: NodeId, b: NodeId): void {
    this.#change(key, [a, b], { rekeying: true });
  }

  /** Its ends did not come to a new one. */
  gaveUp(key: Uint8Array, a: NodeId, b: NodeId): void {
    this.#change(key, [a, b], { rekeying: false });
  }

  /** The edge is alive: its ends made it anew. */
  made(key: Uint8Array, a: NodeId, b: NodeId): void {
    this.#edges.delete(nameOf({ key: toHex(key), between: ordered(a, b) }));
  }

  /** Nodes that signed together have live edges. Others hear of a new edge in no other way. */
  used(key: Uint8Array, signers: readonly NodeId[]): void {
    for (const { between } of this.all())
      if (between.every((end) => signers.includes(end))) this.made(key, between[0], between[1]);
  }

  #change(key: Uint8Array, [a, b]: readonly [NodeId, NodeId], change: Pick<DeadEdge, "rekeying">): void {
    const name = nameOf({ key: toHex(key), between: ordered(a, b) });
    const known = this.#edges.get(name);
    if (known !== undefined) this.#edges.set(name, { ...known, ...change });
  }
}

const ordered = (a: NodeId, b: NodeId): readonly [NodeId, NodeId] => (a < b ? [a, b] : [b, a]);

const nameOf = ({ key, between }: Pick<DeadEdge, "key" | "between">): string => `${key}/${between.join("/")}`;
