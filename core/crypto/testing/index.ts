export { seededRng } from "./rng.ts";
