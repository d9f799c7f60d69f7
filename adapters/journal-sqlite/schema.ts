/** What is in the file: one table that only grows, and a header that says which version of it. */
import type { DatabaseSync } from "node:sqlite";
import { transcript } from "@conclave/bytes";
import { JournalUnavailable } from "@conclave/custody";
import { damaged } from "./failures.ts";

/** "CNCJ": SQLite's application id of our journals. */
const APPLICATION_ID = 0x434e_434a;

/** Raised with every change of the schema; a file with a higher one was written by a newer program. */
const SCHEMA_VERSION = 1;

/** `previous` of the first record. */
export const GENESIS_HASH = new Uint8Array(32);

/** The hash that stands beside a record: over its position, its bytes, and the hash before it. */
export const chainHash = (previous: Uint8Array, position: number, record: Uint8Array): Uint8Array =>
  transcript("journal-sqlite/record", { previous, position, record });

/** Names and definitions, exactly as `sqlite_schema` gives them back: a dropped trigger is noticed. */
const OBJECTS: readonly (readonly [name: string, sql: string])[] = [
  [
    "journal",
    "CREATE TABLE journal (position INTEGER PRIMARY KEY, record BLOB NOT NULL, hash BLOB NOT NULL CHECK (length(hash) = 32)) STRICT",
  ],
  [
    "journal_no_delete",
    "CREATE TRIGGER journal_no_delete BEFORE DELETE ON journal BEGIN SELECT RAISE(ABORT, 'the journal only grows'); END",
  ],
  [
    "journal_no_gap",
    // REPLACE deletes without asking the trigger above; this one sees it as a position that was there already.
    "CREATE TRIGGER journal_no_gap BEFORE INSERT ON journal WHEN NEW.position IS NOT (SELECT coalesce(max(position), 0) + 1 FROM journal) BEGIN SELECT RAISE(ABORT, 'positions have no gaps'); END",
  ],
  [
    "journal_no_update",
    "CREATE TRIGGER journal_no_update BEFORE UPDATE ON journal BEGIN SELECT RAISE(ABORT, 'the journal only grows'); END",
  ],
];

/** Makes an empty database a journal, in one transaction. */
export function createSchema(db: DatabaseSync): void {
  const statements = OBJECTS.map(([, sql]) => `${sql};`).join("\n");
  db.exec(
    `BEGIN; ${statements} PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${SCHEMA_VERSION}; COMMIT`,
  );
}

/** One number, text or nothing: the value of a pragma. */
export function pragma(db: DatabaseSync, name: string): unknown {
  const row = db.prepare(`PRAGMA ${name}`).get();
  return row === undefined ? undefined : Object.values(row)[0];
}

/** Throws `JournalUnavailable` unless the file is a journal of this version. Changes nothing. */
export function checkSchema(db: DatabaseSync, file: string): void {
  if (pragma(db, "application_id") !== APPLICATION_ID) throw damaged(file, 0, "it is not a journal");
  const version = pragma(db, "user_version");
  if (typeof version === "number" && version > SCHEMA_VERSION)
    throw new JournalUnavailable(
      `journal ${file}: format ${version} is newer than this program's ${SCHEMA_VERSION}. Start the newer program again`,
    );
  if (version !== SCHEMA_VERSION) throw damaged(file, 0, `unknown format ${String(version)}`);
  const found = db.prepare("SELECT name, sql FROM sqlite_schema ORDER BY name").all();
  const same =
    found.length === OBJECTS.length &&
    OBJECTS.every(([name, sql], i) => found[i]?.["name"] === name && found[i]["sql"] === sql);
  if (!same) throw damaged(file, 0, "its table or triggers were changed");
}
