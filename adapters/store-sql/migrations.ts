/** Brings a database to this program's schema, all of it or nothing, and refuses one that is ahead. */
import { StoreUnavailable } from "@conclave/node";
import { sql, type Kysely } from "kysely";
import { DEFAULT_MIGRATION_TABLE, Migrator, type Migration } from "kysely/migration";
import type { SchemaDialect } from "./dialect.ts";
import { history } from "./migration-1-history.ts";
import { messages } from "./migration-2-messages.ts";
import { checkpoints } from "./migration-3-checkpoints.ts";
import { presignatures } from "./migration-4-presignatures.ts";
import { paidBy } from "./migration-5-paid-by.ts";

/** Migrations by name. A name begins with the version it leads to, in four digits, so that names sort by it. */
export const migrationsFor = (dialect: SchemaDialect): Readonly<Record<string, Migration>> => ({
  "0001-history": history(dialect),
  "0002-messages": messages(dialect),
  "0003-checkpoints": checkpoints(dialect),
  "0004-presignatures": presignatures(),
  "0005-paid-by": paidBy(),
});

const versionOf = (name: string): number => Number.parseInt(name, 10) || 0;

const newest = (names: readonly string[]): number => Math.max(0, ...names.map(versionOf));

/**
 * Throws `StoreUnavailable` "newer" with both versions, before anything is written, or what the database threw. `schema` names
 * the one that is meant, in a database that has many.
 */
export async function migrate<Schema>(
  db: Kysely<Schema>,
  migrations: Readonly<Record<string, Migration>>,
  where: string,
  schema?: string,
): Promise<void> {
  const known = newest(Object.keys(migrations));
  const found = newest(await appliedTo(db, schema));
  if (found > known)
    throw new StoreUnavailable(
      "newer",
      `store ${where}: schema ${found} is newer than this program's ${known}. Start the newer program again`,
    );
  const provider = { getMigrations: async () => ({ ...migrations }) };
  const inSchema = schema === undefined ? {} : { migrationTableSchema: schema };
  const { error } = await new Migrator({ db, provider, ...inSchema }).migrateToLatest();
  if (error !== undefined) throw error;
}

/** Names of the migrations that this database went through. */
async function appliedTo<Schema>(db: Kysely<Schema>, schema: string | undefined): Promise<readonly string[]> {
  const tables = await db.introspection.getTables({ withInternalKyselyTables: true });
  const isIts = (table: { readonly name: string; readonly schema?: string | undefined }): boolean =>
    table.name === DEFAULT_MIGRATION_TABLE && (schema === undefined || table.schema === schema);
  if (!tables.some(isIts)) return [];
  const { rows } = await sql<{ name: string }>`select name from ${sql.table(DEFAULT_MIGRATION_TABLE)}`.execute(db);
  return rows.map(({ name }) => name);
}
