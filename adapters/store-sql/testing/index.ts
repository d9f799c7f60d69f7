export { BAD_ROWS } from "./bad-rows.ts";
export { cuttingProxy } from "./cutting-proxy.ts";
export type { CuttingProxy } from "./cutting-proxy.ts";
export { postgresMissing, startPostgres, TLS_SETTINGS } from "./postgres-server.ts";
export type { PostgresServer } from "./postgres-server.ts";
export { smallDisk } from "./small-disk.ts";
export type { SmallDisk } from "./small-disk.ts";
