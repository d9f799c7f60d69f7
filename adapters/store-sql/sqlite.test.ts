import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, it } from "node:test";
import { AssertionError } from "@conclave/bytes";
import { sampleEvent, sampleMessage, sampleRequest } from "@conclave/node/testing";
import {
  DummyDriver,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  sql,
  SqliteDialect,
  type CompiledQuery,
  type Dialect,
} from "kysely";
import type { SchemaDialect } from "./dialect.ts";
import { eventsOn } from "./events.ts";
import { messagesOn } from "./messages.ts";
import { migrate, migrationsFor } from "./migrations.ts";
import { presignaturesOn } from "./operations.ts";
import { requestsOn } from "./requests.ts";
import type { Schema } from "./schema.ts";
import { openSqlite, shimmed, sqliteSchema } from "./sqlite.ts";

interface Sample {
  sample: { id: number | bigint; body: Uint8Array | null; flag: boolean | number | bigint; note: string | null };
}

const withSample = (test: (db: Kysely<Sample>) => Promise<void>) => async () => {
  const db = new Kysely<Sample>({ dialect: new SqliteDialect({ database: shimmed(new DatabaseSync(":memory:")) }) });
  await sql`create table sample (id integer primary key, body blob, flag integer, note text)`.execute(db);
  await test(db);
  await db.destroy();
};

describe("node:sqlite under Kysely", () => {
  it(
    "returns the rows of a SELECT",
    withSample(async (db) => {
      await db
        .insertInto("sample")
        .values({ id: 1, body: Uint8Array.of(1, 2), flag: true, note: null })
        .execute();
      const rows = await db.selectFrom("sample").selectAll().execute();
      assert.deepEqual(
        rows.map(({ id, body, flag, note }) => ({ id, body, flag, note })),
        [{ id: 1n, body: Uint8Array.of(1, 2), flag: 1n, note: null }],
      );
    }),
  );

  it(
    "returns the rows of RETURNING, of WITH and of a pragma",
    withSample(async (db) => {
      const row = { id: 7, body: null, flag: false, note: "x" };
      const { id } = await db.insertInto("sample").values(row).returning("id").executeTakeFirstOrThrow();
      assert.equal(id, 7n);
      const updated = await db.updateTable("sample").set({ note: "y" }).returning(["id", "note"]).execute();
      assert.deepEqual({ ...updated[0] }, { id: 7n, note: "y" });
      const common = await db
        .with("seven", (query) => query.selectFrom("sample").selectAll().where("id", "=", 7))
        .selectFrom("seven")
        .select("note")
        .execute();
      assert.equal(common[0]?.note, "y");
      const { rows } = await sql<{ name: string }>`pragma table_info(sample)`.execute(db);
      assert.deepEqual(
        rows.map(({ name }) => name),
        ["id", "body", "flag", "note"],
      );
      assert.equal((await db.deleteFrom("sample").returning("id").execute()).length, 1);
    }),
  );

  it(
    "streams the rows of a SELECT",
    withSample(async (db) => {
      for (const id of [1, 2, 3])
        await db.insertInto("sample").values({ id, body: null, flag: true, note: null }).execute();
      const seen: bigint[] = [];
      for await (const row of db.selectFrom("sample").select("id").where("id", ">", 1).stream())
        seen.push(BigInt(row.id));
      assert.deepEqual(seen, [2n, 3n]);
    }),
  );

  it(
    "counts what a statement changed",
    withSample(async (db) => {
      const row = { body: null, flag: true, note: null };
      const first = await db
        .insertInto("sample")
        .values([
          { id: 1, ...row },
          { id: 2, ...row },
        ])
        .executeTakeFirstOrThrow();
      assert.equal(first.numInsertedOrUpdatedRows, 2n);
      const nothing = await db
        .insertInto("sample")
        .values({ id: 1, ...row })
        .onConflict((conflict) => conflict.doNothing())
        .executeTakeFirstOrThrow();
      assert.equal(nothing.numInsertedOrUpdatedRows, 0n);
      const { numUpdatedRows } = await db
        .updateTable("sample")
        .set({ note: "z" })
        .where("id", "=", 2)
        .executeTakeFirstOrThrow();
      assert.equal(numUpdatedRows, 1n);
    }),
  );

  it(
    "keeps whole numbers beyond 2^53 exact",
    withSample(async (db) => {
      await db
        .insertInto("sample")
        .values({ id: 2n ** 62n + 1n, body: null, flag: true, note: null })
        .execute();
      const [row] = await db.selectFrom("sample").select("id").execute();
      assert.equal(row?.id, 2n ** 62n + 1n);
    }),
  );

  it(
    "refuses parameters that have no exact column type",
    withSample(async (db) => {
      for (const [type, note] of Object.entries({
        fraction: 1.5,
        nothing: Number.NaN,
        rounded: 2 ** 60,
        object: { a: 1 },
        date: new Date(0),
        absent: undefined,
      }))
        await assert.rejects(
          db
            .selectFrom("sample")
            .selectAll()
            .where("note", "=", note as unknown as string)
            .execute(),
          AssertionError,
          type,
        );
    }),
  );
});

const withFile = (test: (file: string) => Promise<void>) => async () => {
  const folder = mkdtempSync(join(tmpdir(), "conclave-store-"));
  try {
    await test(join(folder, "history.db"));
  } finally {
    rmSync(folder, { recursive: true });
  }
};

