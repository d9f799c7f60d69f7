import { StoreUnavailable } from "@conclave/node";

/** As PostgreSQL writes names without quotes, within its 63 bytes. */
const SCHEMA_NAME = /^[a-z_][a-z0-9_]{0,62}$/;

/** Throws `StoreUnavailable` unless `name` can be a schema of ours: no quoting, no letter case, nothing that belongs to PostgreSQL. */
export function checkSchemaName(name: string): string {
  if (!SCHEMA_NAME.test(name) || name.startsWith("pg_") || name === "information_schema")
    throw new StoreUnavailable(
      "unavailable",
      `${JSON.stringify(name)} cannot be the schema of a store: use 1 to 63 of a–z, 0–9 and _, not beginning with a digit or pg_`,
    );
  return name;
}

/** A checked name as it stands in SQL. */
export const quoted = (name: string): string => `"${checkSchemaName(name)}"`;
