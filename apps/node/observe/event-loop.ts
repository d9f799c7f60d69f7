/** How late this thread's timers are: what everybody waits for who waits for the node. */
import { monitorEventLoopDelay } from "node:perf_hooks";

/** Timers are looked at this often; what they are late beyond it is the lag. */
const RESOLUTION_MS = 20;
const NS_PER_SECOND = 1e9;

/** Quantiles that are shown. */
export const LAG_QUANTILES = [0.5, 0.99, 1] as const;

export interface LoopLag {
  /** Since it was read last, in seconds, by quantile; 1 is the worst. */
  read(): ReadonlyMap<number, number>;
  stop(): void;
}

export function watchEventLoop(): LoopLag {
  const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delays.enable();
  return {
    read() {
      const seconds = (ns: number): number => Math.max(0, ns / NS_PER_SECOND - RESOLUTION_MS / 1_000);
      // Nothing was measured yet if the histogram is empty: its numbers are none then.
      const at = (quantile: number): number => (delays.count === 0 ? 0 : seconds(delays.percentile(quantile * 100)));
      const found = new Map(LAG_QUANTILES.map((quantile) => [quantile as number, at(quantile)]));
      delays.reset();
      return found;
    },
    stop: () => void delays.disable(),
  };
}
