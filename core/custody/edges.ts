/**
 * The pairwise state of this node's keys (safety rules L5 and §6): one edge to every other member, usable until a check on it
 * fails. A failed check may have told the other end something about the secret that the edge reuses, so the state is gone
 * from disk before anybody hears of the failure.
 */
import { assert, toHex, transcript } from "@conclave/bytes";
import type { NodeId } from "@conclave/consensus";
import type { KeyShare, Valid } from "@conclave/keys";
import type { PartyIndex } from "@conclave/protocol";
import type { EdgeEnd } from "./attempts.ts";
import { isEdgeDead } from "./locks/index.ts";
import type { Vault } from "./ports.ts";
import type { SafetyLog } from "./safety-log.ts";
import type { SigningScheme } from "./scheme.ts";

interface HeldEdge {
  readonly setup: Uint8Array;
  readonly edge: unknown;
  /** Overwrite it. */
  readonly wipe: () => void;
}

export interface EdgeParts {
  readonly self: NodeId;
  readonly vault: Vault;
  readonly log: SafetyLog;
  readonly schemes: readonly SigningScheme[];
}

/** Why an edge died. `wires`: the envelopes that the failed check was about. */
export interface EdgeLoss {
  readonly reason: string;
  readonly wires: readonly Uint8Array[];
}

/** Attempts at making an edge anew that is alive at this end, per process. */
const MAX_REPLACED_ALIVE = 64;

const EDGES = "edge/";
const keyName = (key: Uint8Array): string => toHex(key).slice(0, 32);
const edgeName = (key: Uint8Array, peer: PartyIndex): string => `${EDGES}${keyName(key)}/${peer}`;

export class EdgeRing {
  readonly #parts: EdgeParts;
  /** By key, hexadecimal, then the peer's party number. */
  readonly #edges = new Map<string, Map<PartyIndex, HeldEdge>>();
  /** By name of the edge: attempts to make it anew while it was alive here. */
  readonly #replacedAlive = new Map<string, number>();

  constructor(parts: EdgeParts) {
    this.#parts = parts;
  }

  /**
   * Read the edges of the keys that this node holds. What belongs to no key, and what died in a process that did not live to
   * erase it, is erased now. Throws `VaultError` or `CodecError`.
   */
  load(keys: readonly { readonly id: Uint8Array; readonly share: Valid<KeyShare> }[]): void {
    const { vault } = this.#parts;
    const known = new Map(
      keys.flatMap(({ id, share }) =>
        share.record.parties.map(({ index }) => [edgeName(id, index), { id, share, peer: index }] as const),
      ),
    );
    for (const name of vault.list(EDGES)) {
      const owner = known.get(name);
      if (owner === undefined || !this.#take(owner.id, owner.share, owner.peer, vault.get(name))) vault.erase(name);
    }
  }

  /** Make the edges of a new key durable: before its share, so that a share never lacks them. */
  store(key: Uint8Array, share: Valid<KeyShare>, edges: ReadonlyMap<PartyIndex, Uint8Array>): void {
    for (const [peer, encoded] of edges) this.replace(key, share, peer, encoded);
  }

  /** Whether a live edge may be made anew: now and then, since its other end may have lost it; not as often as a liar likes. */
  mayReplaceAlive(key: Uint8Array, peer: PartyIndex): boolean {
    const name = edgeName(key, peer);
    const times = this.#replacedAlive.get(name) ?? 0;
    this.#replacedAlive.set(name, times + 1);
    return times < MAX_REPLACED_ALIVE;
  }

  /** An edge was made anew. */
  replace(key: Uint8Array, share: Valid<KeyShare>, peer: PartyIndex, encoded: Uint8Array): void {
    this.#parts.vault.put(edgeName(key, peer), encoded, { replace: true });
    assert(this.#take(key, share, peer, encoded), "a new edge is alive");
  }

  /** False if the edge is dead: then nothing of it is kept in memory. */
  #take(key: Uint8Array, { record }: Valid<KeyShare>, peer: PartyIndex, encoded: Uint8Array): boolean {
    const scheme = this.#schemeOf(record.scheme);
    const other = record.parties.find(({ index }) => index === peer);
    if (scheme.edges === null || other === undefined) return false;
    const { setup, edge } = scheme.edges.open(encoded);
    const held: HeldEdge = { setup, edge, wipe: () => scheme.edges!.wipe(edge) };
    encoded.fill(0);
    if (isEdgeDead(this.#parts.log.state, setup, this.#parts.self, toHex(other.node) as NodeId)) {
      held.wipe();
      return false;
    }
    const ofKey = this.#edges.get(toHex(key)) ?? new Map<PartyIndex, HeldEdge>();
    ofKey.get(peer)?.wipe();
    this.#edges.set(toHex(key), ofKey.set(peer, held));
    return true;
  }

  /** Overwrite what is in memory: the process ends. */
  close(): void {
    for (const ofKey of this.#edges.values()) for (const held of ofKey.values()) held.wipe();
    this.#edges.clear();
  }

  /** The live edges of a key, as an ack names them: ascending by peer. */
  live(key: Uint8Array): readonly EdgeEnd[] {
    const ofKey = [...(this.#edges.get(toHex(key)) ?? [])];
    return ofKey.map(([peer, { setup }]) => ({ peer, setup })).toSorted((a, b) => a.peer - b.peer);
  }

  /** Members that this node should have an edge to, and has none. */
  lost(key: Uint8Array, { record, self }: Valid<KeyShare>): readonly NodeId[] {
    if (this.#schemeOf(record.scheme).edges === null) return [];
    const live = this.#edges.get(toHex(key));
    const peers = record.parties.filter(({ index }) => index !== self && live?.has(index) !== true);
    return peers.map(({ node }) => toHex(node) as NodeId);
  }

  /** Own ends of the edges to `peers`; null if one of them died since the ack that named it. */
  to(key: Uint8Array, peers: readonly PartyIndex[]): ReadonlyMap<PartyIndex, unknown> | null {
    const ofKey = this.#edges.get(toHex(key));
    const held = new Map(peers.flatMap((peer) => (ofKey?.has(peer) ? [[peer, ofKey.get(peer)!.edge] as const] : [])));
    return held.size === peers.length ? held : null;
  }

  /** A check on the edge failed, or its other end said that one did. Durable, in the journal and on disk, when it returns. */
  kill(
    key: Uint8Array,
    { record }: Valid<KeyShare>,
    peer: PartyIndex,
    cause: EdgeLoss,
  ): { readonly setup: Uint8Array } | null {
    const held = this.#edges.get(toHex(key))?.get(peer);
    const other = record.parties.find(({ index }) => index === peer);
    if (held === undefined || other === undefined) return null;
    const { log, vault, self } = this.#parts;
    const evidence = transcript("custody/edge", { wires: [...cause.wires] });
    const reason = cause.reason.slice(0, 200);
    const { setup } = held;
    log.commit([{ kind: "deadEdge", setup, a: self, b: toHex(other.node) as NodeId, reason, evidence }]);
    this.#edges.get(toHex(key))!.delete(peer);
    held.wipe();
    vault.erase(edgeName(key, peer));
    return { setup };
  }

  #schemeOf(name: string): SigningScheme {
    const scheme = this.#parts.schemes.find(({ scheme }) => scheme === name);
    assert(scheme !== undefined, `this node runs ${name}`);
    return scheme;
  }
}
