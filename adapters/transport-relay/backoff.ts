import type { Rng } from "@conclave/bytes";

/** A relay that restarts is back within a second; one that is gone for long is asked every few seconds. */
const FIRST_MS = 100;
const LONGEST_MS = 5_000;
/** A relay may ask for patience, not for being forgotten. */
const LONGEST_WISH_MS = 30_000;

/** How long to wait before trying again: doubles with every failure, and half of it is chance, so that parties do not return at once. */
export class Backoff {
  readonly #rng: Rng;
  #failures = 0;

  constructor(rng: Rng) {
    this.#rng = rng;
  }

  /** Milliseconds until the next attempt. `atLeastMs`: what the relay itself asked for, within limits. */
  next(atLeastMs = 0): number {
    const ceiling = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(this.#failures++, 16));
    const delay = (ceiling * (256 + this.#rng(1)[0]!)) / 512;
    return Math.min(Math.max(delay, atLeastMs), LONGEST_WISH_MS);
  }

  succeeded(): void {
    this.#failures = 0;
  }
}
