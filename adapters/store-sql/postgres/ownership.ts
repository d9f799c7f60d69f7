/**
 * One process uses one schema. Two advisory locks see to it:
 *
 * - `owner`, exclusive, on a connection that does nothing else. Who holds it may write. If that connection is lost, no write
 *   begins until the lock is held again.
 * - `at work`, shared, on every connection that reads and writes. A new owner takes it exclusively for a moment, which works
 *   only when no connection of another process is left, not even one whose COMMIT is still under way.
 *
 * And row 0 of the marks names the process that became owner last. A process that lost its locks and finds another name there
 * knows that the schema was somebody else's in between, and never touches it again.
 */
import { createHash, randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { StoreUnavailable } from "@conclave/node";
import { Client, type ClientBase } from "pg";
import type { PostgresAddress } from "./address.ts";
import { quoted } from "./schema-name.ts";
import { checkServer, clientConfig, settle } from "./server.ts";
import { Passing, troubleOf } from "./trouble.ts";

/** One row for each connection, with the name of the last transaction that it committed; row 0 names the owner. */
export const MARKS_TABLE = "store_marks";
const OWNER_SLOT = 0;

/** A process that was just killed leaves its connections behind for moments, until the server notices. */
const LOCK_PATIENCE_MS = 3_000;
const LOCK_PAUSE_MS = 100;
/** The connection that holds the lock is asked this often whether it still lives. */
const HEARTBEAT_MS = 5_000;
const HEARTBEAT_ANSWER_MS = 5_000;
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 2_000;

/** PostgreSQL numbers advisory locks with 64 bits, for each database; the schema's name makes the number. */
const lockNumber = (use: string, schema: string): string =>
  createHash("sha256").update(`conclave/store/${use}/${schema}`).digest().readBigInt64BE().toString();

type State =
  | { readonly kind: "held"; readonly client: Client }
  | { readonly kind: "seeking" }
  | { readonly kind: "over"; readonly error: Error };

export class Ownership {
  readonly #address: PostgresAddress;
  readonly #where: string;
  readonly #schema: string;
  readonly #instance = randomUUID();
  readonly #locks: { readonly owner: string; readonly atWork: string };
  #state: State = { kind: "seeking" };
  /** Called when the state changes. */
  readonly #waiting = new Set<() => void>();
  #heartbeat: NodeJS.Timeout | null = null;

  constructor(address: PostgresAddress, schema: string, where: string) {
    this.#address = address;
    this.#where = where;
    this.#schema = schema;
    this.#locks = { owner: lockNumber("owner", schema), atWork: lockNumber("at work", schema) };
  }

  /** Takes the schema for the first time, and makes it if there is none. The connection is free for migrations until `watch`. */
  async take(): Promise<Client> {
    const client = await this.#connect();
    try {
      await this.#makeSchema(client);
      await settle(client, quoted(this.#schema));
      await this.#lockFirst(client);
      await this.#makeMarks(client);
      return client;
    } catch (error) {
      await discard(client);
      throw error;
    }
  }

  /** From now on the connection only holds the lock. */
  watch(client: Client): void {
    this.#state = { kind: "held", client };
    const lost = (): void => this.#lost(client);
    client.once("end", lost).on("error", lost);
    this.#heartbeat = setInterval(() => void this.#beat(client), HEARTBEAT_MS).unref();
    this.#tell();
  }

  /** Resolves at once while the lock is held, or as soon as it is held again. Throws `StoreUnavailable` after `patienceMs`. */
  async held(patienceMs: number): Promise<void> {
    const deadlineMs = performance.now() + patienceMs;
    while (this.#state.kind !== "held") {
      if (this.#state.kind === "over") throw this.#state.error;
      const leftMs = deadlineMs - performance.now();
      if (leftMs <= 0)
        throw new StoreUnavailable(
          "unavailable",
          `store ${this.#where}: the connection that holds its lock was lost, and is not back yet. Is the server running?`,
        );
      await this.#change(leftMs);
    }
  }

  /** Prepares a connection of the pool, and sees that the schema is still ours: nobody takes it as long as this one lives. */
  async join(client: ClientBase, slot: number): Promise<void> {
    await checkServer(client, this.#where);
    await settle(client, quoted(this.#schema));
    if (!(await tryLock(client, "pg_try_advisory_lock_shared", this.#locks.atWork)))
      throw new Passing("another process is taking this schema");
    await this.#checkInstance(client);
    await client.query(`insert into ${MARKS_TABLE} values (${slot}, '') on conflict do nothing`);
  }

  async close(): Promise<void> {
    const { client } = this.#state.kind === "held" ? this.#state : { client: null };
    this.#end(new StoreUnavailable("unavailable", `store ${this.#where}: it is closed`));
    if (client !== null) await discard(client);
  }

  async #connect(): Promise<Client> {
    const client = new Client(clientConfig(this.#address));
    // What the connection says between two queries is heard by `end` and by the next query.
    client.on("error", () => {});
    try {
      await client.connect();
      await checkServer(client, this.#where);
      return client;
    } catch (error) {
      await discard(client);
      throw error;
    }
  }

  async #makeSchema(client: Client): Promise<void> {
    const { rowCount } = await client.query("select 1 from pg_namespace where nspname = $1", [this.#schema]);
    // Asked first: a user who may not create schemas may still own this one.
    if (rowCount === 0) await client.query(`create schema if not exists ${quoted(this.#schema)}`);
  }

  async #lockFirst(client: Client): Promise<void> {
    const deadlineMs = performance.now() + LOCK_PATIENCE_MS;
    for (;;) {
      if (await tryLock(client, "pg_try_advisory_lock", this.#locks.owner)) {
        if (await tryLock(client, "pg_try_advisory_lock", this.#locks.atWork)) return;
        await client.query(`select pg_advisory_unlock(${this.#locks.owner})`);
      }
      if (performance.now() > deadlineMs) throw await this.#refusal(client);
      await sleep(LOCK_PAUSE_MS);
    }
  }

  async #refusal(client: Client): Promise<StoreUnavailable> {
    const numbers = [this.#locks.owner, this.#locks.atWork];
    const { rows } = await client.query<
      Record<"name" | "address", string | null> & { pid: number; since: Date | null }
    >(
      `select distinct on (l.pid) l.pid, a.application_name as name, host(a.client_addr) as address, a.backend_start as since
         from pg_locks l left join pg_stat_activity a using (pid)
        where l.locktype = 'advisory' and l.objsubid = 1 and l.granted and l.pid <> pg_backend_pid()
          and l.database = (select oid from pg_database where datname = current_database())
          and ((l.classid::bigint << 32) | l.objid::bigint)::text = any($1)`,
      [numbers],
    );
    const holders = rows.map(({ pid, name, address, since }) => {
      const details = [address ?? "this machine", since === null ? "" : `since ${since.toISOString()}`].filter(Boolean);
      return `${name ?? "a process of another user"} (${details.join(", ")}, server process ${pid})`;
    });
    const who = holders[0] ?? "another process";
    return new StoreUnavailable(
      "locked",
      `store ${this.#where}: ${who} uses it. Stop that process first, or give this node a schema of its own`,
    );
  }

  /** As the first thing in an empty schema; a schema with tables of somebody else is left alone. */
  async #makeMarks(client: Client): Promise<void> {
    const { rows } = await client.query<{ name: string }>(
      "select tablename as name from pg_tables where schemaname = $1",
      [this.#schema],
    );
    const names = rows.map(({ name }) => name);
    if (names.length > 0 && !names.includes(MARKS_TABLE))
      throw new StoreUnavailable(
        "damaged",
        `store ${this.#where}: the schema holds somebody else's tables (${names.slice(0, 3).join(", ")}). Choose another schema`,
      );
    await client.query(
      `create table if not exists ${MARKS_TABLE} (slot integer primary key, token text not null);
       insert into ${MARKS_TABLE} values (${OWNER_SLOT}, '${this.#instance}')
         on conflict (slot) do update set token = excluded.token;
       select pg_advisory_unlock(${this.#locks.atWork})`,
    );
  }

  async #checkInstance(client: ClientBase): Promise<void> {
    const { rows } = await client.query<{ token: string }>(
      `select token from ${MARKS_TABLE} where slot = ${OWNER_SLOT}`,
    );
    if (rows[0]?.token === this.#instance) return;
    const error = new StoreUnavailable(
      "locked",
      `store ${this.#where}: another process took this schema while the connection was lost. Stop one of the two, then start the other again`,
    );
    this.#end(error);
    throw error;
  }

  async #beat(client: Client): Promise<void> {
    try {
      await client.query({ text: "select 1", query_timeout: HEARTBEAT_ANSWER_MS } as { text: string });
    } catch {
      this.#lost(client);
    }
  }

  #lost(client: Client): void {
    if (this.#state.kind !== "held" || this.#state.client !== client) return;
    this.#stopBeating();
    this.#state = { kind: "seeking" };
    void discard(client);
    void this.#seek();
  }

  /** Tries until the lock is held again, the schema is somebody else's, or the store is closed. */
  async #seek(): Promise<void> {
    for (
      let pauseMs = FIRST_PAUSE_MS;
      this.#state.kind === "seeking";
      pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)
    ) {
      const client = await this.#connect().catch(() => null);
      if (client !== null && (await this.#retake(client).catch(() => false))) return this.watch(client);
      if (client !== null) await discard(client);
      await sleep(pauseMs, undefined, { ref: false });
    }
  }

  async #retake(client: Client): Promise<boolean> {
    await settle(client, quoted(this.#schema));
    // Before, too: who took the schema may hold the lock for as long as it lives.
    await this.#checkInstance(client);
    if (!(await tryLock(client, "pg_try_advisory_lock", this.#locks.owner))) return false;
    await this.#checkInstance(client);
    return this.#state.kind === "seeking";
  }

  #end(error: Error): void {
    this.#stopBeating();
    if (this.#state.kind !== "over") this.#state = { kind: "over", error };
    this.#tell();
  }

  #stopBeating(): void {
    if (this.#heartbeat !== null) clearInterval(this.#heartbeat);
    this.#heartbeat = null;
  }

  #tell(): void {
    for (const wake of this.#waiting) wake();
  }

  #change(withinMs: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, withinMs);
      this.#waiting.add(wake);
    });
  }
}

type LockFunction = "pg_try_advisory_lock" | "pg_try_advisory_lock_shared";

async function tryLock(client: ClientBase, take: LockFunction, number: string): Promise<boolean> {
  const { rows } = await client.query<{ taken: boolean }>(`select ${take}(${number}) as taken`);
  return rows[0]!.taken;
}

/** Ends a connection, whatever state it is in. */
async function discard(client: Client): Promise<void> {
  try {
    await client.end();
  } catch (error) {
    if (troubleOf(error) === null) throw error;
  }
}
