export { setupRun, setupsOf, testCertificate } from "./setup.ts";
export { assertNobleAccepts } from "./noble.ts";
export { finishConfig, presignConfig, presignConfigs, signConfigs, testDigest } from "./configs.ts";
export { quickEngine, rememberingEngine, testGroup } from "./engine.ts";
export { dealEdges, dealKey } from "./deal.ts";
export type { DealtKey } from "./deal.ts";
