/** Waiting for what a loaded machine may take long to do. */
import { inspect } from "node:util";
import { setTimeout as wait } from "node:timers/promises";

const PATIENCE_MS = 20_000;

/** Waits until `condition` holds. Throws what `seen` says if it never does. */
export async function eventually(
  what: string,
  condition: () => boolean,
  seen: () => unknown = () => "",
): Promise<void> {
  const deadlineMs = Date.now() + PATIENCE_MS;
  while (!condition()) {
    if (Date.now() > deadlineMs)
      throw new Error(`not within ${PATIENCE_MS} ms: ${what}; seen: ${inspect(seen(), { depth: 6 })}`);
    await wait(10);
  }
}
