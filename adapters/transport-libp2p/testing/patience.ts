/** Waiting for what happens in its own time. */
import assert from "node:assert/strict";
import { setTimeout as wait } from "node:timers/promises";

/** How long anything may take on a loaded machine. */
const PATIENCE_MS = 30_000;
const LOOK_MS = 5;

/** What `look` finds, as soon as it finds something. */
export async function eventually<T>(what: string, look: () => T | null | undefined | false): Promise<T> {
  const deadlineMs = Date.now() + PATIENCE_MS;
  for (;;) {
    const found = look();
    if (found !== null && found !== undefined && found !== false) return found;
    assert(Date.now() < deadlineMs, `not within ${PATIENCE_MS} ms: ${what}`);
    await wait(LOOK_MS);
  }
}
