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

/** Slots remembered, oldest forgotten first: some 150 signatures of five nodes. Evidence against older ones has aged out. */
const MAX_SLOTS = 8_192;
/** And their bytes: whoever fills slots with large bodies pushes out old slots, not the process. */
const MAX_SLOT_BYTES = 32 << 20;

export class Tribunal {
  readonly #log: SafetyLog;
  readonly #context: EvidenceContext;
  readonly #enforces: boolean;
  readonly #slots = new Map<string, Uint8Array>();
  #slotBytes = 0;
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
    const slot = toHex(slotOf(envelope.header));
    const first = this.#slots.get(slot);
    if (first === undefined) {
      this.#slots.set(slot, envelope.wire);
      this.#slotBytes += envelope.wire.length;
      while (this.#slots.size > MAX_SLOTS || this.#slotBytes > MAX_SLOT_BYTES) this.#forgetOldest();
      return null;
    }
    if (equalBytes(first, envelope.wire)) return null;
    return equivocationEvidence(first, envelope.wire);
  }

  #forgetOldest(): void {
    const [slot, wire] = this.#slots.entries().next().value!;
    this.#slots.delete(slot);
    this.#slotBytes -= wire.length;
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
