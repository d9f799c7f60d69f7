/** Waiting for something that the nodes will say. */
import type { Notice } from "@conclave/node";

/** Longest wait for any phase: everything here takes seconds; after a minute something is wrong. */
const PATIENCE_MS = 60_000;

/** A phase did not come to its end. */
export class PhaseTimeout extends Error {
  override readonly name = "PhaseTimeout";
}

type Listener = (node: number, notice: Notice) => void;

export class Notices {
  readonly #listeners = new Set<Listener>();

  readonly publish: Listener = (node, notice) => {
    for (const listener of this.#listeners) listener(node, notice);
  };

  /** Call `listener` for everything the nodes say until the returned function is called. */
  listen(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Resolves with the first notice that `pick` gives something for. Throws `PhaseTimeout` naming `what`. */
  first<T>(what: string, pick: (node: number, notice: Notice) => T | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        stop();
        reject(new PhaseTimeout(`${what} did not happen within ${PATIENCE_MS / 1_000} s`));
      }, PATIENCE_MS).unref();
      const stop = this.listen((node, notice) => {
        const found = pick(node, notice);
        if (found === undefined) return;
        clearTimeout(timer);
        stop();
        resolve(found);
      });
    });
  }
}
