/** An observation as the HTTP server shows it. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { exportLines, type ExportHeader } from "@conclave/node";
import type { OperatorView } from "../http/index.ts";
import { VERSION } from "../version.ts";
import type { Observation } from "./observation.ts";

export const operatorView = (observation: Observation, header: ExportHeader): OperatorView => ({
  metrics: () => observation.exposition(),
  version: () => ({ version: VERSION, commit: COMMIT, node: process.version }),
  trace: (id) => observation.tracer.trace(id),
  audit: () => exportLines(header, observation.store.audit),
  asked: (request, asked) => observation.tracer.asked(request, asked),
  answered: (route, status) => observation.answered(route, status),
});

/** The commit that this program was checked out from; null for one that was installed. */
const COMMIT = commitAt(join(import.meta.dirname, "..", "..", "..", ".git"));

function commitAt(git: string): string | null {
  try {
    const head = readFileSync(join(git, "HEAD"), "utf8").trim();
    const ref = /^ref: (?<ref>refs\/[\w./-]+)$/.exec(head)?.groups?.["ref"];
    const commit = ref === undefined ? head : readFileSync(join(git, ref), "utf8").trim();
    return /^[0-9a-f]{40}$/.test(commit) ? commit : null;
  } catch {
    return null;
  }
}
