/**
 * One process per vault. The lock is the operating system's, so it ends with the process however that ends, and no stale
 * lock has to be judged: Node has no door to `flock`, but SQLite takes such a lock on an empty database file.
 * A note beside it says who holds it, for the message only.
 */
import { closeSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { VaultError } from "@conclave/custody";
import { checkPrivate } from "./folder.ts";

const LOCK_FILE = "vault.lock";
const NOTE_FILE = "vault.pid";

/** SQLite's result code for a database that is held by somebody else. */
const SQLITE_BUSY = 5;

export interface VaultLock {
  release(): void;
}

/** Throws `VaultError` "locked", naming the process that holds the vault. */
export function acquireLock(folder: string): VaultLock {
  const path = join(folder, LOCK_FILE);
  createIfAbsent(path);
  checkPrivate(path, "file");
  const db = new DatabaseSync(path, { timeout: 0 });
  try {
    // The transaction writes nothing and stays open as long as the lock is wanted.
    db.exec("PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE");
    writeFileSync(join(folder, NOTE_FILE), `${process.pid} ${startTime()}\n`, { mode: 0o600 });
  } catch (cause) {
    db.close();
    if (cause instanceof Error && "errcode" in cause && cause.errcode === SQLITE_BUSY)
      throw new VaultError("locked", `vault ${folder}: ${holder(folder)} uses it. Stop that process first`, { cause });
    throw cause;
  }
  return {
    release() {
      rmSync(join(folder, NOTE_FILE), { force: true });
      db.close();
    },
  };
}

/** Never opens a file that is there: closing any descriptor of it would drop the locks of this process (POSIX fcntl). */
function createIfAbsent(path: string): void {
  try {
    closeSync(openSync(path, "wx", 0o600));
  } catch (cause) {
    if (!(cause instanceof Error && "code" in cause && cause.code === "EEXIST")) throw cause;
  }
}

const startTime = (): string => new Date(Date.now() - process.uptime() * 1_000).toISOString();

function holder(folder: string): string {
  try {
    const [, pid, started] = /^(\d+) (\S+)\n$/.exec(readFileSync(join(folder, NOTE_FILE), "utf8")) ?? [];
    return pid === undefined ? "another process" : `process ${pid} (started ${started})`;
  } catch {
    return "another process";
  }
}
