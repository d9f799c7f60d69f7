/** The node's history in a SQL database: SQLite in a file of its own today. */
import { resolve } from "node:path";
import { StoreUnavailable, type Store, type StoreTables } from "@conclave/node";
import { Kysely } from "kysely";
import { auditOn } from "./audit.ts";
import type { Database, DurableLog } from "./dialect.ts";
import { eventsOn } from "./events.ts";
import { unavailable } from "./failures.ts";
import { messagesOn } from "./messages.ts";
import { migrate, migrationsFor } from "./migrations.ts";
import { addressesOn, nodesOn, violationsOn } from "./operations.ts";
import { preparePrivateFile } from "./private-file.ts";
import { requestsOn } from "./requests.ts";
import type { Schema } from "./schema.ts";
import { openSqlite } from "./sqlite.ts";
import { transactionsOn } from "./transactions.ts";
import { votesOn } from "./votes.ts";

export interface StoreOptions {
  /** The database file, in a folder that only this account can enter (both are made if absent). */
  readonly file: string;
}

/** Opens the store, and brings its tables to this program's schema. Throws `StoreUnavailable`. */
export async function openStore(options: StoreOptions): Promise<Store> {
  const file = resolve(options.file);
  try {
    preparePrivateFile(file);
    return await openOn(openSqlite(file), file);
  } catch (cause) {
    throw unavailable(file, cause);
  }
}

async function openOn({ dialect, schema, log }: Database, where: string): Promise<Store> {
  const db = new Kysely<Schema>({ dialect });
  try {
    await migrate(db, migrationsFor(schema), where);
    return new SqlStore(db, log, where);
  } catch (cause) {
    await db.destroy();
    throw cause;
  }
}

/** Runs one piece of work, with the database's errors as the port's. */
type Guard = <T>(work: () => Promise<T>) => Promise<T>;

class SqlStore implements Store {
  readonly requests: StoreTables["requests"];
  readonly votes: StoreTables["votes"];
  readonly events: StoreTables["events"];
  readonly transactions: StoreTables["transactions"];
  readonly messages: StoreTables["messages"];
  readonly violations: StoreTables["violations"];
  readonly nodes: StoreTables["nodes"];
  readonly addresses: StoreTables["addresses"];
  readonly audit: StoreTables["audit"];
  readonly #db: Kysely<Schema>;
  readonly #log: DurableLog;

  readonly #where: string;
  #closed = false;

  constructor(db: Kysely<Schema>, log: DurableLog, where: string) {
    this.#db = db;
    this.#log = log;
    this.#where = where;
    const tables = this.#tablesOn(db);
    this.requests = tables.requests;
    this.votes = tables.votes;
    this.events = tables.events;
    this.transactions = tables.transactions;
    this.messages = tables.messages;
    this.violations = tables.violations;
    this.nodes = tables.nodes;
    this.addresses = tables.addresses;
    this.audit = tables.audit;
  }

  async transaction<T>(work: (tables: StoreTables) => Promise<T>): Promise<T> {
    // An error of the caller's own goes back to the caller as it is, whatever it looks like.
    let failure: { readonly error: unknown } | undefined;
    const attempt = async (tables: StoreTables): Promise<T> => {
      try {
        return await work(tables);
      } catch (error) {
        failure = { error };
        throw error;
      }
    };
    try {
      return await this.#guard(() => this.#db.transaction().execute((trx) => attempt(this.#tablesOn(trx))));
    } catch (cause) {
      throw failure === undefined ? cause : failure.error;
    }
  }

  durable(): Promise<void> {
    return this.#guard(() => this.#log.now());
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    try {
      await this.#log.now();
      await this.#db.destroy();
      await this.#log.close();
    } catch (cause) {
      throw unavailable(this.#where, cause);
    }
  }

  readonly #guard: Guard = async (work) => {
    if (this.#closed) throw new StoreUnavailable("unavailable", `store ${this.#where}: it is closed`);
    try {
      const outcome = await work();
      this.#log.soon();
      return outcome;
    } catch (cause) {
      throw unavailable(this.#where, cause);
    }
  };

  #tablesOn(db: Kysely<Schema>): StoreTables {
    return {
      requests: guarded(requestsOn(db), this.#guard),
      votes: guarded(votesOn(db), this.#guard),
      events: guarded(eventsOn(db), this.#guard),
      transactions: guarded(transactionsOn(db), this.#guard),
      messages: guarded(messagesOn(db), this.#guard),
      violations: guarded(violationsOn(db), this.#guard),
      nodes: guarded(nodesOn(db), this.#guard),
      addresses: guarded(addressesOn(db), this.#guard),
      audit: guarded(auditOn(db), this.#guard),
    };
  }
}

/** The same methods, each under the guard. */
function guarded<Methods extends object>(methods: Methods, guard: Guard): Methods {
  type Method = (...values: readonly unknown[]) => Promise<unknown>;
  const entries = Object.entries(methods as Readonly<Record<string, Method>>).map(
    ([name, method]): [string, Method] => [name, (...values) => guard(async () => method(...values))],
  );
  return Object.fromEntries(entries) as Methods;
}
