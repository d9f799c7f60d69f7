import type { Clock, Timer } from "@conclave/node";

/** Waits for retries pass at once and are recorded; request deadlines, told by their length, run in real time. */
export class QuickClock implements Clock {
  readonly #deadlineMs: number;
  /** What was slept, in order, milliseconds. */
  readonly sleeps: number[] = [];
  #now = 1_800_000_000_000;

  constructor({ deadlineMs }: { deadlineMs: number }) {
    this.#deadlineMs = deadlineMs;
  }

  nowMs(): number {
    return this.#now;
  }

  /** Moves the clock without running anything. */
  advance(ms: number): void {
    this.#now += ms;
  }

  schedule(delayMs: number, fire: () => void): Timer {
    if (delayMs === this.#deadlineMs) {
      const timer = setTimeout(fire, delayMs);
      return { cancel: () => clearTimeout(timer) };
    }
    this.sleeps.push(delayMs);
    this.#now += delayMs;
    const immediate = setImmediate(fire);
    return { cancel: () => clearImmediate(immediate) };
  }
}
