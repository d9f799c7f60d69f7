/** Waiting for what a running network will show. */
import { setTimeout as delay } from "node:timers/promises";

const LOOK_MS = 40;

/** Looks until `look` gives something. Throws, naming `what` and what was seen last, when it takes longer than `withinMs`. */
export async function until<T>(
  what: string,
  withinMs: number,
  look: () => Promise<T | undefined> | T | undefined,
  seen: () => unknown = () => "",
): Promise<T> {
  const endMs = performance.now() + withinMs;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (performance.now() > endMs)
      throw new Error(`${what}: not within ${withinMs} ms. ${JSON.stringify(await seen())}`);
    await delay(LOOK_MS);
  }
}
