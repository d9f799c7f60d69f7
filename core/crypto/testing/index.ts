export { engineContract } from "./engine-contract.ts";
export { groupContract } from "./group-contract.ts";
export { seededRng } from "./rng.ts";
