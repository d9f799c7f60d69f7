export { MemoryStore, Stopped } from "./memory-store.ts";
