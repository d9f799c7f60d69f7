/**
 * One network per data folder. The lock is the operating system's and ends with the process however that ends; Node has no
 * door to `flock`, but SQLite takes such a lock on an empty database file. A note beside it says who holds it.
 */
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { InUse } from "../in-use.ts";
import { FolderUnusable } from "./folder.ts";

const LOCK_FILE = "up.lock";
const NOTE_FILE = "up.pid";

/** SQLite's result code for a database that is held by somebody else (sqlite.org/rescode.html). */
const SQLITE_BUSY = 5;

/** A data folder that only this process starts a network in. */
export interface FolderLock {
  /** True if the folder was not there before. */
  readonly made: boolean;
  /** Let the folder go. With `remove`, take the folder away again if nothing of a network is in it. */
  release(options?: { readonly remove: boolean }): void;
}

/** Make the folder if it is not there, and hold it. Throws `FolderUnusable`, or `InUse`, naming the process that runs a network in it. */
export function lockFolder(root: string): FolderLock {
  const made = makeFolder(root);
  const file = join(root, LOCK_FILE);
  createIfAbsent(file);
  const db = new DatabaseSync(file, { timeout: 0 });
  try {
    db.exec("PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE");
    writeFileSync(join(root, NOTE_FILE), `${process.pid}\n`, { mode: 0o600 });
  } catch (cause) {
    db.close();
    if (!(cause instanceof Error && "errcode" in cause && cause.errcode === SQLITE_BUSY)) throw cause;
    throw new InUse(
      `a network already runs in ${root} (${holder(root)}): stop it first, or choose another folder with --data`,
      { cause },
    );
  }
  return {
    made,
    release({ remove } = { remove: false }) {
      rmSync(join(root, NOTE_FILE), { force: true });
      if (remove) rmSync(file, { force: true });
      db.close();
      if (remove) removeIfEmpty(root);
    },
  };
}

/** True if it was not there before. Throws `FolderUnusable`. */
function makeFolder(root: string): boolean {
  try {
    return mkdirSync(root, { recursive: true, mode: 0o700 }) !== undefined;
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
    throw new FolderUnusable(`${root} cannot be a folder (${code}): choose another with --data`, { cause });
  }
}

/** Never opens a file that is there: closing any descriptor of it would drop the locks of this process (POSIX fcntl). */
function createIfAbsent(file: string): void {
  try {
    closeSync(openSync(file, "wx", 0o600));
  } catch (cause) {
    if (!(cause instanceof Error && "code" in cause && cause.code === "EEXIST")) throw cause;
  }
}

function removeIfEmpty(root: string): void {
  try {
    rmdirSync(root);
  } catch (cause) {
    if (!(cause instanceof Error && "code" in cause && cause.code === "ENOTEMPTY")) throw cause;
  }
}

function holder(root: string): string {
  try {
    return `process ${readFileSync(join(root, NOTE_FILE), "utf8").trim()}`;
  } catch {
    return "another process";
  }
}
