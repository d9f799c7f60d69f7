/** People who pay all the time: so many payments under way, asked of the nodes in turn, another as soon as one is confirmed. */
import { setTimeout as delay } from "node:timers/promises";
import type { Accepted, FaultyCluster } from "../cluster.ts";
import type { Timeline } from "./timeline.ts";

/** Before whoever was refused asks again. */
const AGAIN_MS = 250;

export interface Wish extends Accepted {
  /** When it was asked for, in milliseconds since this process began. */
  readonly startMs: number;
}

export interface QueueOptions {
  readonly timeline: Timeline;
  /** How many are under way at any time. */
  readonly atOnce: number;
  /** How many are asked for altogether; `Infinity` until `stop`. */
  readonly payments: number;
}

export class PaymentQueue {
  readonly wishes: Wish[] = [];
  /** What nodes refused payments with, and how often: whoever was refused asked again. */
  readonly refusals = new Map<string, number>();
  /** Resolves when all are confirmed, or those under way after `stop`. Rejects with what a payment cannot be asked for with. */
  readonly done: Promise<void>;
  readonly #cluster: FaultyCluster;
  readonly #options: QueueOptions;
  readonly #underWay = new Set<Accepted>();
  #asked = 0;
  #isStopped = false;

  constructor(cluster: FaultyCluster, options: QueueOptions) {
    this.#cluster = cluster;
    this.#options = options;
    const clients = Math.min(options.atOnce, options.payments);
    this.done = Promise.all(Array.from({ length: clients }, () => this.#client())).then(() => {});
    // Whoever waits hears of it.
    this.done.catch(() => {});
  }

  /** Accepted and not yet confirmed. */
  get underWay(): readonly Accepted[] {
    return [...this.#underWay];
  }

  /** Asks for no more; resolves when those under way are confirmed. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.done;
  }

  async #client(): Promise<void> {
    while (!this.#isStopped && this.#asked < this.#options.payments) {
      const node = this.#asked++ % this.#cluster.size;
      const startMs = performance.now();
      const accepted = await this.#accepted(node);
      if (accepted === null) return;
      this.#underWay.add(accepted);
      this.wishes.push({ ...accepted, startMs });
      await this.#options.timeline.confirmed(accepted.request);
      this.#underWay.delete(accepted);
    }
  }

  async #accepted(node: number): Promise<Accepted | null> {
    while (!this.#isStopped) {
      try {
        return await this.#cluster.pay(node);
      } catch (error) {
        const { message } = error as Error;
        // Amounts differ from one refusal to the next.
        const kind = message.replaceAll(/\d+/g, "n").slice(0, 120);
        this.refusals.set(kind, (this.refusals.get(kind) ?? 0) + 1);
        await delay(AGAIN_MS);
      }
    }
    return null;
  }
}
