/**
 * PostgreSQL under Kysely: a bounded pool of connections, and every write in a transaction of its own that is tried again after
 * whatever passes by itself. Blind repetition would write twice where only the answer to COMMIT was lost; the mark that the
 * transaction left, or did not leave, decides (`Session`).
 */
import { setTimeout as sleep } from "node:timers/promises";
import { StoreUnavailable } from "@conclave/node";
import { Kysely, PostgresAdapter, PostgresDialect, sql, type PostgresPool } from "kysely";
import type { Client } from "pg";
import type { Database } from "../dialect.ts";
import type { Schema } from "../schema.ts";
import { parseAddress, type PostgresAddress } from "./address.ts";
import { MARKS_TABLE, Ownership } from "./ownership.ts";
import { checkSchemaName } from "./schema-name.ts";
import { CommitUnknown } from "./session.ts";
import { sessionPool, Slots } from "./pool.ts";
import { isStarting, passes, postgresUnavailable, troubleOf } from "./trouble.ts";

/** One writes; the others answer questions meanwhile. */
const DEFAULT_CONNECTIONS = 4;
/** Five nodes on one server of default size (100 connections) still leave room for its operators. */
const MAX_CONNECTIONS = 16;
/** A server restarts within seconds, and recovers from a crash within half a minute; then the caller hears of it. */
const DEFAULT_PATIENCE_MS = 30_000;
/** So long a server may refuse connections before it is taken for none. */
const OPEN_PATIENCE_MS = 10_000;
const OPEN_PAUSE_MS = 200;
const FIRST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 1_000;

export interface PostgresOptions {
  /** `postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=verify-full&sslrootcert=FILE`. */
  readonly url: string;
  /** The node's own schema. Made if absent. */
  readonly schema: string;
  /** A file that holds the password, in place of one in the URL. */
  readonly passwordFile?: string;
  /** How many connections may work at a time, 1 to 16 (4); one more holds the lock. */
  readonly connections?: number;
  /** How long a call waits for a server that is away before it throws, in milliseconds (30,000). */
  readonly patienceMs?: number;
}

/** What is known of a store's place before it is opened: its address without the password, and its schema. */
export function describePostgres({ url, schema, passwordFile }: PostgresOptions): string {
  return `${parseAddress(url, passwordFile === undefined ? {} : { passwordFile }).shown} schema ${checkSchemaName(schema)}`;
}

/** Connects, takes the schema for this process alone, and runs `migrate` on it. Throws `StoreUnavailable`. */
export async function openPostgres(
  options: PostgresOptions,
  migrate: (db: Kysely<Schema>, schema: string) => Promise<void>,
): Promise<Database> {
  const { url, passwordFile, connections = DEFAULT_CONNECTIONS, patienceMs = DEFAULT_PATIENCE_MS } = options;
  const schema = checkSchemaName(options.schema);
  const address = parseAddress(url, passwordFile === undefined ? {} : { passwordFile });
  if (!Number.isInteger(connections) || connections < 1 || connections > MAX_CONNECTIONS)
    throw new RangeError(`a store has 1 to ${MAX_CONNECTIONS} connections, not ${connections}`);
  const where = describePostgres(options);
  const ownership = new Ownership(address, schema, where);
  try {
    const client = await takePatiently(ownership, patienceMs);
    try {
      await migrateOn(client, (db) => migrate(db, schema));
    } catch (error) {
      await client.end();
      throw error;
    }
    ownership.watch(client);
  } catch (cause) {
    throw postgresUnavailable(where, cause);
  }
  return new PostgresDatabase(address, ownership, { where, connections, patienceMs });
}

/** The first connection may meet a server that is just starting beside the node. */
async function takePatiently(ownership: Ownership, patienceMs: number): Promise<Client> {
  const startMs = performance.now();
  for (;;) {
    try {
      return await ownership.take();
    } catch (error) {
      // One that says so itself is waited for like one that went away; a wrong address is told soon.
      const allowedMs = isStarting(error) ? patienceMs : Math.min(patienceMs, OPEN_PATIENCE_MS);
      if (troubleOf(error) !== "lost" || performance.now() - startMs > allowedMs) throw error;
      await sleep(OPEN_PAUSE_MS);
    }
  }
}

/** Migrations run on the connection that holds the lock, so that nobody else can run any, and may take as long as they need. */
async function migrateOn(client: Client, migrate: (db: Kysely<Schema>) => Promise<void>): Promise<void> {
  await client.query("set statement_timeout to 0; set idle_in_transaction_session_timeout to 0");
  const alone = {
    query: (sql: string, parameters: unknown[]) => client.query(sql, parameters),
    release: () => {},
  };
  const pool = { connect: async () => alone, end: async () => {}, options: {} } as unknown as PostgresPool;
  await migrate(new Kysely<Schema>({ dialect: new OwnedPostgresDialect({ pool }) }));
}

