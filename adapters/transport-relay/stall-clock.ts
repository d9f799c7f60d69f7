import type { Clock, Timer } from "@conclave/node";

/** Fires once nothing has happened for a while: counted from the last progress and not from the start, so that a slow run may take long. */
export class StallClock {
  readonly #clock: Clock;
  readonly #stallMs: number;
  readonly #stalled: () => void;
  #timer: Timer;

  constructor(clock: Clock, stallMs: number, stalled: () => void) {
    this.#clock = clock;
    this.#stallMs = stallMs;
    this.#stalled = stalled;
    this.#timer = clock.schedule(stallMs, stalled);
  }

  progress(): void {
    this.#timer.cancel();
    this.#timer = this.#clock.schedule(this.#stallMs, this.#stalled);
  }

  stop(): void {
    this.#timer.cancel();
  }
}
