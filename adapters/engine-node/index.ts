export { nodeEngine } from "./engine.ts";