/** Kysely would lock migrations with a number of its own, for every schema of the database alike. Ours is locked already. */
class OwnedPostgresAdapter extends PostgresAdapter {
  override async acquireMigrationLock(): Promise<void> {}
  override async releaseMigrationLock(): Promise<void> {}
}

class OwnedPostgresDialect extends PostgresDialect {
  override createAdapter(): PostgresAdapter {
    return new OwnedPostgresAdapter();
  }
}

interface Terms {
  readonly where: string;
  readonly connections: number;
  readonly patienceMs: number;
}

class PostgresDatabase implements Database {
  readonly #ownership: Ownership;
  readonly #terms: Terms;
  readonly #slots = new Slots();
  readonly #db: Kysely<Schema>;
  /** Settles when every change that was asked for so far has ended, well or not. */
  #changes: Promise<unknown> = Promise.resolve();

  constructor(address: PostgresAddress, ownership: Ownership, terms: Terms) {
    this.#ownership = ownership;
    this.#terms = terms;
    const pool = sessionPool({ address, ownership, slots: this.#slots, connections: terms.connections });
    this.#db = new Kysely<Schema>({ dialect: new PostgresDialect({ pool }) });
  }

  async read<T>(work: (db: Kysely<Schema>) => Promise<T>): Promise<T> {
    const deadlineMs = this.#deadlineMs();
    await this.#changes;
    return this.#again(deadlineMs, () => work(this.#db));
  }

  /** One at a time, in the order of the calls: as in a file, a call sees what was asked for before it. */
  write<T>(work: (db: Kysely<Schema>) => Promise<T>): Promise<T> {
    // From the call on: a hundred calls that wait for one server give up together, not one after another.
    const deadlineMs = this.#deadlineMs();
    const written = this.#changes.then(() => this.#again(deadlineMs, () => this.#once(deadlineMs, work)));
    this.#changes = written.catch(() => undefined);
    return written;
  }

  transaction<T>(work: (db: Kysely<Schema>) => Promise<T>): Promise<T> {
    return this.write(work);
  }

  /** Every commit is on the server's disk before its write resolves; those under way are waited for. */
  async durable(): Promise<void> {
    await this.#changes;
  }

  async close(): Promise<void> {
    await this.#changes;
    await this.#db.destroy();
    await this.#ownership.close();
  }

  unavailable(cause: unknown): unknown {
    return postgresUnavailable(this.#terms.where, cause);
  }

  readonly #deadlineMs = (): number => performance.now() + this.#terms.patienceMs;

  /** Repeats what passes by itself, with longer and longer pauses, as long as there is patience left. */
  async #again<T>(deadlineMs: number, work: () => Promise<T>): Promise<T> {
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
      await this.#ownership.held(deadlineMs - performance.now());
      try {
        return await work();
      } catch (error) {
        // Two who wait for each other must not come back at the same moment.
        const waitMs = pauseMs * (1 + Math.random());
        if (!passes(error) || performance.now() + waitMs > deadlineMs) throw error;
        await sleep(waitMs);
      }
    }
  }

  /** One transaction, and where its COMMIT had no answer, what became of it. */
  async #once<T>(deadlineMs: number, work: (db: Kysely<Schema>) => Promise<T>): Promise<T> {
    let outcome: { readonly value: T } | undefined;
    try {
      await this.#db.transaction().execute(async (trx) => {
        outcome = { value: await work(trx) };
      });
    } catch (error) {
      if (!(error instanceof CommitUnknown)) throw error;
      if (!(await this.#wasKept(deadlineMs, error))) throw error.cause;
    }
    return outcome!.value;
  }

  async #wasKept(deadlineMs: number, { slot, token }: CommitUnknown): Promise<boolean> {
    // The lost connection's server process may still be committing. It holds the row until it is done, and so we wait for it.
    const mark = sql<{ token: string }>`select token from ${sql.table(MARKS_TABLE)} where slot = ${slot} for update`;
    try {
      const { rows } = await this.#again(deadlineMs, () => mark.execute(this.#db));
      return rows[0]?.token === token;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new StoreUnavailable(
        "unavailable",
        `store ${this.#terms.where}: the connection was lost during a commit, and the server could not be asked since whether it was kept (${reason}). Restart the node when the server is back`,
      );
    } finally {
      this.#slots.release(slot);
    }
  }
}
