/**
 * Which messages went out a moment ago and were not kept: those of mailboxes, and those with one receiver. A copy that comes
 * back from a peer at once is recognised by its signature, so that no circle of relays carries a message around.
 */

/** Longer than any way around a circle of relays; shorter than a sender's patience, whose repetitions should get through. */
const REMEMBERED_MS = 5_000;
/** At 10,000 messages a second the memory is shorter than that, and a message still comes around in milliseconds. */
const MAX_REMEMBERED = 16_384;

export class PassedOn {
  readonly #sinceMs = new Map<string, number>();

  add(signature: string, nowMs: number): void {
    this.#sinceMs.delete(signature);
    this.#sinceMs.set(signature, nowMs);
    if (this.#sinceMs.size > MAX_REMEMBERED) this.#sinceMs.delete(this.#sinceMs.keys().next().value!);
  }

  has(signature: string, nowMs: number): boolean {
    const sinceMs = this.#sinceMs.get(signature);
    return sinceMs !== undefined && nowMs - sinceMs < REMEMBERED_MS;
  }

  forgetOld(nowMs: number): void {
    for (const [signature, sinceMs] of this.#sinceMs) {
      if (nowMs - sinceMs < REMEMBERED_MS) return;
      this.#sinceMs.delete(signature);
    }
  }
}
