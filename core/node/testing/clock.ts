/**
 * Virtual time. Events fire in order of their time, then of their scheduling; between two events every promise that can go
 * on has gone on. Nothing in a simulated cluster waits for anything else, so that one seed has one course.
 */
import { assert } from "@conclave/bytes";
import type { Clock, Timer } from "../ports.ts";

interface Entry {
  readonly atMs: number;
  readonly order: number;
  fire: (() => void) | null;
}

export class VirtualClock implements Clock {
  #nowMs: number;
  #order = 0;
  readonly #heap: Entry[] = [];

  constructor(startMs: number) {
    this.#nowMs = startMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  schedule(delayMs: number, fire: () => void): Timer {
    assert(delayMs >= 0, "time goes forward");
    const entry: Entry = { atMs: this.#nowMs + delayMs, order: this.#order++, fire };
    this.#push(entry);
    return {
      cancel: () => {
        entry.fire = null;
      },
    };
  }

  /** Fire the next event and let everything settle that follows from it. False if there is none up to `untilMs`. */
  async step(untilMs: number): Promise<boolean> {
    for (;;) {
      const next = this.#heap[0];
      if (next === undefined || next.atMs > untilMs) return false;
      this.#pop();
      if (next.fire === null) continue;
      this.#nowMs = next.atMs;
      next.fire();
      await settled();
      return true;
    }
  }

  #push(entry: Entry): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(entry);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!before(entry, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = entry;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      const left = 2 * at + 1;
      if (left >= heap.length) break;
      const right = left + 1;
      const child = right < heap.length && before(heap[right]!, heap[left]!) ? right : left;
      if (!before(heap[child]!, last)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
  }
}

const before = (a: Entry, b: Entry): boolean => a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);

/**
 * One turn of the event loop. Node runs every promise reaction that is ready, and those that they make ready, before the
 * next turn begins; the ports of a simulation wait for nothing but promises, so nothing is left under way afterwards.
 */
export const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
