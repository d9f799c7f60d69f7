/** What came, one after the other, for a reader that waits; the first failure ends it. */
export class Inbox<T> {
  readonly #items: T[] = [];
  #failure: { readonly error: unknown } | null = null;
  #wake: (() => void) | null = null;

  put(item: T): void {
    this.#items.push(item);
    this.#wake?.();
  }

  /** From now on the reader gets this error, whatever came before. */
  fail(error: unknown): void {
    this.#failure ??= { error };
    this.#wake?.();
  }

  /** For one reader. Rejects with what `fail` was told. */
  async next(): Promise<T> {
    for (;;) {
      if (this.#failure !== null) throw this.#failure.error;
      const item = this.#items.shift();
      if (item !== undefined) return item;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}
