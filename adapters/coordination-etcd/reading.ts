/**
 * What others published, on its way to the node: each statement once, one after the other, and no faster than an honest
 * cluster is. An etcd that floods costs a share of a processor and a bounded memory.
 */
import { Allowance, MAX_STATEMENT_BYTES, type Clock } from "@conclave/node";
import { sleep } from "./clock.ts";
import { digestOf, type Layout } from "./layout.ts";
import {
  MAX_OFFERS,
  MAX_REMEMBERED,
  OFFER_AGAIN_MS,
  STATEMENTS_AT_ONCE,
  STATEMENTS_PER_SECOND,
  WASTED_STATEMENTS,
} from "./limits.ts";

export interface ReadingParts {
  readonly layout: Layout;
  readonly clock: Clock;
  /** Published by this node itself. */
  readonly isOwn: (key: string) => boolean;
  readonly read: (wire: Uint8Array) => Promise<boolean>;
  /** The node could not read one now: everything should be offered again, after so long. */
  readonly failed: (error: unknown, againMs: number) => void;
  readonly signal: AbortSignal;
}

/** What became of a statement that was handed over. `useless` may be early: what it belongs to may be still to come. */
type Outcome = "used" | "useless" | "failed";

/** Past ten minutes, which is when everything is listed again in any case. */
const MOST_DOUBLINGS = 7;

export class Reading {
  readonly #parts: ReadingParts;
  readonly #bytes: Allowance;
  /** How many offers each statement is still worth; 0 for what the node has used. */
  readonly #offersLeft = new Map<string, number>();
  /** In a row. */
  #failures = 0;
  #credit = STATEMENTS_AT_ONCE;
  #countedMs: number;

  constructor(parts: ReadingParts) {
    this.#parts = parts;
    this.#bytes = new Allowance(parts.clock);
    this.#countedMs = parts.clock.nowMs();
  }

  /** Hand a key's value to the node if it is a statement that it has not read yet. Ends when the next one may come. */
  async take(key: string, value: Uint8Array): Promise<void> {
    const { layout, isOwn, signal } = this.#parts;
    const digest = layout.digestAt(key);
    this.#bytes.spend(value.length);
    if (digest === null || isOwn(key) || this.#offersLeft.get(digest) === 0) return this.#wait(1);
    const isStatement = value.length > 0 && value.length <= MAX_STATEMENT_BYTES && digestOf(value) === digest;
    if (!isStatement) return this.#wait(WASTED_STATEMENTS);
    if (signal.aborted) return;
    const outcome = await this.#hand(value);
    this.#remember(digest, outcome);
    return this.#wait(outcome === "used" ? 1 : WASTED_STATEMENTS);
  }

  async #hand(wire: Uint8Array): Promise<Outcome> {
    try {
      const wasUseful = await this.#parts.read(wire);
      this.#failures = 0;
      return wasUseful ? "used" : "useless";
    } catch (error) {
      // Whatever failed in the node, it failed there: here nothing is known of the statement yet.
      this.#parts.failed(error, OFFER_AGAIN_MS * 2 ** Math.min(this.#failures++, MOST_DOUBLINGS));
      return "failed";
    }
  }

  /** Only what is done with: a statement that failed is as new as before. */
  #remember(digest: string, outcome: Outcome): void {
    if (outcome === "failed") return;
    const left = outcome === "used" ? 0 : (this.#offersLeft.get(digest) ?? MAX_OFFERS) - 1;
    this.#offersLeft.delete(digest);
    this.#offersLeft.set(digest, left);
    if (this.#offersLeft.size > MAX_REMEMBERED) this.#offersLeft.delete(this.#offersLeft.keys().next().value!);
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
