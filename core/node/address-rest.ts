/**
 * Which of a wallet's addresses are worth a question to the chain now. Every payment leaves a change address behind, so that an old
 * wallet has thousands, and nearly all of them stay empty for good. What is forgotten here costs time and never coins: nobody votes
 * on what this says.
 */

/** Longest time that an empty address goes without a question. */
const LONGEST_REST_MS = 10 * 60_000;
/** Most addresses whose emptiness is remembered: some 100 bytes each. The others are asked about every time. */
const MAX_REMEMBERED = 100_000;

interface Empty {
  readonly sinceMs: number;
  readonly askedMs: number;
}

/** An address that has held nothing for a while is asked about again after half that while, ten minutes at most. */
export class AddressRest {
  readonly #empty = new Map<string, Empty>();

  /** `address` is any name of it that stays the same. */
  isDue(address: string, nowMs: number): boolean {
    const empty = this.#empty.get(address);
    if (empty === undefined) return true;
    const restMs = Math.min((empty.askedMs - empty.sinceMs) / 2, LONGEST_REST_MS);
    return nowMs - empty.askedMs >= restMs;
  }

  /** The chain said whether it holds coins, waiting ones included. */
  answered(address: string, holdsCoins: boolean, nowMs: number): void {
    if (holdsCoins) return this.wake(address);
    const sinceMs = this.#empty.get(address)?.sinceMs ?? nowMs;
    if (this.#empty.size < MAX_REMEMBERED || this.#empty.has(address))
      this.#empty.set(address, { sinceMs, askedMs: nowMs });
  }

  /** Something is about to pay to it. */
  wake(address: string): void {
    this.#empty.delete(address);
  }
}
