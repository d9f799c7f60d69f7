export { setUpDirection } from "./base-ots.ts";
export { engineContract } from "./engine-contract.ts";
export { flipBit } from "./flip.ts";
export { groupContract } from "./group-contract.ts";
export { puncture, randomLeaves } from "./leaves.ts";
export { multiplyContract } from "./multiply-contract.ts";
export { otContract } from "./ot-contract.ts";
export { seededRng } from "./rng.ts";
export { sameBytes } from "./same-bytes.ts";
