/** Links between simulated nodes: they lose, repeat, delay and overtake, can be cut, and know late that they are up or down. */
import { assert } from "@conclave/bytes";
import type { NodeId } from "@conclave/consensus";
import type { Dice } from "@conclave/protocol/testing";
import { MAX_FRAME_BYTES, type Transport, type TransportHandler } from "../ports.ts";
import type { VirtualClock } from "./clock.ts";

/** What can happen to a frame. Percentages of frames; delays are uniform up to the longest. */
export interface Weather {
  readonly lostPercent: number;
  readonly repeatedPercent: number;
  readonly latePercent: number;
  readonly longestDelayMs: number;
  /** Whether a late frame lets others pass, or holds up those behind it. */
  readonly overtaking: boolean;
}

export const CLEAR: Weather = {
  lostPercent: 0,
  repeatedPercent: 0,
  latePercent: 0,
  longestDelayMs: 0,
  overtaking: false,
};

export type NetworkFault = "lost" | "repeated" | "delayed" | "overtaken" | "partitioned" | "one-way";

export interface NetworkObserver {
  readonly fault: (kind: NetworkFault) => void;
  readonly delivered: (from: NodeId, to: NodeId, frame: Uint8Array) => void;
}

/** Time on an undisturbed link, and until an end notices that it came up or went down. */
const LATENCY_MS = { least: 2, spread: 10 };
const NOTICE_MS = 150;

interface Process {
  readonly handler: TransportHandler;
  /** Tells a process from the one that ran on the same node before. */
  readonly incarnation: number;
  /** Which incarnation of each peer this end believes to be connected to. */
  readonly connected: Map<NodeId, number>;
}

export class SimulatedNetwork {
  weather: Weather = CLEAR;
  readonly #clock: VirtualClock;
  readonly #dice: Dice;
  readonly #nodes: readonly NodeId[];
  readonly #observer: NetworkObserver;
  readonly #running = new Map<NodeId, Process>();
  readonly #sides = new Map<NodeId, number>();
  readonly #severed = new Set<string>();
  readonly #lastArrivalMs = new Map<string, number>();
  readonly #lastSentOrder = new Map<string, number>();
  #incarnations = 0;
  #sent = 0;

  constructor(parts: {
    readonly clock: VirtualClock;
    readonly dice: Dice;
    readonly nodes: readonly NodeId[];
    readonly observer: NetworkObserver;
  }) {
    this.#clock = parts.clock;
    this.#dice = parts.dice;
    this.#nodes = parts.nodes;
    this.#observer = parts.observer;
  }

  /** One process's end. `drop` is what a crash does: no word to anyone, peers notice after a while. */
  join(node: NodeId): Transport & { drop(): void } {
    this.#incarnations += 1;
    const incarnation = this.#incarnations;
    const own = (): Process | undefined => {
      const process = this.#running.get(node);
      return process?.incarnation === incarnation ? process : undefined;
    };
    const drop = (): void => {
      if (own() === undefined) return;
      this.#running.delete(node);
      this.#noticeSoon();
    };
    return {
      send: (to, frame) => {
        assert(this.#nodes.includes(to) && to !== node, "frames go to peers");
        if (frame.length > MAX_FRAME_BYTES) throw new RangeError("the frame is too long");
        if (own() !== undefined) this.#send(node, to, new Uint8Array(frame));
      },
      isUp: (peer) => own()?.connected.has(peer) ?? false,
      start: (handler) => {
        this.#running.set(node, { handler, incarnation, connected: new Map() });
        this.#noticeSoon();
        return Promise.resolve();
      },
      close: () => {
        drop();
        return Promise.resolve();
      },
      drop,
    };
  }

  /** Only nodes in one group hear each other. Nodes that no group names are alone together. */
  partition(groups: readonly (readonly NodeId[])[]): void {
    this.#sides.clear();
    for (const [side, group] of groups.entries()) for (const node of group) this.#sides.set(node, side + 1);
    this.#noticeSoon();
  }

  /** Frames in this one direction vanish, and neither end knows. */
  sever(from: NodeId, to: NodeId): void {
    this.#severed.add(`${from}>${to}`);
  }

  heal(): void {
    this.#severed.clear();
    this.weather = CLEAR;
    this.partition([]);
  }

  #reaches(from: NodeId, to: NodeId): boolean {
    return this.#running.has(to) && this.#sides.get(from) === this.#sides.get(to);
  }

  #send(from: NodeId, to: NodeId, frame: Uint8Array): void {
    if (this.#sides.get(from) !== this.#sides.get(to)) return this.#observer.fault("partitioned");
    if (this.#severed.has(`${from}>${to}`)) return this.#observer.fault("one-way");
    if (this.#hit(this.weather.lostPercent)) return this.#observer.fault("lost");
    this.#fly(from, to, frame);
    if (!this.#hit(this.weather.repeatedPercent)) return;
    this.#observer.fault("repeated");
    this.#fly(from, to, frame);
  }

  #fly(from: NodeId, to: NodeId, frame: Uint8Array): void {
    const link = `${from}>${to}`;
    let atMs = this.#clock.nowMs() + LATENCY_MS.least + this.#dice.below(LATENCY_MS.spread);
    if (this.#hit(this.weather.latePercent)) {
      this.#observer.fault("delayed");
      atMs += this.#dice.below(this.weather.longestDelayMs + 1);
    }
    if (!this.weather.overtaking) atMs = Math.max(atMs, this.#lastArrivalMs.get(link) ?? 0);
    this.#lastArrivalMs.set(link, Math.max(atMs, this.#lastArrivalMs.get(link) ?? 0));
    const order = ++this.#sent;
    this.#clock.schedule(atMs - this.#clock.nowMs(), () => this.#arrive(from, to, frame, order));
  }

  #arrive(from: NodeId, to: NodeId, frame: Uint8Array, order: number): void {
    if (this.#sides.get(from) !== this.#sides.get(to)) return this.#observer.fault("partitioned");
    const receiver = this.#running.get(to);
    if (receiver === undefined) return;
    const link = `${from}>${to}`;
    if (order < (this.#lastSentOrder.get(link) ?? 0)) this.#observer.fault("overtaken");
    this.#lastSentOrder.set(link, Math.max(order, this.#lastSentOrder.get(link) ?? 0));
    this.#observer.delivered(from, to, frame);
    receiver.handler.frame(from, frame);
  }

  #hit(percent: number): boolean {
    return percent > 0 && this.#dice.below(100) < percent;
  }

  #noticeSoon(): void {
    this.#clock.schedule(NOTICE_MS, () => this.#notice());
  }

  /** Every end compares what it believes of its links with what is. */
  #notice(): void {
    for (const node of this.#nodes) {
      for (const peer of this.#nodes) {
        const process = this.#running.get(node);
        if (peer === node || process === undefined) continue;
        const before = process.connected.get(peer);
        const now = this.#reaches(node, peer) ? this.#running.get(peer)!.incarnation : undefined;
        if (before === now) continue;
        if (before !== undefined) {
          process.connected.delete(peer);
          process.handler.link(peer, false);
        }
        if (now === undefined) continue;
        process.connected.set(peer, now);
        process.handler.link(peer, true);
      }
    }
  }
}
