/**
 * SQLite through `node:sqlite`, under Kysely.
 *
 * Kysely's driver was written for another library: it asks every statement whether it is a `reader` and takes rows from
 * those only, and it hands parameters over as one array. `node:sqlite` knows neither, so that without the shim below every
 * SELECT would quietly return no rows.
 */
import { DatabaseSync, type SQLInputValue } from "node:sqlite";
import { LogSync } from "./log-sync.ts";
import { StoreUnavailable } from "@conclave/node";
import { sql, SqliteAdapter, SqliteDialect, type SqliteDatabase, type SqliteStatement } from "kysely";
import type { SchemaDialect } from "./dialect.ts";
import { exactParameter } from "./parameters.ts";

/** "CNCH": SQLite's application id of our histories. */
const APPLICATION_ID = 0x434e_4348;

/** Statements kept ready. The store has about a hundred; ones with lists of values in them come and go. */
const MAX_STATEMENTS = 256;

/** An open file: how Kysely speaks to it, and what brings its log to the disk. */
export interface SqliteFile {
  readonly dialect: SqliteDialect;
  readonly schema: SchemaDialect;
  readonly log: LogSync;
}

/** Opens the file, locked for this process. What is written survives the process at once, and a power cut after `log.now`. Throws what SQLite throws, or `StoreUnavailable`. */
export function openSqlite(file: string): SqliteFile {
  const db = new DatabaseSync(file, { timeout: 0, defensive: true, enableForeignKeyConstraints: true });
  try {
    // The lock comes first: nothing of a file that another process holds is read or changed.
    db.exec("PRAGMA locking_mode = EXCLUSIVE; PRAGMA trusted_schema = OFF; BEGIN EXCLUSIVE; COMMIT");
    claim(db, file);
    makeDurable(db, file);
    const changes = db.prepare("SELECT total_changes() AS changes");
    const log = new LogSync(`${file}-wal`, () => Number(changes.get()!["changes"]));
    return { dialect: new DurableSqliteDialect({ database: shimmed(db) }), schema: sqliteSchema, log };
  } catch (cause) {
    db.close();
    throw cause;
  }
}

function pragma(db: DatabaseSync, name: string): unknown {
  const row = db.prepare(`PRAGMA ${name}`).get();
  return row === undefined ? undefined : Object.values(row)[0];
}

/** Marks an empty file as ours, and refuses a file that is somebody else's. */
function claim(db: DatabaseSync, file: string): void {
  const id = pragma(db, "application_id");
  if (id === APPLICATION_ID) return;
  const empty = db.prepare("SELECT 1 FROM sqlite_schema LIMIT 1").get() === undefined;
  if (id !== 0 || !empty)
    throw new StoreUnavailable("damaged", `store ${file}: it is another kind of database. Choose another file`);
  db.exec(`PRAGMA application_id = ${APPLICATION_ID}`);
}

/**
 * Asks for a write-ahead log that survives the process, and reads back whether we have it. Its way to the disk itself is ours
 * (`LogSync`): SQLite would stop this thread for every commit, and history is no promise: a node that loses its last
 * moments to a power cut hears them again from its peers.
 */
function makeDurable(db: DatabaseSync, file: string): void {
  db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA fullfsync = ON");
  const SYNCHRONOUS_NORMAL = 1;
  for (const [name, value] of Object.entries({ journal_mode: "wal", synchronous: SYNCHRONOUS_NORMAL })) {
    const actual = pragma(db, name);
    if (actual !== value)
      throw new StoreUnavailable(
        "unavailable",
        `store ${file}: SQLite runs with ${name} = ${String(actual)} where ${value} is needed. Move it to a local disk`,
      );
  }
}

/** SQLite can undo table definitions; Kysely's adapter says no, and would leave half a migration after a crash. */
class TransactionalSqliteAdapter extends SqliteAdapter {
  override get supportsTransactionalDdl(): boolean {
    return true;
  }
}

class DurableSqliteDialect extends SqliteDialect {
  override createAdapter(): SqliteAdapter {
    return new TransactionalSqliteAdapter();
  }
}

/** A `node:sqlite` database in the shape that Kysely's driver expects. Whole numbers come back as bigint. */
export function shimmed(db: DatabaseSync): SqliteDatabase {
  const ready = new Map<string, SqliteStatement>();
  const prepare = (sql: string): SqliteStatement => {
    const statement = db.prepare(sql);
    statement.setReadBigInts(true);
    return {
      // A statement that has columns gives rows: SELECT, PRAGMA, anything with RETURNING.
      reader: statement.columns().length > 0,
      all: (parameters) => statement.all(...parameters.map(bindable)),
      run: (parameters) => {
        // On a full disk SQLite rolls back by itself; a second time would hide why.
        if (sql === "rollback" && !db.isTransaction) return { changes: 0n, lastInsertRowid: 0n };
        return statement.run(...parameters.map(bindable));
      },
      iterate: (parameters) => statement.iterate(...parameters.map(bindable)),
    };
  };
  return {
    close: () => db.close(),
    prepare(sql) {
      const known = ready.get(sql);
      if (known !== undefined) return known;
      if (ready.size >= MAX_STATEMENTS) ready.delete(ready.keys().next().value!);
      const made = prepare(sql);
      ready.set(sql, made);
      return made;
    },
  };
}

/** A parameter as SQLite takes it: booleans are 0 and 1. */
function bindable(value: unknown): SQLInputValue {
  const exact = exactParameter(value);
  return typeof exact === "boolean" ? Number(exact) : exact;
}

const AUDIT_TRIGGERS = [
  "CREATE TRIGGER audit_log_no_update BEFORE UPDATE ON audit_log BEGIN SELECT RAISE(ABORT, 'the audit log only grows'); END",
  "CREATE TRIGGER audit_log_no_delete BEFORE DELETE ON audit_log BEGIN SELECT RAISE(ABORT, 'the audit log only grows'); END",
  // REPLACE deletes without asking the trigger above; this one sees it as a position that was there already.
  "CREATE TRIGGER audit_log_no_gap BEFORE INSERT ON audit_log WHEN NEW.position IS NOT (SELECT coalesce(max(position), 0) + 1 FROM audit_log) BEGIN SELECT RAISE(ABORT, 'audit positions have no gaps'); END",
];

export const sqliteSchema: SchemaDialect = {
  bytes: "blob",
  serial: { type: "integer", autoIncrement: true },
  async protectAuditLog(db) {
    for (const trigger of AUDIT_TRIGGERS) await sql.raw(trigger).execute(db);
  },
};
