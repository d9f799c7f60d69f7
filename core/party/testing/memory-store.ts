import type { PartyStore } from "../store.ts";

/** The process died here. */
export class Stopped extends Error {
  override readonly name = "Stopped";
}

/** A store whose records outlive the process that wrote them, and that can stop that process before or after any change. */
export class MemoryStore implements PartyStore {
  readonly records = new Map<string, Uint8Array>();
  /** Every change so far. */
  readonly changes: string[] = [];
  #stop: { readonly change: number; readonly when: "before" | "after" } | null = null;

  /** Stop with change number `change` from now (0: the next). */
  stopAt(change: number, when: "before" | "after"): void {
    this.#stop = { change: this.changes.length + change, when };
  }

  /** What is on disk now, for looking at. */
  copy(): MemoryStore {
    const copy = new MemoryStore();
    for (const [name, record] of this.records) copy.records.set(name, record.slice());
    return copy;
  }

  /** The next process. */
  reopen(): void {
    this.#stop = null;
  }

  list(prefix: string): readonly string[] {
    return [...this.records.keys()].filter((name) => name.startsWith(prefix)).toSorted();
  }

  get(name: string): Uint8Array {
    const record = this.records.get(name);
    if (record === undefined) throw new Error(`no record ${name}`);
    return record.slice();
  }

  put(name: string, secret: Uint8Array, { replace = false }: { readonly replace?: boolean } = {}): void {
    if (this.records.has(name) && !replace) throw new Error(`record ${name} exists`);
    this.#change(`put ${name}`, () => this.records.set(name, secret.slice()));
  }

  erase(name: string): void {
    if (!this.records.has(name)) return;
    this.#change(`erase ${name}`, () => this.records.delete(name));
  }

  #change(what: string, make: () => void): void {
    const at = this.changes.length;
    const stop = this.#stop;
    if (stop !== null && (at > stop.change || (at === stop.change && stop.when === "before"))) throw new Stopped(what);
    make();
    this.changes.push(what);
    if (stop !== null && at === stop.change) throw new Stopped(what);
  }
}
