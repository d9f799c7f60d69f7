/** What is remembered of requests while they are followed: bounded, the oldest is forgotten first. */

/** Payments and keys under way at once; a thousand queued payments fit. */
const MAX_FOLLOWED = 1_024;

export class Recent<T> {
  readonly #entries = new Map<string, T>();

  get(id: string): T | undefined {
    return this.#entries.get(id);
  }

  set(id: string, value: T): void {
    this.#entries.delete(id);
    this.#entries.set(id, value);
    if (this.#entries.size > MAX_FOLLOWED) this.#entries.delete(this.#entries.keys().next().value!);
  }

  delete(id: string): void {
    this.#entries.delete(id);
  }

  /** A copy: entries may go while they are looked at. */
  entries(): readonly (readonly [string, T])[] {
    return [...this.#entries];
  }
}
