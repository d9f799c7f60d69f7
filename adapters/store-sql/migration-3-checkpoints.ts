/** Schema 3: signed checkpoints of audit logs, and document 004's record of presignatures. Never edited once released. */
import { sql, type Kysely } from "kysely";
import type { Migration } from "kysely/migration";
import type { SchemaDialect } from "./dialect.ts";

// As in the schemas before, the list stands here so that this schema stays what it was when it grows.
const PRESIGNATURE_ENDS = ["used", "burnt"];

const atLeast = (column: string, least: number) => sql`${sql.ref(column)} >= ${sql.lit(least)}`;
/** 32 bytes in hexadecimal. */
const isId = (column: string) => sql`length(${sql.ref(column)}) = 64`;

export const checkpoints = ({ bytes }: SchemaDialect): Migration => ({
  async up({ schema }: Kysely<unknown>): Promise<void> {
    await schema
      .createTable("audit_checkpoints")
      .addColumn("node_id", "text", (column) => column.notNull().check(isId("node_id")))
      .addColumn("position", "bigint", (column) => column.notNull().check(atLeast("position", 1)))
      .addColumn("hash", "text", (column) => column.notNull().check(isId("hash")))
      .addColumn("at", "bigint", (column) => column.notNull().check(atLeast("at", 0)))
      .addColumn("signer", "text", (column) => column.notNull().check(isId("signer")))
      // An Ed25519 signature has 64 bytes.
      .addColumn("signature", bytes, (column) => column.notNull().check(sql`length(signature) = 64`))
      .addPrimaryKeyConstraint("audit_checkpoints_key", ["node_id", "position", "signer"])
      .execute();
    await schema
      .createTable("presignature_usage")
      .addColumn("presignature_id", "text", (column) => column.primaryKey().check(isId("presignature_id")))
      .addColumn("key_id", "text", (column) => column.notNull().check(isId("key_id")))
      .addColumn("request_id", "text", (column) => column.check(isId("request_id")))
      .addColumn("outcome", "text", (column) =>
        column.notNull().check(sql`outcome in (${sql.join(PRESIGNATURE_ENDS.map((end) => sql.lit(end)))})`),
      )
      .addColumn("used_at", "bigint", (column) => column.notNull().check(atLeast("used_at", 0)))
      .execute();
    await schema.createIndex("presignature_usage_by_time").on("presignature_usage").column("used_at").execute();
  },
});
