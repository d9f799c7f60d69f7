export { kernelsSupported, withKernels } from "./engine.ts";
export { wasmSecp256k1 } from "./secp256k1.ts";
