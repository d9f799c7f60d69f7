/** Bytes that were sent and that nobody has read yet: bounded for each connection, and for all together. */
import type { ServiceLimits } from "./options.ts";

export interface Line {
  /** So many bytes are on their way. Past a bound, this or another connection is cut. */
  sent(bytes: number): void;
  /** They have left this process. */
  left(bytes: number): void;
  close(): void;
}

interface Entry {
  bytes: number;
  readonly cut: () => void;
}

export class Backlog {
  readonly #limits: Pick<ServiceLimits, "backlogBytes" | "totalBacklogBytes">;
  readonly #entries = new Set<Entry>();
  #total = 0;

  constructor(limits: Pick<ServiceLimits, "backlogBytes" | "totalBacklogBytes">) {
    this.#limits = limits;
  }

  get bytes(): number {
    return this.#total;
  }

  /** A connection; `cut` has to end it at once. */
  open(cut: () => void): Line {
    const entry: Entry = { bytes: 0, cut };
    this.#entries.add(entry);
    return {
      sent: (bytes) => {
        this.#add(entry, bytes);
        if (entry.bytes > this.#limits.backlogBytes) this.#cut(entry);
        else if (this.#total > this.#limits.totalBacklogBytes) this.#cut(this.#largest());
      },
      left: (bytes) => this.#add(entry, -bytes),
      close: () => this.#forget(entry),
    };
  }

  #add(entry: Entry, bytes: number): void {
    if (!this.#entries.has(entry)) return;
    entry.bytes += bytes;
    this.#total += bytes;
  }

  #largest(): Entry {
    return [...this.#entries].reduce((most, entry) => (entry.bytes > most.bytes ? entry : most));
  }

  #cut(entry: Entry): void {
    this.#forget(entry);
    entry.cut();
  }

  #forget(entry: Entry): void {
    if (this.#entries.delete(entry)) this.#total -= entry.bytes;
  }
}
