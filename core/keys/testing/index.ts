export { dealShares } from "./deal.ts";
export type { DealOptions } from "./deal.ts";
export { committeeOf, keygenConfigs, keygenRun, sharesOf, simulateKeygen } from "./keygen.ts";
export type { KeygenOptions } from "./keygen.ts";
export { dealing, handing, honestDealing, judgeFromOutside, withPolynomial } from "./cheats.ts";
export { testSecp256k1 } from "./group.ts";
