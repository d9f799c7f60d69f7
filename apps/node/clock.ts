import type { Clock } from "@conclave/node";

/** The machine's clock. Timers do not keep the process alive: servers and workers do. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  schedule(delayMs, fire) {
    const timer = setTimeout(fire, delayMs).unref();
    return { cancel: () => clearTimeout(timer) };
  },
};
