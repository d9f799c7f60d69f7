export { inspectStore } from "./inspect.ts";
export type { StoreInspection } from "./inspect.ts";
export { openStore } from "./store.ts";
export type { StoreOptions } from "./store.ts";
