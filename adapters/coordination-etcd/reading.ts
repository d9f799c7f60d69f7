/**
 * What others published, on its way to the node: each statement once, one after the other, and no faster than an honest
 * cluster is. An etcd that floods costs a share of a processor and a bounded memory.
 */
import { Allowance, MAX_STATEMENT_BYTES, type Clock } from "@conclave/node";
import { sleep } from "./clock.ts";
import { digestOf, type Layout } from "./layout.ts";
import { MAX_REMEMBERED, STATEMENTS_AT_ONCE, STATEMENTS_PER_SECOND, WASTED_STATEMENTS } from "./limits.ts";

export interface ReadingParts {
  readonly layout: Layout;
  readonly clock: Clock;
  /** Published by this node itself. */
  readonly isOwn: (key: string) => boolean;
  readonly read: (wire: Uint8Array) => Promise<boolean>;
  readonly signal: AbortSignal;
}

export class Reading {
  readonly #parts: ReadingParts;
  readonly #bytes: Allowance;
  readonly #digests = new Set<string>();
  #credit = STATEMENTS_AT_ONCE;
  #countedMs: number;

  constructor(parts: ReadingParts) {
    this.#parts = parts;
    this.#bytes = new Allowance(parts.clock);
    this.#countedMs = parts.clock.nowMs();
  }

  /** Hand a key's value to the node if it is a statement that it has not read yet. Ends when the next one may come. */
  async take(key: string, value: Uint8Array): Promise<void> {
    const { layout, isOwn, read, signal } = this.#parts;
    const digest = layout.digestAt(key);
    this.#bytes.spend(value.length);
    if (digest === null || isOwn(key) || this.#digests.has(digest)) return this.#wait(1);
    const isStatement = value.length > 0 && value.length <= MAX_STATEMENT_BYTES && digestOf(value) === digest;
    if (!isStatement) return this.#wait(WASTED_STATEMENTS);
    this.#remember(digest);
    if (signal.aborted) return;
    const wasUseful = await read(value);
    return this.#wait(wasUseful ? 1 : WASTED_STATEMENTS);
  }

  #remember(digest: string): void {
    this.#digests.add(digest);
    if (this.#digests.size > MAX_REMEMBERED) this.#digests.delete(this.#digests.values().next().value!);
  }

  async #wait(cost: number): Promise<void> {
    const { clock, signal } = this.#parts;
    const nowMs = clock.nowMs();
    const earned = (Math.max(0, nowMs - this.#countedMs) * STATEMENTS_PER_SECOND) / 1_000;
    this.#countedMs = nowMs;
    this.#credit = Math.min(STATEMENTS_AT_ONCE, this.#credit + earned) - cost;
    const delayMs = Math.max(
      this.#bytes.waitMs(),
      this.#credit < 0 ? (-this.#credit * 1_000) / STATEMENTS_PER_SECOND : 0,
    );
    if (delayMs > 0) await sleep(clock, delayMs, signal);
  }
}
