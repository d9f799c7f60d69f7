/** Whether the node's history answers, by what is asked of it anyway: the node itself may wait for it, clients should not. */
import { StoreUnavailable, type Store } from "@conclave/node";

export class StoreWatch {
  /** Calls under way, oldest first, by when they began. */
  readonly #waiting = new Map<symbol, number>();
  readonly #nowMs: () => number;
  #answeredMs = -Infinity;

  /** `nowMs`: of a clock that nobody sets. */
  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
  }

  /**
   * For how long something has been asked of it and nothing was answered; 0 while nobody waits. A long queue that moves is no
   * silence.
   */
  get silentMs(): number {
    const [oldestMs] = this.#waiting.values();
    return oldestMs === undefined ? 0 : this.#nowMs() - Math.max(oldestMs, this.#answeredMs);
  }

  /** The same store, every call of it watched. What it answers and throws is passed on unchanged. */
  watched(store: Store): Store {
    return this.#wrapped(store);
  }

  #wrapped<T extends object>(target: T): T {
    const tables = new Map<PropertyKey, object>();
    return new Proxy(target, {
      get: (_, name) => {
        const found: unknown = Reflect.get(target, name);
        if (typeof found === "function")
          return (...args: unknown[]): unknown => this.#heard(Reflect.apply(found, target, args) as unknown);
        if (typeof found !== "object" || found === null) return found;
        const known = tables.get(name) ?? this.#wrapped(found);
        tables.set(name, known);
        return known;
      },
    });
  }

  #heard(answer: unknown): unknown {
    if (!(answer instanceof Promise)) return answer;
    const call = Symbol("call");
    this.#waiting.set(call, this.#nowMs());
    return answer.then(
      (value: unknown) => {
        this.#waiting.delete(call);
        this.#answeredMs = this.#nowMs();
        return value;
      },
      (error: unknown) => {
        this.#waiting.delete(call);
        // Any other error is an answer: the database looked at what it was asked.
        if (!(error instanceof StoreUnavailable)) this.#answeredMs = this.#nowMs();
        throw error;
      },
    );
  }
}
