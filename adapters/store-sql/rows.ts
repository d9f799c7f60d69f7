/** From what a driver returns to what the port promises. Databases differ in how they return numbers and flags. */
import type { Kysely } from "kysely";
import { damaged } from "./failures.ts";
import type { Schema } from "./schema.ts";

/** A whole number of a column that holds heights, times or counts. */
export function wholeNumber(value: bigint | number): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number)) throw damaged("a number is out of range");
  return number;
}

export const wholeNumberOrNull = (value: bigint | number | null): number | null =>
  value === null ? null : wholeNumber(value);

export const satsOrNull = (value: bigint | number | null): bigint | null => (value === null ? null : BigInt(value));

/** A flag: true, 1 or 1n. */
export const flag = (value: bigint | number | boolean): boolean => Boolean(value);

/** A byte string as a plain array: some drivers return a subclass. */
export const plainBytes = (value: Uint8Array): Uint8Array =>
  Object.getPrototypeOf(value) === Uint8Array.prototype ? value : Uint8Array.from(value);

export const plainBytesOrNull = (value: Uint8Array | null): Uint8Array | null =>
  value === null ? null : plainBytes(value);

/** Throws `StoreUnavailable` unless `value` is one of the names that this column may hold. */
export function nameOf<const Names extends readonly string[]>(names: Names, value: string): Names[number] {
  if (!names.includes(value)) throw damaged(`${JSON.stringify(value)} is none of ${names.join(", ")}`);
  return value;
}

/** Inside of a transaction as it is, outside in one of its own. */
export const atomically = <T>(db: Kysely<Schema>, work: (db: Kysely<Schema>) => Promise<T>): Promise<T> =>
  db.isTransaction ? work(db) : db.transaction().execute(work);

/** True if an insert that may do nothing inserted its row. */
export const inserted = ({ numInsertedOrUpdatedRows }: { readonly numInsertedOrUpdatedRows?: bigint | undefined }) =>
  numInsertedOrUpdatedRows === 1n;
