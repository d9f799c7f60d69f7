/**
 * Who can be proven to have cheated. Watches every slot for a second content, judges evidence that peers send, and keeps the
 * bans that follow. Believes nobody: evidence is verified here, from signatures, before it counts.
 */
import { compareBytes, equalBytes, toHex } from "@conclave/bytes";
import {
  addsStrike,
  bannedAt,
  bansOf,
  convict,
  convictionCodec,
  type Ban,
  type Conviction,
  type Evidence,
  type EvidenceContext,
  type NodeId,
} from "@conclave/consensus";
import { SLOTTED, slotOf, type Envelope } from "./envelope.ts";
import { evidenceContext, faultProofCodec, type JudgeParts } from "./judge.ts";
import type { SafetyLog } from "./safety-log.ts";

/**
 * Slots of one sender that are remembered, oldest forgotten first: some 100 signatures. Evidence against older ones has aged out; a
 * liar that fills slots on purpose makes forget its own alone, and has to fill this many to hide one.
 */
const MAX_SLOTS = 1_024;
/** And their bytes: whoever fills slots with large bodies pushes out its own old slots, not the process. */
const MAX_SLOT_BYTES = 8 << 20;

/** What fills the slots of one sender. */
interface Slots {
  readonly wires: Map<string, Uint8Array>;
  bytes: number;
}

export class Tribunal {
  readonly #log: SafetyLog;
  readonly #context: EvidenceContext;
  readonly #enforces: boolean;
  readonly #slots = new Map<NodeId, Slots>();
  #convictions: Conviction[];

  /** `minorityVotes`: whether a vote that a rule proves wrong bans its voter here. */
  constructor(parts: JudgeParts & { readonly log: SafetyLog; readonly minorityVotes?: "record" | "enforce" }) {
    this.#log = parts.log;
    this.#enforces = parts.minorityVotes === "enforce";
    this.#context = evidenceContext(parts);
    this.#convictions = parts.log.state.bans.map((ban) => convictionCodec.decode(ban));
  }

  /** Everything that this node convicted others of, as it recorded it. */
  convictions(): readonly Conviction[] {
    return this.#convictions;
  }

  bans(): readonly Ban[] {
    return bansOf(this.#convictions);
  }

  banned(nowMs: number): ReadonlySet<NodeId> {
    return bannedAt(this.bans(), nowMs);
  }

  /** Remember what fills a slot. Evidence if its sender filled it differently before. */
  watch(envelope: Envelope): Evidence | null {
    if (!SLOTTED.has(envelope.header.kind)) return null;
    const slots = this.#slotsOf(envelope.header.sender);
    const slot = toHex(slotOf(envelope.header));
    const first = slots.wires.get(slot);
    if (first === undefined) {
      slots.wires.set(slot, envelope.wire);
      slots.bytes += envelope.wire.length;
      while (slots.wires.size > MAX_SLOTS || slots.bytes > MAX_SLOT_BYTES) forgetOldest(slots);
      return null;
    }
    if (equalBytes(first, envelope.wire)) return null;
    return equivocationEvidence(first, envelope.wire);
  }

  #slotsOf(sender: NodeId): Slots {
    const known = this.#slots.get(sender) ?? { wires: new Map<string, Uint8Array>(), bytes: 0 };
    this.#slots.set(sender, known);
    return known;
  }

  /** Verify evidence and record the conviction durably. Null if it proves nothing, or nothing new. */
  judge(evidence: Evidence, nowMs: number): Conviction | null {
    if (evidence.kind === "MinorityVote" && !this.#enforces) return null;
    const conviction = convict(this.#context, evidence, nowMs);
    if (conviction === undefined || !addsStrike(this.#convictions, conviction)) return null;
    this.#log.commit([{ kind: "ban", ban: convictionCodec.encode(conviction) }]);
    this.#convictions = [...this.#convictions, conviction];
    return conviction;
  }
}

function forgetOldest(slots: Slots): void {
  const [slot, wire] = slots.wires.entries().next().value!;
  slots.wires.delete(slot);
  slots.bytes -= wire.length;
}

export function equivocationEvidence(a: Uint8Array, b: Uint8Array): Evidence {
  const [first, second] = compareBytes(a, b) < 0 ? [a, b] : [b, a];
  return { kind: "Equivocation", first, second };
}

/** Evidence for a broadcast that failed its round's public check. */
export const faultEvidence = (
  protocol: string,
  ssid: Uint8Array,
  publicState: Uint8Array,
  wire: Uint8Array,
): Evidence => ({
  kind: "ProtocolFault",
  check: protocol,
  proof: faultProofCodec.encode({ ssid, publicState, wire }),
});
