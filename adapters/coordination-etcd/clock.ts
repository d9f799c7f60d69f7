import type { Clock } from "@conclave/node";

/** The machine's own clock. Its timers keep no process alive: what waits for etcd has nothing to lose. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  schedule(delayMs, fire) {
    const timer = setTimeout(fire, delayMs).unref();
    return { cancel: () => clearTimeout(timer) };
  },
};

/** Resolves after `delayMs`, or as soon as `signal` fires. */
export const sleep = (clock: Clock, delayMs: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = (): void => {
      timer.cancel();
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = clock.schedule(delayMs, done);
    signal.addEventListener("abort", done);
  });
