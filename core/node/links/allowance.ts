/**
 * How much one peer may make this node read. It earns a little at every moment and saves up for a burst; who is overdrawn waits.
 * So a peer that floods costs a share of a processor and not all of it, over however many connections.
 */
import { MAX_BUFFERED_BYTES, MAX_FRAME_BYTES, type Clock } from "../ports.ts";

/** In the long run. An honest cluster's busiest hour is far below. */
export const READ_BYTES_PER_SECOND = 64 * MAX_FRAME_BYTES;
/** At once: twice what a transport keeps for a slow reader. */
export const READ_BURST_BYTES = 2 * MAX_BUFFERED_BYTES;
/** What a message costs besides its bytes: with it, 16,000 messages a second, each of some 10 µs of work. */
export const READ_OVERHEAD_BYTES = 4_096;

/** What a message costs that no honest peer sends: with it, 8 a second. */
export const MALFORMED_BYTES = 8 * MAX_FRAME_BYTES;
/** Nobody waits longer for what was sent before. A link that is silent for so long is down meanwhile. */
const LONGEST_WAIT_S = 10;

export class Allowance {
  readonly #clock: Clock;
  #bytes = READ_BURST_BYTES;
  #countedMs: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#countedMs = clock.nowMs();
  }

  /** A message of this length was read. */
  spend(length: number): void {
    this.#bytes -= length + READ_OVERHEAD_BYTES;
  }

  /** The message that was read last is one that no honest peer sends. */
  spendOnMalformed(): void {
    this.#bytes = Math.max(this.#bytes - MALFORMED_BYTES, -LONGEST_WAIT_S * READ_BYTES_PER_SECOND);
  }

  /** Milliseconds until the peer may be read again; 0 if it may be now. */
  waitMs(): number {
    if (this.#bytes >= 0) return 0;
    const nowMs = this.#clock.nowMs();
    const earned = Math.max(0, nowMs - this.#countedMs) * (READ_BYTES_PER_SECOND / 1_000);
    this.#countedMs = nowMs;
    this.#bytes = Math.min(READ_BURST_BYTES, this.#bytes + earned);
    return this.#bytes >= 0 ? 0 : Math.ceil((-this.#bytes / READ_BYTES_PER_SECOND) * 1_000);
  }
}
