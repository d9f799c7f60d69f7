/**
 * The node's history as its own work sees it: while the store is away, that work waits, in its order, and goes on when the store
 * is back. Custody's events are the truth that history has to catch up with, and nobody tells them a second time: a piece of work
 * that gave up would lose them. Whoever waits for an answer outside is told at once instead.
 *
 * Nothing queues up behind it without a limit: while it waits, frames are neither taken nor answered, so that peers repeat them.
 */
import type { Notice } from "./context.ts";
import type { Clock, Timer } from "./ports.ts";
import { StoreUnavailable } from "./store/outcome.ts";
import type { Store } from "./store/port.ts";

/** Between two attempts at one call. A server that restarts is back within seconds; a full disk waits for its operator. */
const RETRY_FIRST_MS = 100;
const RETRY_LONGEST_MS = 5_000;
/** What is not answered for so long is not kept up with: a disk under load takes some hundred milliseconds. */
const SLOW_MS = 1_000;
/** A store that is away, or comes and goes, is told of once in so long. */
const TOLD_MS = 10_000;

/** The store could not be reached, and something waits for it. */
export interface Absence {
  readonly sinceMs: number;
  /** What it said last. */
  readonly message: string;
}

export interface HistoryParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly notify: (notice: Notice) => void;
}

export class History {
  /** The same store, whose calls wait while it is away. They throw what is no absence at once, and everything after `stop`. */
  readonly store: Store;
  readonly #parts: HistoryParts;
  /** Calls under way, by when they began, the oldest first. */
  readonly #calls = new Map<symbol, number>();
  /** Of them, those that failed and are tried again. */
  readonly #waiting = new Map<symbol, Absence>();
  /** Ends their pauses. */
  readonly #pauses = new Set<() => void>();
  /** Those who do not wait. */
  readonly #leaving = new Set<(absence: Absence) => void>();
  #refusal: string | null = null;
  #toldMs = -Infinity;
  #stopped = false;

  constructor(parts: HistoryParts) {
    this.#parts = parts;
    this.store = this.#patient(parts.store);
  }

  /** Since when something waits for the store; null while nothing does. */
  absence(): Absence | null {
    const [oldest] = this.#waiting.values();
    return oldest ?? null;
  }

  /** Whether what comes in now would be kept soon. */
  keepsUp(): boolean {
    const [oldestMs] = this.#calls.values();
    return this.#waiting.size === 0 && (oldestMs === undefined || this.#parts.clock.nowMs() - oldestMs < SLOW_MS);
  }

  /** What is wrong with it, a sentence each. */
  troubles(): readonly string[] {
    const absence = this.absence();
    const away = absence === null ? [] : [awaySince(absence)];
    return this.#refusal === null ? away : [...away, refused(this.#refusal)];
  }

  /** Work for somebody who is not to wait for a store that is away. It goes on all the same. Throws `StoreUnavailable`. */
  async orAway<T>(work: () => Promise<T>): Promise<T> {
    const absence = this.absence();
    if (absence !== null) throw unavailable(absence, NOTHING_DONE);
    let leave: (absence: Absence) => void = () => {};
    const left = new Promise<never>((_, reject) => {
      leave = (gone) => reject(unavailable(gone, PERHAPS_DONE));
    });
    this.#leaving.add(leave);
    try {
      return await Promise.race([work(), left]);
    } finally {
      this.#leaving.delete(leave);
    }
  }

  /** Nothing waits any more. */
  stop(): void {
    this.#stopped = true;
    for (const end of this.#pauses) end();
  }

  #patient<T extends object>(target: T): T {
    const tables = new Map<PropertyKey, object>();
    return new Proxy(target, {
      get: (_, name) => {
        const found: unknown = Reflect.get(target, name);
        if (typeof found === "function")
          return (...args: unknown[]): Promise<unknown> =>
            this.#answered(() => Reflect.apply(found, target, args) as Promise<unknown>);
        if (typeof found !== "object" || found === null) return found;
        const known = tables.get(name) ?? this.#patient(found);
        tables.set(name, known);
        return known;
      },
    });
  }

  async #answered(ask: () => Promise<unknown>): Promise<unknown> {
    const call = Symbol("call");
    this.#calls.set(call, this.#parts.clock.nowMs());
    try {
      for (let delayMs = RETRY_FIRST_MS; ; delayMs = Math.min(2 * delayMs, RETRY_LONGEST_MS)) {
        try {
          return await ask();
        } catch (error) {
          if (this.#stopped) throw error;
          if (!isAbsence(error)) throw this.#heardRefusal(error);
          this.#waits(call, error);
        }
        await this.#pause(delayMs);
      }
    } finally {
      this.#calls.delete(call);
      this.#waiting.delete(call);
    }
  }

  #waits(call: symbol, { message }: StoreUnavailable): void {
    const nowMs = this.#parts.clock.nowMs();
    const absence = { sinceMs: this.#waiting.get(call)?.sinceMs ?? nowMs, message };
    this.#waiting.set(call, absence);
    for (const leave of this.#leaving) leave(absence);
    if (nowMs - this.#toldMs < TOLD_MS) return;
    this.#toldMs = nowMs;
    this.#parts.notify({ kind: "problem", message: awaySince(absence) });
  }

  /** Our own mistake, or a store that nobody waits for: it is passed on, and stands in the status until the next start. */
  #heardRefusal(error: unknown): unknown {
    this.#refusal ??= error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    return error;
  }

  #pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      let timer: Timer | null = null;
      const end = (): void => {
        timer?.cancel();
        this.#pauses.delete(end);
        resolve();
      };
      this.#pauses.add(end);
      timer = this.#parts.clock.schedule(delayMs, end);
    });
  }
}

/** What passes by itself, or when an operator has seen to it; the other codes want another file or another program. */
const isAbsence = (error: unknown): error is StoreUnavailable =>
  error instanceof StoreUnavailable && (error.code === "unavailable" || error.code === "locked");

const awaySince = ({ sinceMs, message }: Absence): string =>
  `history does not answer since ${new Date(sinceMs).toISOString()}, and this node takes part in nothing until it does: ${message}`;

const refused = (message: string): string =>
  `history refused what this node wanted to keep, which it may lack now (${message}): restart the node, and its peers tell it again`;

const NOTHING_DONE = "nothing was done";
const PERHAPS_DONE = "whether the request is carried out is not known, repeat it with the same idempotency key";

const unavailable = ({ message }: Absence, outcome: string): StoreUnavailable =>
  new StoreUnavailable("unavailable", `this node's history does not answer (${message}): ${outcome}`);
