/** What the store needs of a server, asked on every connection, because any of them may lead to another server than the last. */
import { hostname } from "node:os";
import { StoreUnavailable } from "@conclave/node";
import { types, type ClientBase, type ClientConfig } from "pg";
import type { PostgresAddress } from "./address.ts";

/** The oldest version whose features are used, and that its makers still repair. */
const OLDEST_VERSION = 130_000;
/** A server that is there answers at once; one that is not should not hold the node for long. */
const CONNECT_TIMEOUT_MS = 5_000;
/** Every statement of the store touches a few rows, or one page of 500. */
const STATEMENT_TIMEOUT_MS = 15_000;
/** Others can hold a row only until their own transaction's end, which is moments. */
const LOCK_TIMEOUT_MS = 10_000;
/** When a statement's own timeout says nothing: the server is gone and nobody told us. */
export const ANSWER_TIMEOUT_MS = STATEMENT_TIMEOUT_MS + 5_000;
/** A transaction of a process that stands still must not hold its rows for ever. */
const IDLE_TRANSACTION_TIMEOUT_MS = 60_000;
/** After this long without a word, the server asks whether we are still there: four times, then it lets our locks go. */
const KEEPALIVE_SECONDS = { idle: 10, interval: 5, count: 4 };
/** PostgreSQL cuts names of applications at 63 bytes. */
const MAX_APPLICATION_NAME = 63;
/** `bigint` in pg_type. */
const INT8_OID = 20;

/** How this process shows itself to operators and to a second process. */
export const APPLICATION_NAME = `conclave ${hostname()}/${process.pid}`.slice(0, MAX_APPLICATION_NAME);

/** Whole numbers of 64 bits come back exact; `pg` itself would hand over their text. */
const exactTypes = {
  getTypeParser: (oid: number, format?: "text" | "binary") =>
    oid === INT8_OID ? BigInt : types.getTypeParser(oid, format),
};

/** How every connection is made. All of it is said here, before a variable of the environment could. */
export const clientConfig = ({ host, port, user, database, password, ssl }: PostgresAddress): ClientConfig => ({
  host,
  port,
  user,
  database,
  password,
  ssl,
  types: exactTypes,
  application_name: APPLICATION_NAME,
  client_encoding: "UTF8",
  connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
  keepAlive: true,
  keepAliveInitialDelayMillis: KEEPALIVE_SECONDS.idle * 1_000,
});

/** Throws `StoreUnavailable` if this server could lose what it said it kept, or is too old. */
export async function checkServer(client: ClientBase, where: string): Promise<void> {
  const { rows } = await client.query<
    Record<"version" | "encoding" | "fsync" | "commit", string> & { standby: boolean }
  >(
    `select current_setting('server_version_num') as version, current_setting('server_encoding') as encoding,
            current_setting('fsync') as fsync, current_setting('synchronous_commit') as commit,
            pg_is_in_recovery() as standby`,
  );
  const { version, encoding, fsync, commit, standby } = rows[0]!;
  const refuse = (reason: string): never => {
    throw new StoreUnavailable("unavailable", `store ${where}: ${reason}`);
  };
  if (Number(version) < OLDEST_VERSION)
    refuse(
      `PostgreSQL ${Math.floor(Number(version) / 10_000)} is too old. Use version ${OLDEST_VERSION / 10_000} or newer`,
    );
  if (encoding !== "UTF8") refuse(`its database is encoded in ${encoding}. Create one with ENCODING 'UTF8'`);
  if (fsync !== "on")
    refuse("the server runs with fsync = off and would forget what it confirmed. Set fsync = on in postgresql.conf");
  if (commit === "off")
    refuse(
      "it runs with synchronous_commit = off and would forget what it confirmed. Set it to on: in postgresql.conf, or with ALTER ROLE or ALTER DATABASE … SET synchronous_commit = on",
    );
  if (standby) refuse("this server is a standby and takes no writes. Give the address of the primary");
}

/** Prepares a connection for work on `schema`, whose name is quoted. */
export async function settle(client: ClientBase, schema: string): Promise<void> {
  const { idle, interval, count } = KEEPALIVE_SECONDS;
  const settings: Readonly<Record<string, string | number>> = {
    search_path: schema,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    lock_timeout: LOCK_TIMEOUT_MS,
    idle_in_transaction_session_timeout: IDLE_TRANSACTION_TIMEOUT_MS,
    default_transaction_isolation: "'read committed'",
    tcp_keepalives_idle: idle,
    tcp_keepalives_interval: interval,
    tcp_keepalives_count: count,
  };
  const commands = Object.entries(settings).map(([name, value]) => `set ${name} to ${value}`);
  // Pinned to what was checked, so that a change of the server's configuration reaches new connections only, which check it.
  const pinned = "select set_config('synchronous_commit', current_setting('synchronous_commit'), false)";
  await client.query([...commands, pinned].join("; "));
}
