import { StoreUnavailable } from "@conclave/node";

/** SQLite's result codes (sqlite.org/rescode.html), without the extension in the upper bits. */
const SQLITE_BUSY = 5;
const SQLITE_CORRUPT = 11;
const SQLITE_NOTADB = 26;

function sqliteCode(cause: Error): number | undefined {
  return "errcode" in cause && typeof cause.errcode === "number" ? cause.errcode & 0xff : undefined;
}

/** An error of SQLite or the file system, as `StoreUnavailable`. Our own mistakes pass through as they are. */
export function unavailable(where: string, cause: unknown): unknown {
  if (cause instanceof StoreUnavailable || !(cause instanceof Error) || !("code" in cause)) return cause;
  const code = sqliteCode(cause);
  if (code === SQLITE_BUSY)
    return new StoreUnavailable("locked", `store ${where}: another process uses it. Stop that process first`, {
      cause,
    });
  if (code === SQLITE_CORRUPT || code === SQLITE_NOTADB)
    return new StoreUnavailable(
      "damaged",
      `store ${where}: not a sound SQLite database. It is history only: move it away, and the node starts a new one`,
      { cause },
    );
  return new StoreUnavailable("unavailable", `store ${where}: ${cause.message}`, { cause });
}

/** A row holds what this program never writes. */
export const damaged = (what: string, options?: ErrorOptions): StoreUnavailable =>
  new StoreUnavailable("damaged", `the store is damaged: ${what}`, options);
