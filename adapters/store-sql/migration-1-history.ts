/** Schema 1: the tables of document 004, and those for requests, events and addresses. Never edited once released. */
import { sql, type ColumnDefinitionBuilder, type Kysely, type RawBuilder } from "kysely";
import type { Migration } from "kysely/migration";
import type { SchemaDialect } from "./dialect.ts";

// The lists stand here and not in the port's constants, so that this schema stays what it was when they grow.
const OUTCOMES = ["approved", "rejected", "expired", "superseded"];
const EVENT_TYPES = ["KEYGEN", "KEYREFRESH", "RESHARE", "SIGN", "PRESIGN"];
const EVENT_STATUSES = ["PENDING", "IN_PROGRESS", "SUCCESS", "FAILED", "EXPIRED"];
const TRANSACTION_STATES =
  "pending voting approved rejected signing signed broadcasting confirmed failed unresolved aborted_byzantine aborted_timeout replaced".split(
    " ",
  );
const VIOLATIONS = ["DoubleVote", "InvalidSignature", "MinorityVote", "Timeout", "Equivocation", "ProtocolFault"];
const NODE_STATUSES = ["online", "offline", "banned", "sealed"];

/** 21 million bitcoin in satoshis. */
const MAX_SATS = 2_100_000_000_000_000;

const oneOf = (column: string, values: readonly string[]): RawBuilder<unknown> =>
  sql`${sql.ref(column)} in (${sql.join(values.map((value) => sql.lit(value)))})`;
const between = (column: string, least: number, most: number): RawBuilder<unknown> =>
  sql`${sql.ref(column)} between ${sql.lit(least)} and ${sql.lit(most)}`;
const atLeast = (column: string, least: number): RawBuilder<unknown> => sql`${sql.ref(column)} >= ${sql.lit(least)}`;
/** 32 bytes in hexadecimal. */
const isId = (column: string): RawBuilder<unknown> => sql`length(${sql.ref(column)}) = 64`;

type Column = ColumnDefinitionBuilder;
const required = (column: Column): Column => column.notNull();
const request = (column: Column): Column => column.notNull().references("requests.id");

export const history = (dialect: SchemaDialect): Migration => ({
  async up(db: Kysely<unknown>): Promise<void> {
    await requests(db, dialect);
    await votes(db, dialect);
    await events(db, dialect);
    await transactions(db, dialect);
    await operations(db, dialect);
    await auditLog(db, dialect);
  },
});

async function requests({ schema }: Kysely<unknown>, { bytes }: SchemaDialect): Promise<void> {
  await schema
    .createTable("requests")
    .addColumn("id", "text", (column) => column.primaryKey().check(isId("id")))
    .addColumn("kind", "text", required)
    .addColumn("body", bytes, required)
    .addColumn("idempotency_key", "text", (column) => column.unique())
    .addColumn("origin", "text", required)
    .addColumn("created_at", "bigint", (column) => column.notNull().check(atLeast("created_at", 0)))
    .addColumn("height", "bigint", (column) => column.notNull().check(atLeast("height", 0)))
    .addColumn("expires_at", "bigint", required)
    .execute();
  await schema.createIndex("requests_by_time").on("requests").columns(["created_at", "id"]).execute();
  await schema
    .createTable("revisions")
    .addColumn("request_id", "text", request)
    .addColumn("number", "integer", (column) => column.notNull().check(atLeast("number", 1)))
    .addColumn("digest", "text", (column) => column.notNull().check(isId("digest")))
    .addColumn("body", bytes, required)
    .addPrimaryKeyConstraint("revisions_key", ["request_id", "number"])
    .execute();
}

async function votes({ schema }: Kysely<unknown>, { bytes, serial }: SchemaDialect): Promise<void> {
  await schema
    .createTable("voting_rounds")
    .addColumn("id", serial.type, (column) => counted(column, serial))
    .addColumn("request_id", "text", request)
    .addColumn("revision", "integer", (column) => column.notNull().check(atLeast("revision", 1)))
    .addColumn("round", "integer", (column) => column.notNull().check(atLeast("round", 1)))
    .addColumn("opened_at", "bigint", required)
    .addColumn("closed_at", "bigint")
    .addColumn("outcome", "text", (column) => column.check(oneOf("outcome", OUTCOMES)))
    .addUniqueConstraint("voting_rounds_key", ["request_id", "revision", "round"])
    .addCheckConstraint("voting_rounds_end", sql`(closed_at is null) = (outcome is null)`)
    .execute();
  await schema
    .createTable("votes")
    .addColumn("id", serial.type, (column) => counted(column, serial))
    .addColumn("round_id", "bigint", (column) => column.notNull().references("voting_rounds.id"))
    .addColumn("node_id", "text", (column) => column.notNull().check(isId("node_id")))
    .addColumn("ordinal", "integer", (column) => column.notNull().check(between("ordinal", 1, 2)))
    .addColumn("approve", "boolean", required)
    .addColumn("signed_vote", bytes, required)
    .addColumn("received_at", "bigint", required)
    .addUniqueConstraint("votes_key", ["round_id", "node_id", "ordinal"])
    .execute();
}

