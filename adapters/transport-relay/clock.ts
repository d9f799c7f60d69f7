import type { Clock } from "@conclave/node";

/** The platform's own clock. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  schedule(delayMs, fire) {
    const timer = setTimeout(fire, delayMs);
    return { cancel: () => clearTimeout(timer) };
  },
};
