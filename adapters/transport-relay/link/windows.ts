/** Which packets of frames came, and which of ours the peer has: what makes a link lose nothing that some relay still carries. */
import { MAX_ABOVE } from "./packets.ts";

/** Packets and bytes under way on one link: what a slow peer keeps a relay busy with. */
export const MAX_UNDER_WAY = MAX_ABOVE;
export const MAX_BYTES_UNDER_WAY = 2 << 20;

export class ReceiveWindow {
  #next = 0;
  readonly #above = new Set<number>();

  /** False for a number that came before, or that no honest peer uses yet. */
  expects(number: number): boolean {
    return number >= this.#next && number < this.#next + MAX_UNDER_WAY && !this.#above.has(number);
  }

  /** The packet of this number opened. */
  took(number: number): void {
    this.#above.add(number);
    while (this.#above.delete(this.#next)) this.#next += 1;
  }

  /** For the peer. */
  get received(): { readonly next: number; readonly above: readonly number[] } {
    return { next: this.#next, above: [...this.#above].sort((a, b) => a - b) };
  }
}

/** A packet that the peer has not said it has. */
export interface UnderWay {
  readonly packet: Uint8Array;
  /** At which tick of its link a relay had it last; null: none had room yet. */
  sentAtTick: number | null;
  /** How often it was handed to a relay. */
  times: number;
}

export class SendWindow {
  #next = 0;
  #bytes = 0;
  readonly #underWay = new Map<number, UnderWay>();

  /** The number of the next packet. */
  get next(): number {
    return this.#next;
  }

  get isFull(): boolean {
    const oldest = this.#underWay.keys().next().value ?? this.#next;
    return this.#bytes >= MAX_BYTES_UNDER_WAY || this.#next - oldest >= MAX_UNDER_WAY;
  }

  /** One more packet, at `next`, for the caller to send. */
  add(packet: Uint8Array): UnderWay {
    const underWay: UnderWay = { packet, sentAtTick: null, times: 0 };
    this.#underWay.set(this.#next++, underWay);
    this.#bytes += packet.length;
    return underWay;
  }

  /** The peer has these. */
  acknowledge({ next, above }: { readonly next: number; readonly above: readonly number[] }): void {
    for (const number of this.#underWay.keys()) {
      if (number >= next) break;
      this.#drop(number);
    }
    for (const number of above) this.#drop(number);
  }

  /** Packets that no relay was given after this tick, oldest first. */
  notSentSince(tick: number): readonly UnderWay[] {
    return [...this.#underWay.values()].filter(({ sentAtTick }) => sentAtTick === null || sentAtTick <= tick);
  }

  #drop(number: number): void {
    const underWay = this.#underWay.get(number);
    if (underWay === undefined) return;
    this.#bytes -= underWay.packet.length;
    this.#underWay.delete(number);
  }
}
