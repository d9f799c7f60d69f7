/**
 * Schema 2: messages and their signatures, and events that make an edge of a key anew. Never edited once released. A check
 * cannot be widened where it stands, so the table of events is made again and its rows move.
 */
import { sql, type Kysely } from "kysely";
import type { Migration } from "kysely/migration";
import type { SchemaDialect } from "./dialect.ts";

// As in schema 1, the lists stand here so that this schema stays what it was when they grow.
const EVENT_TYPES = ["KEYGEN", "KEYREFRESH", "RESHARE", "SIGN", "PRESIGN", "REKEY"];
const EVENT_STATUSES = ["PENDING", "IN_PROGRESS", "SUCCESS", "FAILED", "EXPIRED"];
const MESSAGE_STATES = ["pending", "voting", "approved", "signing", "signed", "rejected", "failed", "expired"];
const HASHES = ["sha256", "sha256d", "keccak256"];

const oneOf = (column: string, values: readonly string[]) =>
  sql`${sql.ref(column)} in (${sql.join(values.map((value) => sql.lit(value)))})`;
const atLeast = (column: string, least: number) => sql`${sql.ref(column)} >= ${sql.lit(least)}`;
/** 32 bytes in hexadecimal. */
const isId = (column: string) => sql`length(${sql.ref(column)}) = 64`;

export const messages = (dialect: SchemaDialect): Migration => ({
  async up(db: Kysely<unknown>): Promise<void> {
    await makeMessages(db, dialect);
    await db.schema.dropIndex("events_by_age").execute();
    await db.schema.dropIndex("events_by_request").execute();
    // The reasons first: they refer to the events, wherever these go.
    await db.schema.alterTable("event_reasons").renameTo("event_reasons_1").execute();
    await db.schema.alterTable("events").renameTo("events_1").execute();
    await makeEvents(db, dialect);
    for (const [table, columns] of Object.entries(MOVED)) {
      const names = sql.join(columns.map((column) => sql.ref(column)));
      const old = sql.table(`${table}_1`);
      await sql`insert into ${sql.table(table)} (${names}) select ${names} from ${old}`.execute(db);
    }
    await db.schema.dropTable("event_reasons_1").execute();
    await db.schema.dropTable("events_1").execute();
  },
});

const EVENT_COLUMNS = ["id", "request_id", "type", "status", "attempt", "not_before", "height", "expiry_height"];

/** Every column of both tables; parents before their children. */
const MOVED = {
  events: [...EVENT_COLUMNS, "error", "result"],
  event_reasons: ["event_id", "number", "reason"],
};

async function makeMessages({ schema }: Kysely<unknown>, { bytes }: SchemaDialect): Promise<void> {
  await schema
    .createTable("messages")
    .addColumn("id", "text", (column) => column.primaryKey().references("requests.id"))
    .addColumn("key_id", "text", (column) => column.notNull().check(isId("key_id")))
    .addColumn("hash", "text", (column) => column.check(oneOf("hash", HASHES)))
    .addColumn("message", bytes, (column) => column.notNull())
    .addColumn("state", "text", (column) => column.notNull().check(oneOf("state", MESSAGE_STATES)))
    .addColumn("signature", bytes)
    .addColumn("public_key", bytes)
    .addColumn("created_at", "bigint", (column) => column.notNull().check(atLeast("created_at", 0)))
    .addColumn("signed_at", "bigint")
    .addColumn("reason", "text")
    .addCheckConstraint("messages_signature", sql`(signature is null) = (public_key is null)`)
    .execute();
  await schema.createIndex("messages_by_time").on("messages").columns(["created_at", "id"]).execute();
}

async function makeEvents({ schema }: Kysely<unknown>, { bytes }: SchemaDialect): Promise<void> {
  await schema
    .createTable("events")
    .addColumn("id", "text", (column) => column.primaryKey().check(isId("id")))
    .addColumn("request_id", "text", (column) => column.notNull().references("requests.id"))
    .addColumn("type", "text", (column) => column.notNull().check(oneOf("type", EVENT_TYPES)))
    .addColumn("status", "text", (column) => column.notNull().check(oneOf("status", EVENT_STATUSES)))
    .addColumn("attempt", "integer", (column) => column.notNull().check(atLeast("attempt", 0)))
    .addColumn("not_before", "bigint", (column) => column.notNull())
    .addColumn("height", "bigint", (column) => column.notNull().check(atLeast("height", 0)))
    .addColumn("expiry_height", "bigint")
    .addColumn("error", "text")
    .addColumn("result", bytes)
    .execute();
  await schema.createIndex("events_by_age").on("events").columns(["status", "height", "id"]).execute();
  await schema.createIndex("events_by_request").on("events").column("request_id").execute();
  await schema
    .createTable("event_reasons")
    .addColumn("event_id", "text", (column) => column.notNull().references("events.id"))
    .addColumn("number", "integer", (column) => column.notNull().check(atLeast("number", 1)))
    .addColumn("reason", "text", (column) => column.notNull())
    .addPrimaryKeyConstraint("event_reasons_key_2", ["event_id", "number"])
    .execute();
}
