import type { Clock, Timer } from "@conclave/node";

interface Entry {
  readonly atMs: number;
  readonly order: number;
  fire: (() => void) | null;
}

/** Virtual time: events fire in order, and between two of them every promise that can go on has gone on. One seed, one course. */
export class VirtualClock implements Clock {
  #nowMs = 1_700_000_000_000;
  #order = 0;
  readonly #entries: Entry[] = [];

  nowMs(): number {
    return this.#nowMs;
  }

  schedule(delayMs: number, fire: () => void): Timer {
    const entry: Entry = { atMs: this.#nowMs + delayMs, order: this.#order++, fire };
    const at = this.#entries.findLastIndex(({ atMs }) => atMs <= entry.atMs);
    this.#entries.splice(at + 1, 0, entry);
    return {
      cancel: () => {
        entry.fire = null;
      },
    };
  }

  /** Fires the next event. False if there is none. */
  async step(): Promise<boolean> {
    for (;;) {
      const next = this.#entries.shift();
      if (next === undefined) return false;
      if (next.fire === null) continue;
      this.#nowMs = next.atMs;
      next.fire();
      await settled();
      return true;
    }
  }
}

/** A turn of the event loop, before which every ready promise reaction has run. */
export const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
