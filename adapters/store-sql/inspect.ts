/** A node's history from outside, while its node is stopped: whether it is whole, and for which program. Changes nothing. */
import { resolve } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { StoreUnavailable } from "@conclave/node";
import { DEFAULT_MIGRATION_TABLE } from "kysely/migration";
import { migrationsFor } from "./migrations.ts";
import { sqliteSchema } from "./sqlite.ts";

export interface StoreInspection {
  /** Version of the tables that are there; 0 for an empty database. */
  readonly schema: number;
  /** The newest version that this program knows. Older tables are brought to it at the next start. */
  readonly known: number;
  /** What SQLite finds wrong with the file; nothing if it is whole. */
  readonly damage: readonly string[];
}

/** Of many faults, so many are told: the first one decides what to do. */
const MAX_DAMAGE_TOLD = 5;

/** Throws `StoreUnavailable` for a file that cannot be read, is no database, or is in use. */
export function inspectStore(path: string): StoreInspection {
  const file = resolve(path);
  try {
    const db = new DatabaseSync(file, { timeout: 0, readOnly: true, defensive: true });
    try {
      return { schema: schemaOf(db), known: newest(Object.keys(migrationsFor(sqliteSchema))), damage: damageOf(db) };
    } finally {
      db.close();
    }
  } catch (cause) {
    if (!(cause instanceof Error)) throw cause;
    throw new StoreUnavailable("unavailable", `store ${file} cannot be looked into: ${cause.message}`, { cause });
  }
}

function schemaOf(db: DatabaseSync): number {
  const table = db
    .prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?")
    .get(DEFAULT_MIGRATION_TABLE);
  if (table === undefined) return 0;
  const rows = db.prepare(`SELECT name FROM ${DEFAULT_MIGRATION_TABLE}`).all();
  return newest(rows.map(({ name }) => String(name)));
}

function damageOf(db: DatabaseSync): readonly string[] {
  const found = db
    .prepare(`PRAGMA integrity_check(${MAX_DAMAGE_TOLD})`)
    .all()
    .map((row) => String(Object.values(row)[0]));
  return found.length === 1 && found[0] === "ok" ? [] : found;
}

/** A migration's name begins with the version that it leads to. */
const newest = (names: readonly string[]): number =>
  Math.max(0, ...names.map((name) => Number.parseInt(name, 10) || 0));
