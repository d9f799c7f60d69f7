/**
 * Who can be proven to have cheated. Watches every slot for a second content, judges evidence that peers send, and keeps the
 * bans that follow. Believes nobody: evidence is verified here, from signatures, before it counts.
 */
import { bytes, codec, CodecError, compareBytes, equalBytes, fixedBytes, record, toHex } from "@conclave/bytes";
import {
  addsStrike,
  bannedAt,
  bansOf,
  convict,
  convictionCodec,
  type Accusation,
  type Ban,
  type Conviction,
  type Evidence,
  type EvidenceContext,
  type NodeId,
  type Roster,
} from "@conclave/consensus";
import type { Engine } from "@conclave/crypto";
import { Fault, roundOf, viewHash, type Protocol } from "@conclave/protocol";
import { EnvelopeRefused, SLOTTED, slotOf, type Envelope, type EnvelopeReader } from "./envelope.ts";
import type { SafetyLog } from "./safety-log.ts";

/** Slots remembered, oldest forgotten first: some 150 signatures of five nodes. Evidence against older ones has aged out. */
const MAX_SLOTS = 8_192;
/** And their bytes: whoever fills slots with large bodies pushes out old slots, not the process. */
const MAX_SLOT_BYTES = 32 << 20;

/** What convicts the sender of a broadcast that fails its public check: the envelope, and what its view opens to. */
const faultProofCodec = codec(
  record({ ssid: fixedBytes(32), publicState: bytes({ max: 300_000 }), wire: bytes({ max: 150_000 }) }),
);

export class Tribunal {
  readonly #log: SafetyLog;
  readonly #reader: EnvelopeReader;
  readonly #context: EvidenceContext;
  readonly #protocols: ReadonlyMap<string, Protocol<unknown, unknown>>;
  readonly #slots = new Map<string, Uint8Array>();
  #slotBytes = 0;
  #convictions: Conviction[];

  constructor(parts: {
    engine: Engine;
    roster: Roster;
    log: SafetyLog;
    reader: EnvelopeReader;
    protocols: readonly Protocol<unknown, unknown>[];
  }) {
    this.#log = parts.log;
    this.#reader = parts.reader;
    this.#protocols = new Map(parts.protocols.map((protocol) => [protocol.id, protocol]));
    this.#context = {
      engine: parts.engine,
      roster: parts.roster,
      verifiers: {
        equivocation: (first, second) => this.#judgeEquivocation(first, second),
        protocolFault: (check, proof) => this.#judgeFault(check, proof),
      },
    };
    this.#convictions = parts.log.state.bans.map((ban) => convictionCodec.decode(ban));
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
    const conviction = convict(this.#context, evidence, nowMs);
    if (conviction === undefined || !addsStrike(this.#convictions, conviction)) return null;
    this.#log.commit([{ kind: "ban", ban: convictionCodec.encode(conviction) }]);
    this.#convictions = [...this.#convictions, conviction];
    return conviction;
  }

  #judgeEquivocation(first: Uint8Array, second: Uint8Array): Accusation | undefined {
    const a = this.#open(first).header;
    const b = this.#open(second).header;
    if (!SLOTTED.has(a.kind) || !equalBytes(slotOf(a), slotOf(b)) || equalBytes(first, second)) return undefined;
    return { accused: a.sender, slot: a.ssid ?? slotOf(a) };
  }

  /** Run the round's public check again: the envelope names the view, the view opens to the public state. */
  #judgeFault(check: string, proof: Uint8Array): Accusation | undefined {
    const { ssid, publicState, wire } = faultProofCodec.decode(proof);
    const { header, body } = this.#open(wire);
    const protocol = this.#protocols.get(check);
    const round = protocol && roundOf(protocol, header.round);
    if (round === undefined || round.broadcast === null) return undefined;
    if (header.kind !== "step/broadcast" || header.protocol !== check || header.ssid === null || header.view === null)
      return undefined;
    if (!equalBytes(header.ssid, ssid) || !equalBytes(header.view, viewHash(ssid, header.round, publicState)))
      return undefined;
    const known = round.publicState.decode(publicState);
    try {
      round.checkPublic(known, header.senderIndex as never, round.broadcast.decode(body));
    } catch (error) {
      if (error instanceof CodecError || (error instanceof Fault && error.kind === "public")) {
        return { accused: header.sender, slot: ssid };
      }
      throw error;
    }
    return undefined;
  }

  /** What is no envelope of ours proves nothing. */
  #open(wire: Uint8Array): Envelope {
    try {
      return this.#reader.open(wire);
    } catch (cause) {
      if (!(cause instanceof EnvelopeRefused)) throw cause;
      throw new CodecError("evidence holds no envelope of this roster", { cause });
    }
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
