/** The trial with which a suite ends whose faults could make a node forget. */
import assert from "node:assert/strict";
import { readPapers } from "./papers.ts";
import type { Trials } from "./trials.ts";

/** Stops the nodes and reads what they wrote. */
export function wroteDown({ trial, figure }: Pick<Trials, "trial" | "figure">): void {
  trial(
    "what the nodes wrote down: no vote lost, no secret used twice, one final state, audit chains whole",
    async (cluster, t) => {
      await cluster.linked();
      await cluster.judge();
      await cluster.rest();
      const read = await readPapers(cluster);
      t.diagnostic(JSON.stringify(read));
      for (const [what, count] of Object.entries(read)) {
        figure(what, count);
        assert(count > 0, `there was nothing to check: ${what}`);
      }
    },
  );
}
