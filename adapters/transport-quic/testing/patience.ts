/** Waiting for what a loaded machine may take long to do. */
import { inspect } from "node:util";
import { setTimeout as wait } from "node:timers/promises";
import type { OpenNode } from "./cluster.ts";

const PATIENCE_MS = 6_000;

/** Waits until `condition` holds. Throws what the nodes reported if it never does. */
export async function eventually(
  what: string,
  condition: () => boolean,
  nodes: readonly OpenNode[] = [],
): Promise<void> {
  const deadlineMs = Date.now() + PATIENCE_MS;
  while (!condition()) {
    if (Date.now() > deadlineMs) {
      const reported = inspect(
        nodes.map(({ events }) => events),
        { depth: 5 },
      );
      throw new Error(`not within ${PATIENCE_MS} ms: ${what}; reported: ${reported}`);
    }
    await wait(5);
  }
}
