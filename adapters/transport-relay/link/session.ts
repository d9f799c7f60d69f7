/** What two lives have between them: keys, what came, what is under way. */
import { equalBytes } from "@conclave/bytes";
import type { Life, PairKeys, SessionKeys } from "./keys.ts";
import { encodeNote, openPacket, sealPacket, type Note, type Packet, type SessionKind } from "./packets.ts";
import { ReceiveWindow, SendWindow, type UnderWay } from "./windows.ts";

type SessionPacket = Extract<Packet, { kind: SessionKind }>;

export class LinkSession {
  readonly own: Uint8Array;
  readonly peer: Uint8Array;
  readonly outgoing = new SendWindow();
  readonly #keys: SessionKeys;
  readonly #incoming = new ReceiveWindow();
  #nextNote = 0;
  #heardNote = -1;

  /** Throws `RangeError` if the peer's life is no key. */
  constructor(pair: PairKeys, own: Life, peerLife: Uint8Array) {
    this.own = own.public;
    this.peer = peerLife;
    this.#keys = pair.session(own, peerLife);
  }

  names(packet: SessionPacket): boolean {
    return equalBytes(packet.session, this.#keys.id);
  }

  /** Whether a packet at this number is news. Asked before it is opened: repeats cost nothing. */
  expects({ kind, number }: SessionPacket): boolean {
    return kind === "note" ? number > this.#heardNote : this.#incoming.expects(number);
  }

  /** The inside of a packet, once; null if the peer did not seal it. */
  open(packet: SessionPacket): Uint8Array | null {
    const plain = openPacket(this.#keys, packet);
    if (plain === null) return null;
    if (packet.kind === "note") this.#heardNote = packet.number;
    else this.#incoming.took(packet.number);
    return plain;
  }

  /** Seals frames, to be sent until the peer has them. */
  add(plain: Uint8Array): UnderWay {
    return this.outgoing.add(sealPacket(this.#keys, { kind: "frames", number: this.outgoing.next, plain }));
  }

  /** What came, and that we are here or are leaving. */
  note({ leaving }: Pick<Note, "leaving">): Uint8Array {
    const plain = encodeNote({ ...this.#incoming.received, leaving });
    return sealPacket(this.#keys, { kind: "note", number: this.#nextNote++, plain });
  }

  wipe(): void {
    this.#keys.send.fill(0);
    this.#keys.receive.fill(0);
  }
}
