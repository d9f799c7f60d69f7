/** What `conclave audit` says and ends with. */
import { CodecError } from "@conclave/bytes";
import { checkSignatures, unsignedBy, type Roster } from "@conclave/consensus";
import type { Audit, ExportHeader } from "@conclave/node";
import { readCharter } from "../cluster/node-folder.ts";
import { FileUnusable } from "../cluster/private-files.ts";
import { engine } from "../engine.ts";
import { exportAudit } from "./export.ts";
import { describeVerdict, verifyAuditFile } from "./verify.ts";

/** Where a line for people goes. */
export type Say = (line: string) => void;

const INTACT = 0;
const NOT_INTACT = 1;

/** `audit export --out FILE`. Throws `ExportFailed` or `StoreUnavailable`; its exit code is 0 otherwise. */
export async function auditExport(
  { header, audit, out }: { readonly header: ExportHeader; readonly audit: Audit; readonly out: string },
  say: Say,
): Promise<number> {
  const { file, lines } = await exportAudit(header, audit, out);
  say(`${file}: ${lines} lines. Whoever has the file can check it: conclave audit verify ${JSON.stringify(file)}`);
  return INTACT;
}

/**
 * `audit verify FILE [--charter FILE]`: exit code 0 if the file is whole, 1 if it is not. With a charter, signed by all of its
 * nodes, the file has to name the same nodes. Throws `FileUnusable` for a file that cannot be read.
 */
export async function auditVerify(
  { file, charter }: { readonly file: string; readonly charter?: string | undefined },
  say: Say,
): Promise<number> {
  const expected = charter === undefined ? {} : { roster: rosterOf(charter) };
  const verdict = await verifyAuditFile(file, expected).catch((cause: unknown) => {
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : null;
    throw code === null ? cause : new FileUnusable(`${file} cannot be read (${code})`, { cause });
  });
  for (const line of describeVerdict(verdict)) say(line);
  if (verdict.intact && charter === undefined)
    say("The nodes are those that the file names. Compare its roster with your cluster's, or add --charter FILE.");
  return verdict.intact ? INTACT : NOT_INTACT;
}

/** The nodes that a whole charter names. */
function rosterOf(file: string): Roster {
  const signed = readCharter(file);
  const missing = unsignedBy(signed);
  if (missing.length > 0)
    throw new FileUnusable(`${file} is not signed by ${missing.join(", ")}: use the whole charter`);
  try {
    checkSignatures(engine, signed);
  } catch (cause) {
    if (!(cause instanceof CodecError)) throw cause;
    throw new FileUnusable(`${file} is no charter of a cluster: ${cause.message}`, { cause });
  }
  return signed.charter.roster;
}
