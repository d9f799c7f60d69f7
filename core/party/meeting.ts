/**
 * The group as this party meets it: who is there, what each came for, and envelopes that find their way however often a
 * frame is lost. Nothing is believed here but signatures.
 */
import { CodecError, equalBytes, transcript, type Rng } from "@conclave/bytes";
import type { NodeId } from "@conclave/consensus";
import type { Engine } from "@conclave/crypto";
import { EnvelopeReader, EnvelopeRefused, sealEnvelope, type Envelope, type HeaderFields } from "@conclave/custody";
import { Delivery, type Clock, type Transport } from "@conclave/node";
import type { PartyIndex } from "@conclave/protocol";
import type { PartyIdentity } from "./card.ts";
import type { PartyEvent } from "./events.ts";
import { fingerprint, rosterOf, type Invite } from "./invite.ts";
import { isNewer, presenceCodec, type Presence } from "./presence.ts";

/** Another party of the group. */
export interface Peer {
  readonly party: PartyIndex;
  readonly node: NodeId;
  readonly up: boolean;
  /** What it said last; null before it said anything. */
  readonly presence: Presence | null;
}

export interface MeetingParts {
  readonly engine: Engine;
  readonly identity: PartyIdentity;
  readonly invite: Invite;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly observe: (event: PartyEvent) => void;
}

export interface MeetingHandler {
  /** Signed by a party of the group; anything but a presence. */
  envelope(envelope: Envelope): void;
  /** A party came, went, or says something new. `anew`: its process is another one than before. */
  changed(peer: Peer, change: { readonly anew: boolean }): void;
}

const PRESENCE_TOPIC = "presence";

/** Presences are signed under this in place of an invite's hash. Everything else is bound to one invite. */
const LOBBY = transcript("party/lobby", {});

export class Meeting {
  readonly invite: Invite;
  readonly reader: EnvelopeReader;
  /** Drawn for this process. */
  readonly run: Uint8Array;
  readonly #parts: MeetingParts;
  readonly #delivery: Delivery;
  readonly #lobby: EnvelopeReader;
  /** What each said last, with whatever invite. */
  readonly #latest = new Map<NodeId, Presence>();
  readonly #peers = new Map<NodeId, Peer>();
  readonly #startedMs: number;
  #handler: MeetingHandler | null = null;
  #serial = 0;
  #said: Uint8Array | null = null;

  constructor(parts: MeetingParts) {
    const { engine, identity, invite, transport, clock, rng } = parts;
    this.#parts = parts;
    this.invite = invite;
    this.reader = new EnvelopeReader(engine, rosterOf(invite), invite.hash);
    this.#lobby = new EnvelopeReader(engine, rosterOf(invite), LOBBY);
    this.run = rng(32);
    this.#startedMs = clock.nowMs();
    this.#delivery = new Delivery({ transport, clock });
    for (const { node, party } of invite.cards)
      if (node !== identity.card.node) this.#peers.set(node, { node, party, up: false, presence: null });
  }

  async start(handler: MeetingHandler): Promise<void> {
    this.#handler = handler;
    await this.#parts.transport.start({
      frame: (from, frame) => this.#frame(from, frame),
      link: (node, up) => this.#link(node, up),
    });
  }

  async close(): Promise<void> {
    this.#handler = null;
    this.#delivery.stop();
    await this.#parts.transport.close();
  }

  /** Every other party, ascending. */
  peers(): readonly Peer[] {
    return [...this.#peers.values()];
  }

  peer(node: NodeId): Peer | undefined {
    return this.#peers.get(node);
  }

  seal(fields: HeaderFields, body: Uint8Array): Envelope {
    return sealEnvelope(this.#parts.identity.envelope, this.invite.hash, fields, body);
  }

  /** Until each has it, or the topic is closed. */
  send(to: readonly NodeId[], wire: Uint8Array, topic: string): void {
    for (const node of to) this.#delivery.send(node, wire, topic);
  }

  forget(topic: string): void {
    this.#delivery.close(topic);
  }

  /** Tell everybody, those who come later too, what this party is doing. */
  announce(says: Pick<Presence, "intent" | "stage" | "gaveUp">): void {
    this.#serial += 1;
    const own = { invite: this.invite.hash, run: this.run, startedMs: this.#startedMs, serial: this.#serial };
    const body = presenceCodec.encode({ ...says, ...own });
    this.#said = sealEnvelope(this.#parts.identity.envelope, LOBBY, { kind: "hello" }, body).wire;
    this.#delivery.close(PRESENCE_TOPIC);
    this.#tell(this.peers().filter(({ up }) => up));
  }

  #tell(peers: readonly Peer[]): void {
    const nodes = peers.map(({ node }) => node);
    if (this.#said !== null) this.send(nodes, this.#said, PRESENCE_TOPIC);
  }

  #link(node: NodeId, up: boolean): void {
    const peer = this.#peers.get(node);
    if (peer === undefined || peer.up === up) return;
    this.#peers.set(node, { ...peer, up });
    this.#parts.observe({ kind: up ? "present" : "gone", party: peer.party });
    if (up) {
      this.#delivery.linkUp(node);
      this.#tell([peer]);
    }
    this.#handler?.changed({ ...peer, up }, { anew: false });
  }

  #frame(from: NodeId, frame: Uint8Array): void {
    const payload = this.#delivery.receive(from, frame);
    if (payload === null || this.#handler === null) return;
    const party = this.#peers.get(from)?.party ?? null;
    try {
      const envelope = this.#open(payload);
      if (envelope.header.kind === "hello") this.#hear(envelope);
      else this.#handler.envelope(envelope);
    } catch (error) {
      if (!(error instanceof EnvelopeRefused || error instanceof CodecError)) throw error;
      this.#parts.observe({ kind: "dropped", party, reason: error.message });
    }
  }

  /** A presence, or an envelope of this invite. Throws `EnvelopeRefused`. */
  #open(wire: Uint8Array): Envelope {
    try {
      return this.reader.open(wire);
    } catch (refusal) {
      if (!(refusal instanceof EnvelopeRefused)) throw refusal;
      const envelope = this.#lobby.open(wire);
      if (envelope.header.kind !== "hello") throw refusal;
      return envelope;
    }
  }

  #hear({ header, body }: Envelope): void {
    const peer = this.#peers.get(header.sender);
    const presence = presenceCodec.decode(body);
    const before = this.#latest.get(header.sender) ?? null;
    if (peer === undefined || !isNewer(presence, before)) return;
    this.#latest.set(peer.node, presence);
    const isHere = equalBytes(presence.invite, this.invite.hash);
    if (!isHere && (before === null || !equalBytes(before.invite, presence.invite)))
      this.#tellElsewhere(peer, presence);
    const anew = before !== null && !equalBytes(before.run, presence.run);
    const changed = { ...peer, presence: isHere ? presence : null };
    this.#peers.set(peer.node, changed);
    this.#handler?.changed(changed, { anew });
  }

  #tellElsewhere({ party }: Peer, { invite }: Presence): void {
    const how = `it came with another invite, or for the key of another one (fingerprint ${fingerprint(invite)}, and here ${fingerprint(this.invite.hash)})`;
    this.#parts.observe({ kind: "differs", party, how: [how] });
  }
}
