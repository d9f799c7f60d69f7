/** What follows when something is proven against a node: it is recorded, everybody is told, and its votes count no more. */
import type { Conviction, Evidence, NodeId } from "@conclave/consensus";
import type { Envelope, HeaderFields } from "./envelope.ts";
import type { Emit } from "./events.ts";
import type { Tribunal } from "./tribunal.ts";

export interface ConvictionParts {
  readonly self: NodeId;
  readonly tribunal: Tribunal;
  readonly others: () => readonly NodeId[];
  readonly emit: Emit;
  readonly seal: (fields: HeaderFields, body: Uint8Array) => Envelope;
  readonly nowMs: () => number;
  /** Count every vote again, without those of whoever is banned. */
  readonly recount: () => void;
}

export class Convictions {
  readonly #parts: ConvictionParts;

  constructor(parts: ConvictionParts) {
    this.#parts = parts;
  }

  /** Verify evidence; if it proves something new, record it, tell everybody, and say so. */
  accuse(evidence: Evidence): void {
    const { self, tribunal, others, emit, nowMs, recount } = this.#parts;
    const conviction = tribunal.judge(evidence, nowMs());
    if (conviction === null) return;
    // Against itself too: somebody else holds its keys, and its operator has to hear of it. The others were told by whoever found it.
    if (conviction.node !== self) this.#tell(conviction, others());
    emit({ kind: "violation", node: conviction.node, violation: evidence.kind, evidence: conviction.evidence });
    recount();
  }

  /** Everything this node convicted others of, to peers that may not have heard: it, or they, were away when it happened. */
  tellAll(peers: readonly NodeId[]): void {
    for (const conviction of this.#parts.tribunal.convictions()) this.#tell(conviction, peers);
  }

  #tell({ node, evidence }: Conviction, peers: readonly NodeId[]): void {
    const { wire } = this.#parts.seal({ kind: "evidence" }, evidence);
    const to = peers.filter((peer) => peer !== node);
    if (to.length > 0) this.#parts.emit({ kind: "send", to, wire, topic: "evidence", statement: true });
  }
}
