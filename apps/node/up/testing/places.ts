/** Folders and ports for tests: nothing of them is left behind. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { randomInt } from "node:crypto";
import { checkPorts } from "../ports.ts";

/** An empty folder, and how to remove it with all that came into it. */
export function temporaryFolder(): { readonly path: string; readonly remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), "conclave-up-"));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** A base above which nobody listened a moment ago. Other tests choose at the same time: from many, at random. */
export async function freePortBase(nodes = 5): Promise<number> {
  for (;;) {
    const base = randomInt(12_000, 32_000);
    try {
      await checkPorts(base, nodes);
      return base;
    } catch {
      // Taken: try another.
    }
  }
}
