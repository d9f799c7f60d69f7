/** Where a node keeps its history, as its configuration says. */
import { join } from "node:path";
import type { StoreOptions } from "@conclave/store-sql";
import type { NodeConfig } from "./config.ts";

/** The schema of a node that names none: one server holds the histories of many nodes. */
export const schemaOf = (name: string): string => `conclave_${name.replaceAll("-", "_")}`;

/** A file in the node's folder, or a schema of the PostgreSQL server that the configuration names. */
export function historyOf(config: NodeConfig, root: string, path: (file: string) => string): StoreOptions {
  const { postgres_url: url, postgres_schema: schema, postgres_password_file: file, name } = config;
  if (url === undefined) return { file: join(root, "history.sqlite") };
  return {
    postgres: {
      url,
      schema: schema ?? schemaOf(name),
      ...(file !== undefined && { passwordFile: path(file) }),
    },
  };
}
