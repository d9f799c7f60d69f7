export { memoryNetwork } from "./network.ts";
export type { MemoryNetwork } from "./network.ts";
