import { JournalUnavailable } from "@conclave/custody";

/** Another process holds the journal. `pid` is that process as far as it is known. */
export class JournalLocked extends JournalUnavailable {
  readonly pid: number | null;
  constructor(file: string, pid: number | null, options?: ErrorOptions) {
    const holder = pid === null ? "another process" : `process ${pid}`;
    super(`journal ${file}: ${holder} uses it. Stop that process, or give this node a data folder of its own`, options);
    this.pid = pid;
  }
}

/** What an operator can do about a journal that cannot be believed. */
const ADVICE =
  "This node must not vote or sign with it. Keep the file for inspection, and let the node rejoin with a new journal, " +
  "a refresh and a new vote key";

/** The journal holds what this program never writes. `position` is the first record that cannot be trusted. */
export const damaged = (file: string, position: number, reason: string, options?: ErrorOptions): JournalUnavailable =>
  new JournalUnavailable(`journal ${file}: damaged at position ${position}: ${reason}. ${ADVICE}`, options);

/** SQLite's result codes (sqlite.org/rescode.html), without the extension in the upper bits. */
const SQLITE_BUSY = 5;
const SQLITE_CORRUPT = 11;
const SQLITE_NOTADB = 26;

function sqliteCode(cause: unknown): number | undefined {
  if (!(cause instanceof Error) || !("errcode" in cause) || typeof cause.errcode !== "number") return undefined;
  return cause.errcode & 0xff;
}

/** True if the database file is held by somebody else. */
export const isBusy = (cause: unknown): boolean => sqliteCode(cause) === SQLITE_BUSY;

/** Anything thrown while the journal is open or being opened, as `JournalUnavailable`. `position` was next to be read. */
export function unavailable(file: string, position: number, cause: unknown): JournalUnavailable {
  if (cause instanceof JournalUnavailable) return cause;
  const code = sqliteCode(cause);
  if (code === SQLITE_CORRUPT || code === SQLITE_NOTADB)
    return damaged(file, position, "the file is not a sound SQLite database", { cause });
  return new JournalUnavailable(`journal ${file}: ${cause instanceof Error ? cause.message : "unknown failure"}`, {
    cause,
  });
}
