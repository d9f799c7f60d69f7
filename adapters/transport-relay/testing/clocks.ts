/** Clocks for tests of long waits. */
import type { Clock } from "@conclave/node";
import { systemClock } from "../index.ts";

/** Runs `times` as fast as the machine's. `delays` holds every wait that was asked for, in its own milliseconds. */
export function hurriedClock(times: number): Clock & { readonly delays: readonly number[] } {
  const startMs = systemClock.nowMs();
  const delays: number[] = [];
  return {
    delays,
    nowMs: () => startMs + (systemClock.nowMs() - startMs) * times,
    schedule(delayMs, fire) {
      delays.push(delayMs);
      return systemClock.schedule(delayMs / times, fire);
    },
  };
}

const PATIENCE_MS = 20_000;

/** Waits until `condition` holds. Throws after a long while, saying what was waited for. */
export async function until(what: string, condition: () => boolean): Promise<void> {
  const deadlineMs = systemClock.nowMs() + PATIENCE_MS;
  while (!condition()) {
    if (systemClock.nowMs() > deadlineMs) throw new Error(`not within ${PATIENCE_MS} ms: ${what}`);
    await pause(2);
  }
}

export const pause = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    systemClock.schedule(ms, resolve);
  });