async function events({ schema }: Kysely<unknown>, { bytes }: SchemaDialect): Promise<void> {
  await schema
    .createTable("events")
    .addColumn("id", "text", (column) => column.primaryKey().check(isId("id")))
    .addColumn("request_id", "text", request)
    .addColumn("type", "text", (column) => column.notNull().check(oneOf("type", EVENT_TYPES)))
    .addColumn("status", "text", (column) => column.notNull().check(oneOf("status", EVENT_STATUSES)))
    .addColumn("attempt", "integer", (column) => column.notNull().check(atLeast("attempt", 0)))
    .addColumn("not_before", "bigint", required)
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
    .addColumn("reason", "text", required)
    .addPrimaryKeyConstraint("event_reasons_key", ["event_id", "number"])
    .execute();
}

async function transactions({ schema }: Kysely<unknown>, { bytes, serial }: SchemaDialect): Promise<void> {
  await schema
    .createTable("transactions")
    .addColumn("id", serial.type, (column) => counted(column, serial))
    .addColumn("txid", "text", (column) => column.notNull().unique().references("requests.id"))
    .addColumn("state", "text", (column) => column.notNull().check(oneOf("state", TRANSACTION_STATES)))
    .addColumn("unsigned_tx", bytes)
    .addColumn("signed_tx", bytes)
    .addColumn("recipient", "text", required)
    .addColumn("amount_sats", "bigint", (column) => column.notNull().check(between("amount_sats", 0, MAX_SATS)))
    .addColumn("fee_sats", "bigint", (column) => column.check(between("fee_sats", 0, MAX_SATS)))
    .addColumn("metadata", "text")
    .addColumn("created_at", "bigint", (column) => column.notNull().check(atLeast("created_at", 0)))
    .addColumn("confirmed_at", "bigint")
    .addColumn("bitcoin_txid", "text", (column) => column.check(isId("bitcoin_txid")))
    .addColumn("confirmations", "integer", (column) => column.notNull().check(atLeast("confirmations", 0)))
    .addColumn("reason", "text")
    .execute();
  await schema.createIndex("transactions_by_time").on("transactions").columns(["created_at", "txid"]).execute();
}

async function operations({ schema }: Kysely<unknown>, { bytes, serial }: SchemaDialect): Promise<void> {
  await schema
    .createTable("byzantine_violations")
    .addColumn("id", serial.type, (column) => counted(column, serial))
    .addColumn("node_id", "text", (column) => column.notNull().check(isId("node_id")))
    .addColumn("violation_type", "text", (column) => column.notNull().check(oneOf("violation_type", VIOLATIONS)))
    .addColumn("tx_id", "text", (column) => column.check(isId("tx_id")))
    .addColumn("evidence", bytes)
    .addColumn("detected_at", "bigint", required)
    .addColumn("action_taken", "text", required)
    .execute();
  await schema.createIndex("violations_by_node").on("byzantine_violations").columns(["node_id", "id"]).execute();
  await schema
    .createTable("node_status")
    .addColumn("node_id", "text", (column) => column.primaryKey().check(isId("node_id")))
    .addColumn("last_seen", "bigint", required)
    .addColumn("status", "text", (column) => column.notNull().check(oneOf("status", NODE_STATUSES)))
    .addColumn("detail", "text")
    .execute();
  await schema
    .createTable("wallet_addresses")
    .addColumn("wallet", "text", required)
    .addColumn("branch", "integer", (column) => column.notNull().check(between("branch", 0, 1)))
    .addColumn("next_index", "bigint", (column) => column.notNull().check(between("next_index", 0, 2 ** 31)))
    .addPrimaryKeyConstraint("wallet_addresses_key", ["wallet", "branch"])
    .execute();
}

async function auditLog(db: Kysely<unknown>, dialect: SchemaDialect): Promise<void> {
  await db.schema
    .createTable("audit_log")
    .addColumn("position", "bigint", (column) => column.primaryKey().check(atLeast("position", 1)))
    .addColumn("at", "bigint", required)
    .addColumn("actor", "text", required)
    .addColumn("action", "text", required)
    .addColumn("subject", "text", required)
    .addColumn("detail", "text", required)
    .addColumn("previous_hash", "text", (column) => column.notNull().check(isId("previous_hash")))
    .addColumn("hash", "text", (column) => column.notNull().check(isId("hash")))
    .execute();
  await dialect.protectAuditLog(db);
}

function counted(column: Column, { autoIncrement }: SchemaDialect["serial"]): Column {
  return autoIncrement ? column.primaryKey().autoIncrement() : column.primaryKey();
}
