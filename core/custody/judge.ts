/**
 * Judges evidence as anybody can, who has the roster and nothing else: from signatures and from what the signed bytes say. Used by
 * every node for what it hears, and offline for evidence that was exported.
 */
import { bytes, codec, CodecError, equalBytes, fixedBytes, record } from "@conclave/bytes";
import { networks, paysNothingLike } from "@conclave/bitcoin";
import type { Accusation, EvidenceContext, EvidenceVerifiers, Roster, SignedVote } from "@conclave/consensus";
import type { Engine } from "@conclave/crypto";
import { Fault, roundOf, viewHash, type Protocol } from "@conclave/protocol";
import { EnvelopeRefused, SLOTTED, slotOf, type Envelope, type EnvelopeReader } from "./envelope.ts";
import { requestCodec, requestId, revisionCodec, revisionDigest } from "./request.ts";

/** What convicts the sender of a broadcast that fails its public check: the envelope, and what its view opens to. */
export const faultProofCodec = codec(
  record({ ssid: fixedBytes(32), publicState: bytes({ max: 300_000 }), wire: bytes({ max: 150_000 }) }),
);

export interface JudgeParts {
  readonly engine: Engine;
  readonly roster: Roster;
  readonly reader: EnvelopeReader;
  readonly protocols: readonly Protocol<unknown, unknown>[];
}

/** What `convict` and `verifyEvidence` check evidence against. */
export function evidenceContext({ engine, roster, reader, protocols }: JudgeParts): EvidenceContext {
  const byId = new Map(protocols.map((protocol) => [protocol.id, protocol]));
  const verifiers: EvidenceVerifiers = {
    equivocation: (first, second) => judgeEquivocation(reader, first, second),
    protocolFault: (check, proof) => judgeFault(reader, byId.get(check), proof),
    wrongVote,
  };
  return { engine, roster, verifiers };
}

function judgeEquivocation(reader: EnvelopeReader, first: Uint8Array, second: Uint8Array): Accusation | undefined {
  const a = openEvidence(reader, first).header;
  const b = openEvidence(reader, second).header;
  if (!SLOTTED.has(a.kind) || !equalBytes(slotOf(a), slotOf(b)) || equalBytes(first, second)) return undefined;
  return { accused: a.sender, slot: a.ssid ?? slotOf(a) };
}

/** Run the round's public check again: the envelope names the view, the view opens to the public state. */
function judgeFault(
  reader: EnvelopeReader,
  protocol: Protocol<unknown, unknown> | undefined,
  proof: Uint8Array,
): Accusation | undefined {
  const { ssid, publicState, wire } = faultProofCodec.decode(proof);
  const { header, body } = openEvidence(reader, wire);
  const round = protocol && roundOf(protocol, header.round);
  if (round === undefined || round.broadcast === null) return undefined;
  if (header.kind !== "step/broadcast" || header.protocol !== protocol?.id) return undefined;
  if (header.ssid === null || header.view === null || !equalBytes(header.ssid, ssid)) return undefined;
  if (!equalBytes(header.view, viewHash(ssid, header.round, publicState))) return undefined;
  const known = round.publicState.decode(publicState);
  try {
    round.checkPublic(known, header.senderIndex as never, round.broadcast.decode(body));
  } catch (error) {
    if (error instanceof CodecError || (error instanceof Fault && error.kind === "public"))
      return { accused: header.sender, slot: ssid };
    throw error;
  }
  return undefined;
}

/**
 * The one rule by which a vote is provably wrong: a yes to a revision whose transaction gives the request's recipient no output
 * of exactly the amount asked for. It needs no chain, no wallet and no policy, so that no honest node ever breaks it. Whatever
 * honest nodes can see differently (coins, fees, tips, limits, an operator's mind) proves nothing here.
 */
export function wrongVote({ vote }: SignedVote, requestBytes: Uint8Array, revisionBytes: Uint8Array): boolean {
  const request = requestCodec.decode(requestBytes);
  const revision = revisionCodec.decode(revisionBytes);
  const network = Object.values(networks).find(({ name }) => name === vote.network);
  if (!vote.value || request.kind !== "payment" || network === undefined) return false;
  if (!equalBytes(requestId(request), vote.request) || !equalBytes(revision.request, vote.request)) return false;
  if (revision.number !== vote.revision || !equalBytes(revisionDigest(revision), vote.digest)) return false;
  return paysNothingLike(revision.psbt, request.payment, network);
}

/** Opens an envelope in evidence. Throws `CodecError`: what is no envelope of this roster proves nothing. */
export function openEvidence(reader: EnvelopeReader, wire: Uint8Array): Envelope {
  try {
    return reader.open(wire);
  } catch (cause) {
    if (!(cause instanceof EnvelopeRefused)) throw cause;
    throw new CodecError("evidence holds no envelope of this roster", { cause });
  }
}
