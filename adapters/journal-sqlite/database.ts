/** A SQLite file that one process holds and that keeps what it acknowledged. */
import { randomBytes } from "node:crypto";
import { closeSync, linkSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { JournalUnavailable } from "@conclave/custody";
import { damaged, isBusy, JournalLocked } from "./failures.ts";
import { syncFolder } from "./private-file.ts";
import { checkSchema, createSchema, pragma } from "./schema.ts";

/**
 * Makes an empty journal at `file`. It is built beside its place and linked into it, so that a crash leaves a whole
 * journal or none, and a process that was faster keeps its own.
 *
 * The finished file is never opened with `fs`: closing any descriptor of it would drop SQLite's locks of this process
 * (POSIX fcntl locks).
 */
export function createDatabase(file: string): void {
  const draft = `${file}.new-${randomBytes(8).toString("hex")}`;
  closeSync(openSync(draft, "wx", 0o600));
  const db = new DatabaseSync(draft);
  try {
    db.exec("PRAGMA synchronous = FULL");
    createSchema(db);
  } finally {
    db.close();
  }
  try {
    linkSync(draft, file);
  } catch (cause) {
    if (!(cause instanceof Error && "code" in cause && cause.code === "EEXIST")) throw cause;
  }
  rmSync(draft);
  syncFolder(dirname(file));
}

/** Opens the file, locked for this process, durable, and of our schema. Throws otherwise, with the file closed. */
export function openDatabase(file: string): DatabaseSync {
  const db = new DatabaseSync(file, { timeout: 0, defensive: true });
  try {
    lock(db, file);
    checkSchema(db, file);
    makeDurable(db, file);
    writeFileSync(pidFile(file), `${process.pid}\n`, { mode: 0o600 });
    return db;
  } catch (cause) {
    db.close();
    throw cause;
  }
}

/** Closes the database and takes the note of our process id away. */
export function closeDatabase(db: DatabaseSync, file: string): void {
  rmSync(pidFile(file), { force: true });
  db.close();
}

/**
 * The operating system's lock, which ends with the process however it ends. Once taken in this mode it is kept, and the
 * write-ahead log needs no shared memory.
 */
function lock(db: DatabaseSync, file: string): void {
  try {
    db.exec("PRAGMA locking_mode = EXCLUSIVE; PRAGMA trusted_schema = OFF; BEGIN EXCLUSIVE; COMMIT");
  } catch (cause) {
    if (isBusy(cause)) throw new JournalLocked(file, holder(file), { cause });
    throw cause;
  }
}

/**
 * Moves what the write-ahead log holds into the database. SQLite would do it by itself, and keep quiet about a disk that
 * refuses; here the refusal is thrown.
 */
export function checkpoint(db: DatabaseSync): void {
  db.exec("PRAGMA wal_checkpoint(PASSIVE)");
}

/**
 * Throws `JournalUnavailable` if the file ends within its last page. SQLite reads what is missing there as zeros, so a
 * table can look empty that is not. Call it after a checkpoint: before, the pages may still lie in the write-ahead log.
 */
export function checkLength(db: DatabaseSync, file: string): void {
  const expected = Number(pragma(db, "page_count")) * Number(pragma(db, "page_size"));
  // By name, not by descriptor: closing one would drop SQLite's locks.
  const { size } = statSync(file);
  if (size < expected) throw damaged(file, 1, `the file was cut to ${size} of ${expected} bytes`);
}

/** Asks for full durability and reads back whether we have it: a build or a file system may silently refuse. */
function makeDurable(db: DatabaseSync, file: string): void {
  db.exec(
    "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA fullfsync = ON; PRAGMA checkpoint_fullfsync = ON",
  );
  db.exec("PRAGMA wal_autocheckpoint = 0");
  const SYNCHRONOUS_FULL = 2;
  const required = { journal_mode: "wal", synchronous: SYNCHRONOUS_FULL, locking_mode: "exclusive" };
  for (const [name, value] of Object.entries(required)) {
    const actual = pragma(db, name);
    if (actual !== value)
      throw new JournalUnavailable(
        `journal ${file}: SQLite runs with ${name} = ${String(actual)} where ${value} is needed. Move it to a local disk`,
      );
  }
}

const pidFile = (file: string): string => `${file}.pid`;

/** Who holds the lock, for the message only: the lock itself is the operating system's. */
function holder(file: string): number | null {
  try {
    const pid = Number(readFileSync(pidFile(file), "utf8"));
    return Number.isSafeInteger(pid) && pid > 0 ? pid : null;
  } catch {
    return null;
  }
}
