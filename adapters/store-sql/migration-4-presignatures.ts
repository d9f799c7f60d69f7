/**
 * Schema 4: which attempt took a presignature, and how many nonces went with it. Never edited once released. No program wrote the
 * table before, so there are no rows that would have to be told apart.
 */
import { sql, type Kysely } from "kysely";
import type { Migration } from "kysely/migration";

const atLeast = (column: string, least: number) => sql`${sql.ref(column)} >= ${sql.lit(least)}`;

export const presignatures = (): Migration => ({
  async up({ schema }: Kysely<unknown>): Promise<void> {
    // A statement each: SQLite adds one column at a time.
    const table = () => schema.alterTable("presignature_usage");
    await table()
      .addColumn("revision", "integer", (column) => column.check(atLeast("revision", 1)))
      .execute();
    await table()
      .addColumn("attempt", "integer", (column) => column.check(atLeast("attempt", 0)))
      .execute();
    await table()
      .addColumn("nonces", "integer", (column) => column.notNull().defaultTo(0).check(atLeast("nonces", 0)))
      .execute();
  },
});
