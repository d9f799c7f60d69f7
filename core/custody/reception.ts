/**
 * Where envelopes of peers come in: whose they are, whether their sender is still heard, and which part of custody each kind is
 * for. Nothing is believed here but signatures; every part checks what it is given.
 */
import { CodecError, equalBytes } from "@conclave/bytes";
import { evidenceCodec, signedVoteCodec, type NodeId } from "@conclave/consensus";
import type { Approvals } from "./approvals.ts";
import { beginCodec } from "./attempts.ts";
import type { Ceremonies } from "./ceremonies.ts";
import type { Certification } from "./certification.ts";
import type { Checkpoints } from "./checkpoints.ts";
import type { Convictions } from "./convictions.ts";
import type { EdgeDeaths } from "./edge-deaths.ts";
import type { Envelope, EnvelopeReader } from "./envelope.ts";
import { proposalCodec } from "./request.ts";
import { resultCodec } from "./results.ts";
import type { Tribunal } from "./tribunal.ts";
import type { Witness } from "./witness.ts";

/** A banned node may still learn, be asked about its journal, and certify a key it holds. */
const SPOKEN_BY_BANNED: ReadonlySet<string> = new Set(["hello", "witness", "certificate", "edge", "evidence"]);

/** What a host kept of requests: proposals first, then signed votes and envelopes of promises never to sign. */
export interface KeptStatements {
  readonly proposals: readonly Uint8Array[];
  readonly votes: readonly Uint8Array[];
  readonly abandons: readonly Uint8Array[];
}

export interface ReceptionParts {
  readonly self: NodeId;
  readonly reader: EnvelopeReader;
  readonly tribunal: Tribunal;
  readonly convictions: Convictions;
  readonly approvals: Approvals;
  readonly ceremonies: Ceremonies;
  readonly witness: Witness;
  readonly certification: Certification;
  readonly deaths: EdgeDeaths;
  readonly checkpoints: Checkpoints;
  readonly banned: () => ReadonlySet<NodeId>;
  /** Whether this node promises anything at present. */
  readonly speaks: () => boolean;
  /** One piece of input: if it is wrong it costs only itself. */
  readonly attend: (body: () => void) => void;
}

export class Reception {
  readonly #parts: ReceptionParts;

  constructor(parts: ReceptionParts) {
    this.#parts = parts;
  }

  /** An envelope, however it came here. Throws for what is wrong with it; that costs the envelope. */
  receive(wire: Uint8Array): void {
    const { self, reader, tribunal, convictions, banned } = this.#parts;
    const envelope = reader.open(wire);
    const { sender, receiver } = envelope.header;
    if (sender === self) return;
    if (receiver !== null && receiver !== self) return;
    const evidence = tribunal.watch(envelope);
    if (evidence !== null) return convictions.accuse(evidence);
    if (banned().has(sender) && !this.#isHeardFromBanned(envelope)) return;
    this.#dispatch(envelope);
  }

  /** Further revisions too, of what is known: others may have approved one before the ban, and this node must not deny it. */
  #isHeardFromBanned({ header: { kind }, body }: Envelope): boolean {
    if (SPOKEN_BY_BANNED.has(kind)) return true;
    return kind === "proposal" && this.#parts.approvals.docket.find(proposalCodec.decode(body).request) !== undefined;
  }

  #dispatch(envelope: Envelope): void {
    const { header, body } = envelope;
    const { reader, convictions, approvals, ceremonies, witness, certification, deaths, checkpoints, speaks } =
      this.#parts;
    switch (header.kind) {
      case "hello":
        convictions.tellAll([header.sender]);
        return witness.answer(envelope);
      case "witness":
        return witness.hear(envelope);
      case "proposal":
        approvals.learn(body, header.sender, envelope.wire);
        return ceremonies.retryEarly();
      case "vote":
        witness.note(envelope);
        return approvals.count.add(signedVoteCodec.decode(body));
      case "abandon":
        return approvals.abandons.add(header.sender, envelope);
      case "result":
        return this.takeResult(body);
      case "certificate":
        return certification.hear(header.sender, body);
      case "edge":
        return deaths.hear(envelope);
      case "waiting":
        return approvals.spending.hear(header.sender, header.request!);
      case "checkpoint":
        return checkpoints.hear(envelope);
      case "evidence":
        return convictions.accuse(evidenceCodec.decode(body));
      case "ack":
        witness.note(envelope);
        return ceremonies.receiveAck(envelope);
      case "setup":
        if (speaks()) ceremonies.receiveSetup(envelope);
        return;
      case "begin":
        // Acks go to the coordinator alone; here everybody witnesses them, before a partial of their senders exists.
        for (const ack of beginCodec.decode(body).acks) witness.note(reader.open(ack));
        return ceremonies.receiveBegin(envelope);
      case "step/broadcast":
        return ceremonies.receiveStep(envelope, "broadcast");
      case "step/direct":
        return ceremonies.receiveStep(envelope, "direct");
      case "step/echo":
        return ceremonies.receiveStep(envelope, "echo");
    }
  }

  /** What the host's store gives back is read like a peer's word: each piece is verified, and costs itself if it is wrong. */
  recall({ proposals, votes, abandons }: KeptStatements): void {
    const { self, approvals, reader, attend } = this.#parts;
    for (const proposal of proposals) attend(() => approvals.learn(proposal, self, null));
    for (const vote of votes) attend(() => approvals.count.add(signedVoteCodec.decode(vote)));
    for (const wire of abandons) {
      attend(() => {
        const envelope = reader.open(wire);
        if (envelope.header.kind !== "abandon") throw new CodecError(`a ${envelope.header.kind} is no abandon`);
        approvals.abandons.add(envelope.header.sender, envelope);
      });
    }
  }

  /** A complete set of signatures for content that is known here. Throws `CodecError` or `SignatureRefused`. */
  takeResult(body: Uint8Array): void {
    const { approvals, ceremonies } = this.#parts;
    const result = resultCodec.decode(body);
    const { request, revision, digest } = result;
    const entry = approvals.motion(request);
    const known = entry?.revisions.get(revision);
    if (entry === undefined || known === undefined) return;
    if (!equalBytes(known.digest, digest)) throw new CodecError("a result for other content");
    ceremonies.publish(entry, known, result);
  }
}
