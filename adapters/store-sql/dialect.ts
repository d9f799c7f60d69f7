/** What differs between the databases. Every other file is written for all of them. */
import type { Dialect, Kysely } from "kysely";

/** How one database spells what its standard leaves open. */
export interface SchemaDialect {
  /** The type of byte strings. */
  readonly bytes: "blob" | "bytea";
  /** The type of a primary key that counts up by itself, and whether it must be told to. */
  readonly serial: { readonly type: "integer" | "bigserial"; readonly autoIncrement: boolean };
  /** Makes the audit log append-only: no update, no delete, no gap, whoever asks. */
  protectAuditLog(db: Kysely<unknown>): Promise<void>;
}

/** An open database. */
export interface Database {
  readonly dialect: Dialect;
  readonly schema: SchemaDialect;
  /** For a database whose commits survive the process at once and a power cut a little later. */
  readonly log: DurableLog;
}

export interface DurableLog {
  /** Resolves once every change made before this call survives a power cut. */
  now(): Promise<void>;
  /** The same a moment from now. */
  soon(): void;
  close(): Promise<void>;
}
