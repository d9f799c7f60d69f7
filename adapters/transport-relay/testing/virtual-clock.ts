import type { Clock, Timer } from "@conclave/node";

interface Entry {
  readonly atMs: number;
  readonly fire: () => void;
}

/** Time that passes when a test says so. */
export class VirtualClock implements Clock {
  #nowMs = 1_000_000;
  readonly #entries = new Set<Entry>();

  nowMs(): number {
    return this.#nowMs;
  }

  schedule(delayMs: number, fire: () => void): Timer {
    const entry: Entry = { atMs: this.#nowMs + delayMs, fire };
    this.#entries.add(entry);
    return { cancel: () => this.#entries.delete(entry) };
  }

  /** Lets time pass, timer by timer, each with all that follows from it at once. */
  async pass(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms;
    for (;;) {
      // What was sent in the turn before goes out first.
      await Promise.resolve();
      const next = this.#next();
      if (next === undefined || next.atMs > untilMs) break;
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      this.#entries.delete(next);
      next.fire();
    }
    this.#nowMs = untilMs;
  }

  /** The process stands still for so long: nothing fires, and then everything that is due fires late. */
  stop(ms: number): void {
    this.#nowMs += ms;
  }

  #next(): Entry | undefined {
    let next: Entry | undefined;
    for (const entry of this.#entries) if (next === undefined || entry.atMs < next.atMs) next = entry;
    return next;
  }
}
