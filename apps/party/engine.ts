/** What this command computes with: OpenSSL and the WASM kernels where they run, all four schemes. */
import type { Engine } from "@conclave/crypto";
import type { SigningScheme } from "@conclave/custody";
import { dkls23Scheme } from "@conclave/dkls23";
import { nodeEngine } from "@conclave/engine-node";
import { kernelsSupported, withKernels } from "@conclave/engine-wasm";
import { ed25519Scheme, secp256k1Scheme, taprootScheme } from "@conclave/frost";

/** Set to 1: plain TypeScript in place of the kernels. Slower, and the same in every byte. */
const NO_KERNELS = process.env["CONCLAVE_NO_WASM"] === "1";

export const engine: Engine = NO_KERNELS || !kernelsSupported() ? nodeEngine : withKernels(nodeEngine);

export const schemes: readonly SigningScheme[] = [
  dkls23Scheme(engine),
  taprootScheme(engine),
  secp256k1Scheme(engine),
  ed25519Scheme(engine),
];
