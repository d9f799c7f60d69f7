/** `conclave audit export --out FILE`: the audit log as a file that anybody can check without a node. */
import { open, rm, type FileHandle } from "node:fs/promises";
import { exportLines, MAX_EXPORT_LINE, type Audit, type ExportHeader } from "@conclave/node";

/** So much is gathered before it is written. */
const BUFFER_CHARACTERS = 1 << 16;

/** An export could not be written. The message says why and what to do; `target`: another file would do. */
export class ExportFailed extends Error {
  override readonly name = "ExportFailed";
  readonly code: "target" | "unwritten";
  constructor(code: ExportFailed["code"], message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

export interface Exported {
  readonly file: string;
  readonly lines: number;
}

/** As `writeExport`, of the log in this store. */
export const exportAudit = (header: ExportHeader, audit: Audit, file: string): Promise<Exported> =>
  writeExport(exportLines(header, audit), file);

/**
 * Writes an export's lines to a new file, mode 0600, on the disk before it resolves; a file that could not be finished is
 * removed. Keeps one page of entries in memory. Throws `ExportFailed`, or what the lines throw.
 */
export async function writeExport(exported: AsyncIterable<string>, file: string): Promise<Exported> {
  const handle = await openNew(file);
  try {
    const lines = await write(handle, exported);
    await handle.sync();
    await handle.close();
    return { file, lines };
  } catch (cause) {
    await handle.close().catch(() => {});
    await rm(file, { force: true });
    const code = cause instanceof Error && "syscall" in cause && "code" in cause ? String(cause.code) : null;
    throw code === null ? cause : new ExportFailed("unwritten", `${file} could not be written (${code})`, { cause });
  }
}

async function openNew(file: string): Promise<FileHandle> {
  try {
    return await open(file, "wx", 0o600);
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
    const what =
      code === "EEXIST"
        ? "is there already. Name another file: exports are never overwritten"
        : `cannot be made (${code})`;
    throw new ExportFailed("target", `${file} ${what}`, { cause });
  }
}

async function write(handle: FileHandle, lines: AsyncIterable<string>): Promise<number> {
  let count = 0;
  let buffer = "";
  for await (const line of lines) {
    count++;
    if (line.length > MAX_EXPORT_LINE)
      throw new ExportFailed("unwritten", `line ${count} of the export is too long to be read again`);
    buffer += `${line}\n`;
    if (buffer.length < BUFFER_CHARACTERS) continue;
    await handle.writeFile(buffer);
    buffer = "";
  }
  await handle.writeFile(buffer);
  return count;
}
