/** What `conclave audit` says and ends with. */
import { readWholeCharter } from "../cluster/node-folder.ts";
import { FileUnusable } from "../cluster/private-files.ts";
import { writeExport } from "./export.ts";
import { describeVerdict, verifyAuditFile } from "./verify.ts";

/** Where a line for people goes. */
export type Say = (line: string) => void;

const INTACT = 0;
const NOT_INTACT = 1;

/** `audit export --out FILE`. Throws `ExportFailed`, or what the lines throw; its exit code is 0 otherwise. */
export async function auditExport(
  { exported, out }: { readonly exported: AsyncIterable<string>; readonly out: string },
  say: Say,
): Promise<number> {
  const { file, lines } = await writeExport(exported, out);
  say(`${file}: ${lines} lines. Whoever has the file can check it: conclave audit verify ${JSON.stringify(file)}`);
  return INTACT;
}

/**
 * `audit verify FILE [--charter FILE]`: exit code 0 if the file is whole, 1 if it is not. With a charter, signed by all of its
 * nodes, the file has to name the same nodes. Throws `FileUnusable` for a file that cannot be read.
 */
export async function auditVerify(
  { file, charter, json = false }: { readonly file: string; readonly charter?: string; readonly json?: boolean },
  say: Say,
): Promise<number> {
  const expected = charter === undefined ? {} : { roster: readWholeCharter(charter).charter.roster };
  const verdict = await verifyAuditFile(file, expected).catch((cause: unknown) => {
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : null;
    throw code === null ? cause : new FileUnusable(`${file} cannot be read (${code})`, { cause });
  });
  if (json) say(JSON.stringify(verdict));
  else for (const line of describeVerdict(verdict)) say(line);
  if (!json && verdict.intact && charter === undefined)
    say("The nodes are those that the file names. Compare its roster with your cluster's, or add --charter FILE.");
  return verdict.intact ? INTACT : NOT_INTACT;
}
