/** What PostgreSQL and the way to it can answer: what passes by itself, and what an operator has to do about the rest. */
import { StoreUnavailable } from "@conclave/node";
import { PasswordMissing } from "./address.ts";

/**
 * - `repeat`: the transaction was undone because of others at the same time; it may be tried again at once
 * - `lost`: the connection or the server is gone; what was not committed is undone, and a later try finds another connection
 */
export type Trouble = "repeat" | "lost";

/** SQLSTATEs (appendix A of PostgreSQL's manual) after which the same transaction may succeed. */
const REPEAT: ReadonlySet<string> = new Set([
  "40001", // serialization_failure
  "40P01", // deadlock_detected
  "55P03", // lock_not_available: somebody held a lock for as long as we wait
  "57014", // query_canceled: our own statement timeout, on a server that was too busy
]);

const LOST: ReadonlySet<string> = new Set([
  "57P01", // admin_shutdown, and pg_terminate_backend
  "57P02", // crash_shutdown
  "57P03", // cannot_connect_now: it is starting or stopping
  "53300", // too_many_connections
  "25006", // read_only_sql_transaction: this server became a standby
  "25P03", // idle_in_transaction_session_timeout: this process stood still
  "57P05", // idle_session_timeout
  "ECONNRESET",
  "ECONNREFUSED",
  "ECONNABORTED",
  "EPIPE",
  "ETIMEDOUT",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "EAI_AGAIN",
  // The Unix socket of a server that is being restarted.
  "ENOENT",
]);

/** Class 08: connection exceptions. */
const CONNECTION_CLASS = /^08[0-9A-Z]{3}$/;

/** What `pg` and its pool say without a code when a connection is gone. */
const LOST_TEXT =
  /^(?:Connection terminated|Client has encountered a connection error|Client was closed|Query read timeout|timeout e|Cannot use a pool)/;

/** The error below those that the store put around it. */
export function rootOf(error: unknown): unknown {
  return error instanceof StoreUnavailable && error.cause !== undefined ? rootOf(error.cause) : error;
}

const codeOf = (error: unknown): string =>
  error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";

/** Errors that came from the server or the way to it, and not from whoever used the store. */
const heard = new WeakSet<Error>();

/** Hands an error of the database on, and remembers whose it is. */
export function fromDatabase(error: unknown): unknown {
  if (error instanceof Error) heard.add(error);
  return error;
}

/** True if the database said so, and may say otherwise the next time. */
export function passes(error: unknown): boolean {
  const root = rootOf(error);
  return root instanceof Error && heard.has(root) && troubleOf(root) !== null;
}

/** Null for what will not pass by itself. */
export function troubleOf(error: unknown): Trouble | null {
  const root = rootOf(error);
  if (root instanceof Passing) return "lost";
  const code = codeOf(root);
  if (REPEAT.has(code)) return "repeat";
  if (LOST.has(code) || CONNECTION_CLASS.test(code)) return "lost";
  return root instanceof Error && code === "" && LOST_TEXT.test(root.message) ? "lost" : null;
}

/** True for a server that says that it is starting or stopping. */
export const isStarting = (error: unknown): boolean => ["57P01", "57P02", "57P03"].includes(codeOf(rootOf(error)));

/** A connection of ours that is not fit for use now; another one may be. */
export class Passing extends Error {
  override readonly name = "Passing";
}

/** By SQLSTATE or Node's code: what it means for an operator, and what to do. */
const ADVICE: Readonly<Record<string, string>> = {
  "28P01": "the password is wrong. Correct it in the address or in the password file",
  "28000": "the server refuses this user from here. Look at its pg_hba.conf",
  "3D000": "there is no such database. Create it: CREATE DATABASE … ENCODING 'UTF8'",
  "42501":
    "this user may not do that. Make it the owner of the schema, or let it create one: GRANT CREATE ON DATABASE … TO …",
  "53100": "its disk is full. Free space there; nothing of this write was kept",
  "53300": "it has too many connections. Raise its max_connections or lower the store's",
  "57P03": "it is starting or stopping. Try again in a moment",
  ECONNREFUSED: "nothing listens there. Start PostgreSQL, or correct host and port",
  ENOTFOUND: "its host name is unknown. Correct the address",
  ENOENT: "there is no Unix socket. Start PostgreSQL, or correct host and port",
  DEPTH_ZERO_SELF_SIGNED_CERT: "its certificate is self-signed. Name its authority with sslrootcert",
  SELF_SIGNED_CERT_IN_CHAIN: "its certificate's authority is not known. Name it with sslrootcert",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "its certificate's authority is not known. Name it with sslrootcert",
  ERR_TLS_CERT_ALTNAME_INVALID: "its certificate is for another host name. Correct the address or the certificate",
};

/** An error of PostgreSQL or of the way to it as `StoreUnavailable`. Our own mistakes pass through as they are. */
export function postgresUnavailable(where: string, cause: unknown): unknown {
  if (cause instanceof StoreUnavailable || !(cause instanceof Error)) return cause;
  const say = (text: string): StoreUnavailable =>
    new StoreUnavailable("unavailable", `store ${where}: ${text}`, { cause });
  if (cause instanceof PasswordMissing)
    return say("the server asks for a password. Add one to the address, or name a password file");
  const advice = ADVICE[codeOf(cause)];
  if (advice !== undefined) return say(`${advice} (${reasonOf(cause)})`);
  if (/does not support SSL/.test(cause.message))
    return say("the server has no TLS. Turn it on there, or say sslmode=disable on a network that you trust");
  if (codeOf(cause) !== "" || troubleOf(cause) !== null) return say(reasonOf(cause));
  return cause;
}

/** Node joins what several addresses of one name answered, and says nothing itself. */
const reasonOf = (cause: Error): string =>
  cause.message !== "" ? cause.message : codeOf(cause) || "it does not answer";
