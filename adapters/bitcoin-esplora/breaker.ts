import { type ChainHealth, ChainUnreachable } from "./chain.ts";
import type { Clock } from "@conclave/node";

/** Failures in a row after which a server is left alone for a while. */
export const FAILURES_TO_REST = 5;
/** How long it is left alone before one question may try again. */
export const REST_MS = 30_000;

/** Stops asking a server that does not answer, so that callers fail at once instead of queueing up behind timeouts. */
export class CircuitBreaker {
  readonly #clock: Clock;
  #failures = 0;
  #lastAnswerMs: number | null = null;
  #retryAtMs: number | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Throws `ChainUnreachable` while resting. After the rest lets one caller through; the others wait for its result. */
  enter(): void {
    if (this.#retryAtMs === null) return;
    const now = this.#clock.nowMs();
    if (now < this.#retryAtMs)
      throw new ChainUnreachable(`the Bitcoin server does not answer; ${this.health().message}`);
    this.#retryAtMs = now + REST_MS;
  }

  /** Any proper answer, a refusal included: the server is there. */
  succeeded(): void {
    this.#failures = 0;
    this.#retryAtMs = null;
    this.#lastAnswerMs = this.#clock.nowMs();
  }

  failed(): void {
    this.#failures += 1;
    if (this.#failures >= FAILURES_TO_REST) this.#retryAtMs = this.#clock.nowMs() + REST_MS;
  }

  health(): ChainHealth {
    const state = this.#retryAtMs !== null ? "resting" : this.#failures > 0 ? "failing" : "ok";
    return { state, lastAnswerMs: this.#lastAnswerMs, retryAtMs: this.#retryAtMs, message: this.#message() };
  }

  #message(): string {
    const now = this.#clock.nowMs();
    const seconds = (ms: number): number => Math.max(0, Math.round(ms / 1000));
    const age = this.#lastAnswerMs === null ? "no data yet" : `data is ${seconds(now - this.#lastAnswerMs)} s old`;
    return this.#retryAtMs === null ? age : `${age}, next try in ${seconds(this.#retryAtMs - now)} s`;
  }
}
