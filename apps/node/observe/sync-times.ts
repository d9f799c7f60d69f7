/**
 * How long the journal's writes took, counted in the thread that makes them and read in the one that serves `/metrics`:
 * whole numbers in shared memory, so that neither ever waits for the other.
 */
import type { Journal } from "@conclave/custody";

/** A disk that syncs takes from a tenth of a millisecond to, when it is failing, seconds. */
export const SYNC_BUCKETS_SECONDS = [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5] as const;

/** Places before the buckets: how many, their sum in microseconds, how many failed. */
const [COUNT, SUM, FAILED, BUCKETS] = [0, 1, 2, 3];

export interface SyncSummary {
  readonly count: number;
  readonly sumSeconds: number;
  readonly failed: number;
  /** How many took at most so many seconds; cumulative, without the last, unlimited one. */
  readonly atMost: ReadonlyMap<number, number>;
}

export class SyncTimes {
  readonly memory: SharedArrayBuffer;
  readonly #numbers: BigUint64Array;

  /** `memory`: of the same class in another thread. */
  constructor(memory?: SharedArrayBuffer) {
    const places = BUCKETS + SYNC_BUCKETS_SECONDS.length;
    this.memory = memory ?? new SharedArrayBuffer(places * BigUint64Array.BYTES_PER_ELEMENT);
    this.#numbers = new BigUint64Array(this.memory);
  }

  took(ms: number): void {
    this.#add(COUNT, 1n);
    this.#add(SUM, BigInt(Math.round(ms * 1_000)));
    const bucket = SYNC_BUCKETS_SECONDS.findIndex((limit) => ms <= limit * 1_000);
    if (bucket >= 0) this.#add(BUCKETS + bucket, 1n);
  }

  failed(): void {
    this.#add(FAILED, 1n);
  }

  read(): SyncSummary {
    const at = (place: number): number => Number(Atomics.load(this.#numbers, place));
    let total = 0;
    const atMost = new Map(SYNC_BUCKETS_SECONDS.map((limit, i) => [limit, (total += at(BUCKETS + i))]));
    return { count: at(COUNT), sumSeconds: at(SUM) / 1_000_000, failed: at(FAILED), atMost };
  }

  #add(place: number, amount: bigint): void {
    Atomics.add(this.#numbers, place, amount);
  }
}

/** The same journal, with its writes measured. */
export function measuredJournal(journal: Journal, times: SyncTimes): Journal {
  return {
    read: () => journal.read(),
    append(records) {
      const startMs = performance.now();
      try {
        const position = journal.append(records);
        times.took(performance.now() - startMs);
        return position;
      } catch (error) {
        times.failed();
        throw error;
      }
    },
    close: () => journal.close(),
  };
}
