/** A file of its own for one process: SQLite, whose one connection does one thing after another. */
import { Kysely } from "kysely";
import type { Database } from "./dialect.ts";
import { unavailable } from "./failures.ts";
import { migrate, migrationsFor } from "./migrations.ts";
import { preparePrivateFile } from "./private-file.ts";
import type { Schema } from "./schema.ts";
import { openSqlite, sqliteSchema } from "./sqlite.ts";

/** Opens the file, and brings its tables to this program's schema. Throws `StoreUnavailable`. */
export async function openSqliteDatabase(file: string): Promise<Database> {
  try {
    preparePrivateFile(file);
    return await migrated(file);
  } catch (cause) {
    throw unavailable(file, cause);
  }
}

async function migrated(file: string): Promise<Database> {
  const { dialect, log } = openSqlite(file);
  const db = new Kysely<Schema>({ dialect });
  try {
    await migrate(db, migrationsFor(sqliteSchema), file);
  } catch (cause) {
    await db.destroy();
    throw cause;
  }
  // What a method writes reaches the log by itself, and the disk a moment later.
  const andSoon = async <T>(work: Promise<T>): Promise<T> => {
    const outcome = await work;
    log.soon();
    return outcome;
  };
  return {
    read: (work) => work(db),
    write: (work) => andSoon(work(db)),
    transaction: (work) => andSoon(db.transaction().execute(work)),
    durable: () => log.now(),
    async close() {
      await log.now();
      await db.destroy();
      await log.close();
    },
    unavailable: (cause) => unavailable(file, cause),
  };
}
