/** `cluster evidence`: what a node convicted others of, as a file for whoever wants to judge it. */
import { writeFileSync } from "node:fs";
import { openReader } from "../connection.ts";
import type { Action } from "../context.ts";
import { EXIT, usageError } from "../exit.ts";

interface EvidenceOptions {
  readonly out?: string;
}

export const exportEvidence: Action<EvidenceOptions> = async ({ settings, out }, { out: file }) => {
  const exported = await openReader(settings).clusterEvidence();
  if (file === undefined) {
    // The file is JSON itself, and every byte of it counts.
    process.stdout.write(exported.file);
    return EXIT.ok;
  }
  try {
    writeFileSync(file, exported.file, { flag: "wx" });
  } catch (cause) {
    throw usageError(`${file} cannot be written: ${(cause as Error).message}. Nothing is overwritten.`, { cause });
  }
  const count = exported.cases === 1 ? "1 case" : `${exported.cases} cases`;
  out.result(
    { file, cases: exported.cases },
    () => `${count} written to ${file}. Judge it with "conclave evidence verify ${file}".`,
  );
  return EXIT.ok;
};