describe("the SQLite file", () => {
  it(
    "is opened durable, locked and with foreign keys, read back from SQLite",
    withFile(async (file) => {
      const db = new Kysely<object>({ dialect: openSqlite(file).dialect });
      const pragma = async (name: string) =>
        Object.values((await sql.raw(`pragma ${name}`).execute(db)).rows[0] ?? {})[0];
      assert.equal(await pragma("journal_mode"), "wal");
      assert.equal(await pragma("synchronous"), 1n);
      assert.equal(await pragma("locking_mode"), "exclusive");
      assert.equal(await pragma("foreign_keys"), 1n);
      await db.destroy();
    }),
  );

  it(
    "holds nothing of a migration that failed half-way",
    withFile(async (file) => {
      const { dialect, schema } = openSqlite(file);
      const db = new Kysely<object>({ dialect });
      const failing = {
        ...migrationsFor(schema),
        "0009-fails": {
          async up(db: Kysely<unknown>) {
            await db.schema.createTable("second").addColumn("a", "integer").execute();
            throw new Error("no second schema today");
          },
        },
      };
      await assert.rejects(migrate(db, failing, file), /no second schema today/);
      const tables = await db.introspection.getTables();
      assert.deepEqual(tables, []);
      await migrate(db, migrationsFor(schema), file);
      await migrate(db, migrationsFor(schema), file);
      assert((await db.introspection.getTables()).some(({ name }) => name === "audit_log"));
      await db.destroy();
    }),
  );
});

describe("schema 2", () => {
  it(
    "takes over the events of schema 1 with their reasons, and takes in what schema 1 refused",
    withFile(async (file) => {
      const { dialect, schema } = openSqlite(file);
      const db = new Kysely<Schema>({ dialect });
      const { "0001-history": first } = migrationsFor(schema);
      assert(first !== undefined);
      await migrate(db, { "0001-history": first }, file);
      const [requests, events] = [requestsOn(db), eventsOn(db)];
      await requests.insert(sampleRequest(1));
      const old = sampleEvent(1, { status: "FAILED", error: "gave up", reasons: ["one", "two"] });
      await events.insert(old);
      await events.insert(sampleEvent(2, { status: "SUCCESS", result: Uint8Array.of(1, 2) }));
      await assert.rejects(events.insert(sampleEvent(3, { type: "REKEY" })), /CHECK constraint/);

      await migrate(db, migrationsFor(schema), file);
      assert.deepEqual(await events.get(old.id), old);
      assert.deepEqual((await events.get(sampleEvent(2).id))?.result, Uint8Array.of(1, 2));
      assert.equal(await events.insert(sampleEvent(3, { type: "REKEY" })), "saved");
      await messagesOn(db).upsert(sampleMessage(1));
      await assert.rejects(events.insert(sampleEvent(4, { request: sampleRequest(9).id })), /FOREIGN KEY/);
      await assert.rejects(db.deleteFrom("events").where("id", "=", old.id).execute(), /FOREIGN KEY/);
      await db.destroy();
    }),
  );
});

describe("schema 4", () => {
  it(
    "takes in what schema 3 had no columns for, and no number that nothing can have",
    withFile(async (file) => {
      const { dialect, schema } = openSqlite(file);
      const db = new Kysely<Schema>({ dialect });
      const { "0004-presignatures": fourth, "0005-paid-by": _, ...before } = migrationsFor(schema);
      assert(fourth !== undefined);
      await migrate(db, before, file);
      await migrate(db, migrationsFor(schema), file);
      const uses = presignaturesOn(db);
      const used = {
        presignature: "1".repeat(64),
        key: "2".repeat(64),
        request: sampleRequest(1).id,
        revision: 1,
        attempt: 0,
        end: "used",
        nonces: 1,
        usedAtMs: 3,
      } as const;
      for (const wrong of [{ revision: 0 }, { attempt: -1 }, { nonces: -1 }])
        await assert.rejects(uses.insert({ ...used, ...wrong }), /CHECK constraint/);
      assert.equal(await uses.insert(used), "saved");
      assert.deepEqual(await uses.get(used.presignature), used);
      await db.destroy();
    }),
  );
});

describe("the migrations", () => {
  /** Compiles for PostgreSQL and runs nothing. */
  const statements: string[] = [];
  const postgres: Dialect = {
    createAdapter: () => new PostgresAdapter(),
    createDriver: () => new DummyDriver(),
    createIntrospector: (db) => new PostgresIntrospector(db),
    createQueryCompiler: () => new PostgresQueryCompiler(),
  };
  const postgresSchema: SchemaDialect = {
    bytes: "bytea",
    serial: { type: "bigserial", autoIncrement: false },
    async protectAuditLog() {
      statements.push("protected");
    },
  };

  it("say nothing to PostgreSQL that only SQLite understands", async () => {
    const record = ({ query }: { readonly query: CompiledQuery }): void => {
      statements.push(query.sql);
    };
    const db = new Kysely<unknown>({ dialect: postgres, log: record });
    for (const migration of Object.values(migrationsFor(postgresSchema))) await migration.up(db);
    assert(statements.length > 12 && statements.includes("protected"));
    for (const statement of statements)
      assert.doesNotMatch(statement, /blob|autoincrement|pragma|strict|without rowid|or replace|\?/i);
    await db.destroy();
  });

  it("name every place where the dialects differ", () => {
    assert.deepEqual(Object.keys(postgresSchema), Object.keys(sqliteSchema));
  });
});
