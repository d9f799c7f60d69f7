/**
 * The safety journal in one SQLite file. A record is on disk when `append` returns (write-ahead log, fsync at every
 * commit), records cannot be changed or taken out, and each carries a hash over itself and all before it.
 *
 * What it cannot notice by itself is a file that was replaced by an earlier copy, or whose last records were cut: that is
 * what the generation counter in votes and acks is for (safety rules, locks of one node).
 */
import { resolve } from "node:path";
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { assert, equalBytes } from "@conclave/bytes";
import { JournalUnavailable, type Journal, type JournalRecord } from "@conclave/custody";
import { checkLength, checkpoint, closeDatabase, createDatabase, openDatabase } from "./database.ts";
import { damaged, unavailable } from "./failures.ts";
import { checkPrivateFile, exists, preparePrivateFolder } from "./private-file.ts";
import { chainHash, GENESIS_HASH } from "./schema.ts";

/** A promise is small; a record beyond this is a mistake. */
const MAX_RECORD_BYTES = 1 << 20;

/** The write-ahead log is emptied into the database when it may have grown by this much. */
const CHECKPOINT_BYTES = 4 << 20;

/** What a commit adds to the log beside its records: two pages or so. */
const COMMIT_BYTES = 8 << 10;

export interface JournalOptions {
  /** The journal's file, in a folder that only this account can enter (made if absent). */
  readonly file: string;
  /** False for a node that was set up before: a journal that is gone is then an error, not a fresh start. */
  readonly create?: boolean;
}

/** The last record's position and hash. */
interface Head {
  readonly position: number;
  readonly hash: Uint8Array;
}

/**
 * Opens the journal and checks every record of it; makes an empty one if there is none. Throws `JournalLocked` if another
 * process holds it, else `JournalUnavailable`.
 */
export function openJournal({ file: path, create = true }: JournalOptions): Journal {
  const file = resolve(path);
  try {
    preparePrivateFolder(file);
    if (!exists(file)) {
      if (!create) throw new JournalUnavailable(`journal ${file}: there is none. Restore it or set the node up again`);
      createDatabase(file);
    }
    checkPrivateFile(file);
    const db = openDatabase(file);
    try {
      return new SqliteJournal(file, db);
    } catch (cause) {
      closeDatabase(db, file);
      throw cause;
    }
  } catch (cause) {
    throw unavailable(file, 0, cause);
  }
}

class SqliteJournal implements Journal {
  readonly #file: string;
  readonly #db: DatabaseSync;
  readonly #insert: StatementSync;
  #head: Head = { position: 0, hash: GENESIS_HASH };
  #state: "open" | "sealed" | "closed" = "open";
  /** Bytes added to the log since the last checkpoint, roughly. */
  #logBytes = 0;

  constructor(file: string, db: DatabaseSync) {
    this.#file = file;
    this.#db = db;
    checkpoint(db);
    checkLength(db, file);
    this.#insert = db.prepare("INSERT INTO journal (position, record, hash) VALUES (?, ?, ?)");
    for (const { position, hash } of verifiedRows(db, file, Number.MAX_SAFE_INTEGER)) this.#head = { position, hash };
  }

  read(): Iterable<JournalRecord> {
    this.#checkOpen();
    return this.#records(this.#head.position);
  }

  *#records(last: number): Generator<JournalRecord> {
    let position = 0;
    for (const row of verifiedRows(this.#db, this.#file, last)) {
      position = row.position;
      yield { position, record: row.record };
      this.#checkOpen();
    }
    if (position !== last) throw damaged(this.#file, position + 1, "the record is missing");
  }

  append(records: readonly Uint8Array[]): number {
    this.#checkOpen();
    for (const record of records)
      assert(record.length <= MAX_RECORD_BYTES, `a journal record has at most ${MAX_RECORD_BYTES} bytes`);
    if (records.length === 0) return this.#head.position;
    try {
      this.#head = this.#commit(records);
    } catch (cause) {
      // Whether these records reached the disk is unknown until the file is opened again.
      this.#state = "sealed";
      throw unavailable(this.#file, this.#head.position + 1, cause);
    }
    this.#checkpointIfDue(records);
    return this.#head.position;
  }

  /** The records are safe in the log whatever happens here, but a disk that refuses now is not asked again. */
  #checkpointIfDue(records: readonly Uint8Array[]): void {
    this.#logBytes += records.reduce((sum, record) => sum + record.length, COMMIT_BYTES);
    if (this.#logBytes < CHECKPOINT_BYTES) return;
    this.#logBytes = 0;
    try {
      checkpoint(this.#db);
    } catch {
      this.#state = "sealed";
    }
  }

  #commit(records: readonly Uint8Array[]): Head {
    let head = this.#head;
    this.#db.exec("BEGIN IMMEDIATE");
    for (const record of records) {
      const position = head.position + 1;
      const hash = chainHash(head.hash, position, record);
      this.#insert.run(position, record, hash);
      head = { position, hash };
    }
    this.#db.exec("COMMIT");
    return head;
  }

  close(): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    try {
      closeDatabase(this.#db, this.#file);
    } catch (cause) {
      throw unavailable(this.#file, this.#head.position + 1, cause);
    }
  }

  #checkOpen(): void {
    if (this.#state === "closed") throw new JournalUnavailable(`journal ${this.#file}: it is closed`);
    if (this.#state === "sealed")
      throw new JournalUnavailable(
        `journal ${this.#file}: sealed, because a write failed before. Check disk and space, then restart the node`,
      );
  }
}

/** Rows up to position `last`, each checked against the chain. Throws `JournalUnavailable` naming the first bad one. */
function* verifiedRows(db: DatabaseSync, file: string, last: number): Generator<JournalRecord & Head> {
  let head: Head = { position: 0, hash: GENESIS_HASH };
  const select = db.prepare("SELECT position, record, hash FROM journal WHERE position <= ? ORDER BY position");
  try {
    for (const { position, record, hash } of select.iterate(last)) {
      const next = head.position + 1;
      if (position !== next) throw damaged(file, next, "the record is missing");
      if (!(record instanceof Uint8Array) || !(hash instanceof Uint8Array))
        throw damaged(file, next, "the record is not a byte string");
      if (!equalBytes(chainHash(head.hash, next, record), hash))
        throw damaged(file, next, "the record does not match its hash");
      head = { position: next, hash };
      yield { ...head, record };
    }
  } catch (cause) {
    throw unavailable(file, head.position + 1, cause);
  }
}
