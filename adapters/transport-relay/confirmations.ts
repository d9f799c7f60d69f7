/**
 * Which publishes a relay has. Document 002's WebSocket says nothing when it keeps a message. But a relay takes a socket's
 * frames in order: once it answers a question that was asked after some publishes, it has had those, and has refused those
 * that it was going to refuse. So the client asks for a message of its own, the marker, that the relay surely has.
 */
import { PipeBroken } from "./pipe.ts";
import { RelayRefused } from "./errors.ts";

interface Unconfirmed {
  readonly id: string;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

export class Confirmations {
  readonly #url: string;
  /** Asks for the marker. */
  readonly #askMarker: () => void;
  /** In the order in which they were sent. */
  #unconfirmed: Unconfirmed[] = [];
  /** How many of them the question under way speaks for; null if none is. */
  #covered: number | null = null;

  constructor(url: string, askMarker: () => void) {
    this.#url = url;
    this.#askMarker = askMarker;
  }

  /** The relay owes an answer. */
  get waiting(): boolean {
    return this.#covered !== null;
  }

  /** A publish was sent just now. */
  sent(id: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#unconfirmed.push({ id, resolve, reject });
      this.ask();
    });
  }

  /** Have the relay show that it is there. */
  ask(): void {
    if (this.#covered !== null) return;
    this.#covered = this.#unconfirmed.length;
    this.#askMarker();
  }

  /** The marker came. */
  answered(): void {
    if (this.#covered === null) return;
    const confirmed = this.#unconfirmed.splice(0, this.#covered);
    this.#covered = null;
    for (const { resolve } of confirmed) resolve();
    if (this.#unconfirmed.length > 0) this.ask();
  }

  /** The relay refused the oldest publish with this id. False if there is none. */
  refused(id: string, reason: string): boolean {
    const at = this.#unconfirmed.findIndex((publish) => publish.id === id);
    if (at < 0) return false;
    const [publish] = this.#unconfirmed.splice(at, 1);
    if (this.#covered !== null && at < this.#covered) this.#covered -= 1;
    publish!.reject(new RelayRefused(this.#url, reason));
    return true;
  }

  /** The connection is over. */
  broke(reason: string): void {
    const lost = this.#unconfirmed;
    this.#unconfirmed = [];
    this.#covered = null;
    for (const { reject } of lost) reject(new PipeBroken(reason));
  }
}
