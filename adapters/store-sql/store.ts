/** The node's history in a SQL database: SQLite in a file of its own, or a schema of a PostgreSQL server. */
import { resolve } from "node:path";
import { StoreUnavailable, type Store, type StoreTables } from "@conclave/node";
import type { Kysely } from "kysely";
import { auditOn } from "./audit.ts";
import type { Database } from "./dialect.ts";
import { eventsOn } from "./events.ts";
import { messagesOn } from "./messages.ts";
import { migrate, migrationsFor } from "./migrations.ts";
import { addressesOn, nodesOn, presignaturesOn, violationsOn } from "./operations.ts";
import type { PostgresOptions } from "./postgres/database.ts";
import { requestsOn } from "./requests.ts";
import type { Schema } from "./schema.ts";
import { transactionsOn } from "./transactions.ts";
import { votesOn } from "./votes.ts";

export type StoreOptions =
  | {
      /** The database file, in a folder that only this account can enter (both are made if absent). */
      readonly file: string;
    }
  | { readonly postgres: PostgresOptions };

/** Opens the store, and brings its tables to this program's schema. Throws `StoreUnavailable`. */
export async function openStore(options: StoreOptions): Promise<Store> {
  if ("postgres" in options) return openOnPostgres(options.postgres);
  const file = resolve(options.file);
  const { openSqliteDatabase } = await import("./sqlite-database.ts");
  return new SqlStore(await openSqliteDatabase(file), file);
}

/** Whoever keeps history in a file never loads the driver of PostgreSQL. */
async function openOnPostgres(options: PostgresOptions): Promise<Store> {
  const { describePostgres, openPostgres } = await import("./postgres/database.ts");
  const { postgresSchema } = await import("./postgres/schema-dialect.ts");
  const where = describePostgres(options);
  const database = await openPostgres(options, (db, schema) =>
    migrate(db, migrationsFor(postgresSchema), where, schema),
  );
  return new SqlStore(database, where);
}

const TABLES: {
  readonly [Name in keyof StoreTables]: (db: Kysely<Schema>) => StoreTables[Name];
} = {
  requests: requestsOn,
  votes: votesOn,
  events: eventsOn,
  transactions: transactionsOn,
  messages: messagesOn,
  presignatures: presignaturesOn,
  violations: violationsOn,
  nodes: nodesOn,
  addresses: addressesOn,
  audit: auditOn,
};

/** Methods that change nothing. Any other is taken for one that does. */
const READERS: { readonly [Name in keyof StoreTables]: readonly (keyof StoreTables[Name])[] } = {
  requests: ["get", "byIdempotencyKey", "list", "revision", "revisions"],
  votes: ["round", "rounds", "list"],
  events: ["get", "ofRequest", "list"],
  transactions: ["get", "byBitcoinTxid", "list"],
  messages: ["get", "list"],
  presignatures: ["get"],
  violations: ["list"],
  nodes: ["get", "list"],
  addresses: ["next"],
  audit: ["list", "head", "verify", "checkpoints", "lastCheckpoint"],
};

const NAMES = Object.keys(TABLES) as readonly (keyof StoreTables)[];

type Method = (...values: readonly unknown[]) => Promise<unknown>;
type Methods = Readonly<Record<string, Method>>;

class SqlStore implements Store {
  readonly requests: StoreTables["requests"];
  readonly votes: StoreTables["votes"];
  readonly events: StoreTables["events"];
  readonly transactions: StoreTables["transactions"];
  readonly messages: StoreTables["messages"];
  readonly presignatures: StoreTables["presignatures"];
  readonly violations: StoreTables["violations"];
  readonly nodes: StoreTables["nodes"];
  readonly addresses: StoreTables["addresses"];
  readonly audit: StoreTables["audit"];
  readonly #database: Database;
  readonly #where: string;
  #closed = false;

  constructor(database: Database, where: string) {
    this.#database = database;
    this.#where = where;
    this.requests = this.#outside("requests");
    this.votes = this.#outside("votes");
    this.events = this.#outside("events");
    this.transactions = this.#outside("transactions");
    this.messages = this.#outside("messages");
    this.presignatures = this.#outside("presignatures");
    this.violations = this.#outside("violations");
    this.nodes = this.#outside("nodes");
    this.addresses = this.#outside("addresses");
    this.audit = this.#outside("audit");
  }

  async transaction<T>(work: (tables: StoreTables) => Promise<T>): Promise<T> {
    // An error of the caller's own goes back to the caller as it is, whatever it looks like.
    let failure: { readonly error: unknown } | undefined;
    const attempt = async (trx: Kysely<Schema>): Promise<T> => {
      failure = undefined;
      try {
        return await work(this.#inside(trx));
      } catch (error) {
        failure = { error };
        throw error;
      }
    };
    try {
      return await this.#guard(() => this.#database.transaction(attempt));
    } catch (cause) {
      throw failure === undefined ? cause : failure.error;
    }
  }

  durable(): Promise<void> {
    return this.#guard(() => this.#database.durable());
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    try {
      await this.#database.close();
    } catch (cause) {
      throw this.#database.unavailable(cause);
    }
  }

  /** Runs one piece of work, with the database's errors as the port's. */
  async #guard<T>(work: () => Promise<T>): Promise<T> {
    if (this.#closed) throw new StoreUnavailable("unavailable", `store ${this.#where}: it is closed`);
    try {
      return await work();
    } catch (cause) {
      throw this.#database.unavailable(cause);
    }
  }

  /** A table whose every method is a piece of work of its own. */
  #outside<Name extends keyof StoreTables>(name: Name): StoreTables[Name] {
    const database = this.#database;
    const on = (db: Kysely<Schema>): Methods => methodsOf(TABLES[name](db));
    // Made once with no database behind them, for their names.
    const entries = Object.keys(on(undefined as unknown as Kysely<Schema>)).map((method): [string, Method] => {
      const reads = (READERS[name] as readonly string[]).includes(method);
      const run = (db: Kysely<Schema>, values: readonly unknown[]) => on(db)[method]!(...values);
      return [
        method,
        (...values) =>
          this.#guard(() => (reads ? database.read((db) => run(db, values)) : database.write((db) => run(db, values)))),
      ];
    });
    return Object.fromEntries(entries) as unknown as StoreTables[Name];
  }

  /** Every table, inside of one transaction. */
  #inside(trx: Kysely<Schema>): StoreTables {
    const guarded = NAMES.map((name): [string, Methods] => {
      const methods = Object.entries(methodsOf(TABLES[name](trx)));
      return [
        name,
        Object.fromEntries(
          methods.map(([method, run]): [string, Method] => [
            method,
            (...values) => this.#guard(async () => run(...values)),
          ]),
        ),
      ];
    });
    return Object.fromEntries(guarded) as unknown as StoreTables;
  }
}

const methodsOf = (table: StoreTables[keyof StoreTables]): Methods => table as unknown as Methods;
