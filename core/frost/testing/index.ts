export { signConfig, signConfigs } from "./configs.ts";
export { deal } from "./dealer.ts";
export type { DealtKey } from "./dealer.ts";
export { testDigest } from "./digest.ts";
export { SUITES } from "./suites.ts";
export { readVector } from "./vectors.ts";
export type { Vector, VectorSigner } from "./vectors.ts";
export { observedProtocol, signRound } from "./views.ts";
export type { Views } from "./views.ts";
