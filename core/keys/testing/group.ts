import { secp256k1Group, type Group } from "@conclave/crypto";
import { nodeEngine } from "@conclave/engine-node";
import { withKernels } from "@conclave/engine-wasm";

/** secp256k1 as tests run on it: the WASM kernels, or with `CONCLAVE_NO_WASM=1` plain TypeScript. Both have to pass. */
export const testSecp256k1: Group =
  process.env["CONCLAVE_NO_WASM"] === "1" ? secp256k1Group : withKernels(nodeEngine).secp256k1;
