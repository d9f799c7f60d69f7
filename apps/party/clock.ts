import type { Clock } from "@conclave/node";

/** The machine's clock. Timers alone do not keep the process alive. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  schedule(delayMs, fire) {
    const timer = setTimeout(fire, delayMs).unref();
    return { cancel: () => clearTimeout(timer) };
  },
};
