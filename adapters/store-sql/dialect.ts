/** What differs between the databases. Every other file is written for all of them. */
import type { Kysely } from "kysely";
import type { Schema } from "./schema.ts";

/** How one database spells what its standard leaves open. */
export interface SchemaDialect {
  /** The type of byte strings. */
  readonly bytes: "blob" | "bytea";
  /** The type of a primary key that counts up by itself, and whether it must be told to. */
  readonly serial: { readonly type: "integer" | "bigserial"; readonly autoIncrement: boolean };
  /** Makes the audit log append-only: no update, no delete, no gap, whoever asks. */
  protectAuditLog(db: Kysely<unknown>): Promise<void>;
}

/** An open database whose tables are this program's. */
export interface Database {
  /** Runs work that changes nothing, after every change that was asked for before. */
  read<T>(work: (db: Kysely<Schema>) => Promise<T>): Promise<T>;
  /** Runs one method that changes something, all of it or nothing, in the order of the calls. May run it again if it was undone. */
  write<T>(work: (db: Kysely<Schema>) => Promise<T>): Promise<T>;
  /** Runs work in a transaction, in the order of the calls. May run it again if it was undone. */
  transaction<T>(work: (db: Kysely<Schema>) => Promise<T>): Promise<T>;
  /** Resolves once every change made before this call survives a power cut. */
  durable(): Promise<void>;
  /** After the last change reached the disk. */
  close(): Promise<void>;
  /** An error of the database as `StoreUnavailable`; other errors as they are. */
  unavailable(cause: unknown): unknown;
}
