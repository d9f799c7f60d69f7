/** The journal's writes as `/metrics` shows them: numbers that the thread of custody keeps. */
import { Counter, Histogram, type MetricValueWithName, type Registry } from "prom-client";
import { SYNC_BUCKETS_SECONDS, type SyncTimes } from "./sync-times.ts";

/** A histogram whose numbers are kept by another thread. */
class SyncHistogram extends Histogram {
  readonly #times: SyncTimes;
  readonly #name: string;
  readonly #help: string;

  constructor(times: SyncTimes, { name, help }: { name: string; help: string }) {
    super({ name, help, buckets: [...SYNC_BUCKETS_SECONDS], registers: [] });
    this.#times = times;
    this.#name = name;
    this.#help = help;
  }

  /** What the library asks for when it writes its text. */
  getForPromString(): Promise<object> {
    const { count, sumSeconds, atMost } = this.#times.read();
    const bucket = (le: number | string, value: number): MetricValueWithName<string> => ({
      metricName: `${this.#name}_bucket`,
      labels: { le },
      value,
    });
    const values: MetricValueWithName<string>[] = [
      ...[...atMost].map(([limit, total]) => bucket(limit, total)),
      bucket("+Inf", count),
      { metricName: `${this.#name}_sum`, labels: {}, value: sumSeconds },
      { metricName: `${this.#name}_count`, labels: {}, value: count },
    ];
    return Promise.resolve({ name: this.#name, help: this.#help, type: "histogram", values });
  }
}

/** `mpc_journal_sync_seconds` and the failures, in this registry. */
export function showSyncs(times: SyncTimes, registry: Registry): void {
  const syncs = new SyncHistogram(times, {
    name: "mpc_journal_sync_seconds",
    help: "Writes of the safety journal, each on the disk before anything depends on it",
  });
  registry.registerMetric(syncs);
  const failures: Counter = new Counter({
    name: "mpc_journal_failures_total",
    help: "Writes of the safety journal that failed: the node neither votes nor signs until it is restarted",
    registers: [registry],
    collect: () => {
      failures.reset();
      failures.inc(times.read().failed);
    },
  });
}
