import { FIRST_RETRY_MS } from "./limits.ts";

/** How long to wait before trying again: doubles with every failure, up to a limit. */
export class Backoff {
  readonly #longestMs: number;
  #failures = 0;

  constructor(longestMs: number) {
    this.#longestMs = longestMs;
  }

  get isFailing(): boolean {
    return this.#failures > 0;
  }

  next(): number {
    return Math.min(this.#longestMs, FIRST_RETRY_MS * 2 ** Math.min(this.#failures++, 16));
  }

  succeeded(): void {
    this.#failures = 0;
  }
}
