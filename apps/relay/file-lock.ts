/**
 * One relay per file of kept messages. The lock is the operating system's and ends with the process however that ends; Node
 * has no door to `flock`, but SQLite takes such a lock on an empty database file.
 */
import { closeSync, openSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { InUse } from "./options.ts";

/** SQLite's result code for a database that is held by somebody else (sqlite.org/rescode.html). */
const SQLITE_BUSY = 5;

/** Holds `file` by a lock file beside it, until the returned function is called. Throws `InUse`. */
export function lockFile(file: string): () => void {
  const path = `${file}.lock`;
  createIfAbsent(path);
  const db = new DatabaseSync(path, { timeout: 0 });
  try {
    db.exec("PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE");
  } catch (cause) {
    db.close();
    if (!(cause instanceof Error && "errcode" in cause && cause.errcode === SQLITE_BUSY)) throw cause;
    throw new InUse(
      `another relay keeps its messages in ${file}: stop it first, or choose another file with --persist`,
      {
        cause,
      },
    );
  }
  return () => db.close();
}

/** Never opens a file that is there: closing any descriptor of it would drop the locks of this process (POSIX fcntl). */
function createIfAbsent(path: string): void {
  try {
    closeSync(openSync(path, "wx", 0o600));
  } catch (cause) {
    if (!(cause instanceof Error && "code" in cause && cause.code === "EEXIST")) throw cause;
  }
}
