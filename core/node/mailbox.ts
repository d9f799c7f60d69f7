/**
 * Runs a node's work one piece after the other, in the order in which it came. A piece that throws is reported and costs
 * nothing but itself.
 */
export class Mailbox {
  readonly #onError: (error: unknown) => void;
  #tail: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(onError: (error: unknown) => void) {
    this.#onError = onError;
  }

  /** Queue work whose outcome nobody waits for. */
  post(work: () => Promise<void>): void {
    if (this.#closed) return;
    this.#tail = this.#tail.then(() => this.#guarded(work));
  }

  /** Queue work and wait for its outcome; its error goes to the caller. Never called from inside a piece of work. */
  run<T>(work: () => Promise<T>): Promise<T> {
    const outcome = this.#tail.then(work);
    this.#tail = outcome.then(
      () => {},
      () => {},
    );
    return outcome;
  }

  /** Take nothing more, and wait for what is under way. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#tail;
  }

  async #guarded(work: () => Promise<void>): Promise<void> {
    if (this.#closed) return;
    try {
      await work();
    } catch (error) {
      this.#onError(error);
    }
  }
}
