/** The engine of this process: OpenSSL, with the WASM kernels where they run and nobody switched them off. */
import type { Engine } from "@conclave/crypto";
import { nodeEngine } from "@conclave/engine-node";
import { kernelsSupported, withKernels } from "@conclave/engine-wasm";

/** Set to 1: plain TypeScript in place of the kernels. Slower, and the same in every byte. */
const NO_KERNELS = process.env["CONCLAVE_NO_WASM"] === "1";

export const engine: Engine = NO_KERNELS || !kernelsSupported() ? nodeEngine : withKernels(nodeEngine);
