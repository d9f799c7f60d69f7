/**
 * Senders that are new. Checking a key for the first time costs some ten times what its signatures do, and keys cost a stranger
 * nothing: each address may introduce so many a second, and those whose signatures were good before are not held up by it.
 */

/** Some thousand parties at a time, and room. */
const MAX_KNOWN = 4_096;

export class Introductions {
  readonly #perSecond: number;
  readonly #known = new Set<string>();
  readonly #bySource = new Map<string, number>();
  #second = 0;

  constructor(perSecond: number) {
    this.#perSecond = perSecond;
  }

  /** False if the sender is new, and its address has introduced as many as it may in this second. */
  admits(sender: string, source: string, nowSecond: number): boolean {
    if (this.#known.has(sender)) return true;
    if (nowSecond !== this.#second) this.#bySource.clear();
    this.#second = nowSecond;
    const count = this.#bySource.get(source) ?? 0;
    this.#bySource.set(source, count + 1);
    return count < this.#perSecond;
  }

  /** A signature of this sender was good. */
  remember(sender: string): void {
    this.#known.delete(sender);
    this.#known.add(sender);
    if (this.#known.size > MAX_KNOWN) this.#known.delete(this.#known.values().next().value!);
  }
}
