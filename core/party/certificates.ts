/**
 * How a share comes into use: every party says, signed, that it has one of the same ceremony on disk. A party that has all
 * these certificates gives them to whoever lacks some, whatever it is doing itself.
 */
import { codec, equalBytes, fixedBytes, record, toHex, type Codec } from "@conclave/bytes";
import type { NodeId } from "@conclave/consensus";
import type { Envelope } from "@conclave/custody";
import type { PartyIndex } from "@conclave/protocol";
import type { HeldKey, PartyKeys } from "./keys.ts";
import type { Meeting, Peer } from "./meeting.ts";

interface CertificateBody {
  readonly certificate: Uint8Array;
}

const certificateCodec: Codec<CertificateBody> = codec(record({ certificate: fixedBytes(32) }));

/** Per signer: of runs that this party has not finished yet, or never will. */
const MAX_KEPT_PER_SIGNER = 8;

const TOPIC = "certificate";

export interface CertificatesParts {
  readonly meeting: Meeting;
  readonly keys: PartyKeys;
  /** This party. */
  readonly node: NodeId;
  /** A share came into use. */
  readonly onActive: (held: HeldKey) => void;
  /** Another certificate came in for the share that waits. */
  readonly onProgress: (held: HeldKey) => void;
}

export class Certificates {
  readonly #parts: CertificatesParts;
  /** By signer: certificate hash, hexadecimal, to the signed envelope. */
  readonly #heard = new Map<NodeId, Map<string, Uint8Array>>();

  constructor(parts: CertificatesParts) {
    this.#parts = parts;
  }

  /** The share that waits, if there is one: certify it, again if need be. It is on disk. */
  certify(): void {
    const { keys, meeting, node } = this.#parts;
    const held = keys.pending(meeting.invite.hash);
    if (held === undefined) return;
    const { wire } = this.#sign(held);
    this.#keep(node, held.certificate, wire);
    meeting.send(this.#others(), wire, TOPIC);
    this.#count();
  }

  /** Who has not certified the share that waits. */
  missing(held: HeldKey): readonly PartyIndex[] {
    const signed = (node: NodeId): boolean => this.#heard.get(node)?.has(toHex(held.certificate)) === true;
    return held.invite.cards.filter(({ node }) => !signed(node)).map(({ party }) => party);
  }

  receive({ header, body, wire }: Envelope): void {
    const { certificate } = certificateCodec.decode(body);
    this.#keep(header.sender, certificate, wire);
    this.#count();
  }

  /** A party said what it holds. */
  heard({ node, presence }: Peer): void {
    const { keys, meeting } = this.#parts;
    if (presence?.intent.kind !== "keygen" || presence.intent.holds === null || presence.stage !== "waiting") return;
    const { holds, active } = presence.intent;
    const own = keys.active(meeting.invite.hash) ?? keys.pending(meeting.invite.hash);
    if (active || own === undefined || !equalBytes(own.certificate, holds)) return;
    for (const wire of own.certificates ?? [this.#sign(own).wire]) meeting.send([node], wire, TOPIC);
  }

  #sign(held: HeldKey): Envelope {
    const body = certificateCodec.encode({ certificate: held.certificate });
    return this.#parts.meeting.seal({ kind: "certificate", key: held.id, epoch: held.share.record.epoch }, body);
  }

  #others(): readonly NodeId[] {
    return this.#parts.meeting.peers().map(({ node }) => node);
  }

  #keep(signer: NodeId, certificate: Uint8Array, wire: Uint8Array): void {
    const heard = this.#heard.get(signer) ?? new Map<string, Uint8Array>();
    heard.set(toHex(certificate), wire);
    if (heard.size > MAX_KEPT_PER_SIGNER) heard.delete(heard.keys().next().value!);
    this.#heard.set(signer, heard);
  }

  #count(): void {
    const { keys, meeting, onActive, onProgress } = this.#parts;
    const held = keys.pending(meeting.invite.hash);
    if (held === undefined) return;
    if (this.missing(held).length > 0) return onProgress(held);
    const wires = held.invite.cards.map(({ node }) => this.#heard.get(node)!.get(toHex(held.certificate))!);
    onActive(keys.activate(held, wires));
  }
}
