/** How an edge dies: everything that relies on it ends, it is gone from disk, and only then does anybody hear of it (L5). */
import { codec, equalBytes, fixedBytes, fromHex, record, toHex } from "@conclave/bytes";
import { nodeId, type NodeId } from "@conclave/consensus";
import { partyOf, type KeyShare, type Valid } from "@conclave/keys";
import type { PartyIndex } from "@conclave/protocol";
import type { Ceremonies } from "./ceremonies.ts";
import type { EdgeLoss, EdgeRing } from "./edges.ts";
import type { Envelope, HeaderFields } from "./envelope.ts";
import type { Emit } from "./events.ts";
import type { Identity } from "./identity.ts";
import type { PresignaturePool } from "./presignatures.ts";

/** What one end says to everybody: the edge to `peer`, made by `setup`, is not to be used any more. */
export const edgeDeathCodec = codec(record({ setup: fixedBytes(32), peer: nodeId }));

/** More than there are pairs among 32 nodes. */
const MAX_HEARD = 1_024;

export interface EdgeDeathParts {
  readonly identity: Identity;
  readonly edges: EdgeRing;
  readonly presignatures: PresignaturePool;
  readonly ceremonies: Ceremonies;
  readonly keyOf: (key: Uint8Array) => Valid<KeyShare> | undefined;
  readonly others: () => readonly NodeId[];
  readonly seal: (fields: HeaderFields, body: Uint8Array) => Envelope;
  readonly emit: Emit;
}

export class EdgeDeaths {
  readonly #parts: EdgeDeathParts;
  /** Deaths among others that were heard of, oldest first: each is told to the host once. */
  readonly #heard = new Set<string>();

  constructor(parts: EdgeDeathParts) {
    this.#parts = parts;
  }

  /** A check on the edge to a party failed here, or its other end said that one did there. */
  lose(key: Uint8Array, peer: PartyIndex, cause: EdgeLoss): void {
    const { edges, emit, identity, keyOf, others, seal } = this.#parts;
    const share = keyOf(key);
    const other = share?.record.parties.find(({ index }) => index === peer);
    if (share === undefined || other === undefined) return;
    this.endUses(key, peer, `the edge to party ${peer} died`);
    const lost = edges.kill(key, share, peer, cause);
    if (lost === null) return;
    const node = toHex(other.node) as NodeId;
    const body = edgeDeathCodec.encode({ setup: lost.setup, peer: node });
    const { wire } = seal({ kind: "edge", key, epoch: share.record.epoch }, body);
    emit({ kind: "send", to: others(), wire, topic: `edge:${toHex(lost.setup)}`, statement: true });
    emit({ kind: "edgeDead", key, between: [identity.id, node], reason: cause.reason });
  }

  /**
   * What this node signs together with the peer right now, and what it prepared with it, rests on an edge that is to go. An
   * attempt that was acknowledged and has not begun finds out when it begins.
   */
  endUses(key: Uint8Array, peer: PartyIndex, reason: string): void {
    const { ceremonies, keyOf, presignatures } = this.#parts;
    const other = keyOf(key)?.record.parties.find(({ index }) => index === peer);
    if (other !== undefined) ceremonies.abandonWith(key, toHex(other.node) as NodeId, reason);
    presignatures.burnWith(key, peer);
  }

  #isNews(setup: Uint8Array, a: NodeId, b: NodeId): boolean {
    const name = [toHex(setup), ...[a, b].toSorted()].join();
    if (this.#heard.has(name)) return false;
    this.#heard.add(name);
    if (this.#heard.size > MAX_HEARD) this.#heard.delete(this.#heard.values().next().value!);
    return true;
  }

  /** One end of an edge says that it is dead. Its word is enough: that costs only this edge. */
  hear({ header: { sender, key }, body, wire }: Envelope): void {
    const { ceremonies, edges, emit, identity, keyOf } = this.#parts;
    const { setup, peer } = edgeDeathCodec.decode(body);
    const share = key === null ? undefined : keyOf(key);
    const from = share && partyOf(share.record, fromHex(sender));
    if (from === undefined || key === null) return;
    if (peer !== identity.id) {
      if (peer === sender || partyOf(share!.record, fromHex(peer)) === undefined || !this.#isNews(setup, sender, peer))
        return;
      ceremonies.abandonBetween(key, [sender, peer], setup);
      return emit({ kind: "edgeDead", key, between: [sender, peer], reason: "one of its ends said so" });
    }
    const own = edges.live(key).find((end) => end.peer === from.index);
    if (own !== undefined && equalBytes(own.setup, setup))
      this.lose(key, from.index, { reason: "its other end said so", wires: [wire] });
  }
}
