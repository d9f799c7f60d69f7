import type { NodeId } from "@conclave/consensus";
import { MAX_FRAME_BYTES, type Transport, type TransportHandler } from "@conclave/node";
import type { Dice } from "@conclave/protocol/testing";
import type { VirtualClock } from "./virtual-clock.ts";

/** What the network does to frames; chances from 0 to 1. */
export interface Weather {
  readonly lose: number;
  readonly repeat: number;
  /** Each frame takes up to so long, so that they overtake each other. */
  readonly delayMs: number;
}

export const CALM: Weather = { lose: 0, repeat: 0, delayMs: 5 };
export const ROUGH: Weather = { lose: 0.2, repeat: 0.2, delayMs: 120 };

/** How long a network takes to notice that a process is there, or gone. */
const NOTICE_MS = 50;

/** A transport for each party in virtual time, under seeded weather. */
export class VirtualNetwork {
  readonly #clock: VirtualClock;
  readonly #dice: Dice;
  readonly #ends = new Map<NodeId, { handler: TransportHandler; up: Set<NodeId> }>();
  weather: Weather;
  /** Sees every frame that leaves; gives what arrives instead. */
  tamper: (from: NodeId, to: NodeId, frame: Uint8Array) => readonly Uint8Array[] = (_from, _to, frame) => [frame];

  constructor(clock: VirtualClock, dice: Dice, weather: Weather) {
    this.#clock = clock;
    this.#dice = dice;
    this.weather = weather;
  }

  join(node: NodeId): Transport {
    let own: { handler: TransportHandler; up: Set<NodeId> } | null = null;
    return {
      send: (to, frame) => {
        if (to === node || frame.length > MAX_FRAME_BYTES) throw new RangeError("no such peer, or too long a frame");
        if (own !== null && this.#ends.get(node) === own) this.#send(node, to, frame);
      },
      isUp: (peer) => own?.up.has(peer) === true,
      start: async (handler) => {
        own = { handler, up: new Set() };
        this.#ends.set(node, own);
        for (const [peer, end] of this.#ends)
          if (peer !== node) {
            this.#link(end, node, true);
            this.#link(own, peer, true);
          }
      },
      close: async () => this.crash(node),
    };
  }

  /** The process is gone; the others notice. */
  crash(node: NodeId): void {
    if (!this.#ends.delete(node)) return;
    for (const end of this.#ends.values()) this.#link(end, node, false);
  }

  #carry(from: NodeId, to: NodeId, frame: Uint8Array, delayMs: number): void {
    this.#clock.schedule(1 + this.#dice.below(delayMs), () => {
      const end = this.#ends.get(to);
      if (end?.up.has(from) === true) end.handler.frame(from, frame.slice());
    });
  }

  #link(end: { handler: TransportHandler; up: Set<NodeId> }, peer: NodeId, up: boolean): void {
    this.#clock.schedule(NOTICE_MS, () => {
      if (![...this.#ends.values()].includes(end) || end.up.has(peer) === up) return;
      if (up) end.up.add(peer);
      else end.up.delete(peer);
      end.handler.link(peer, up);
    });
  }

  #send(from: NodeId, to: NodeId, frame: Uint8Array): void {
    const { lose, repeat, delayMs } = this.weather;
    const copies = 1 + (this.#dice.chance(repeat) ? 1 : 0);
    for (let copy = 0; copy < copies; copy++) {
      if (this.#dice.chance(lose)) continue;
      for (const arriving of this.tamper(from, to, frame.slice())) this.#carry(from, to, arriving, delayMs);
    }
  }
}
