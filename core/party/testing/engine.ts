import type { Engine } from "@conclave/crypto";
import type { SigningScheme } from "@conclave/custody";
import { dkls23Scheme } from "@conclave/dkls23";
import { nodeEngine } from "@conclave/engine-node";
import { withKernels } from "@conclave/engine-wasm";
import { ed25519Scheme, secp256k1Scheme, taprootScheme } from "@conclave/frost";

export const engine: Engine = withKernels(nodeEngine);

export const SCHEMES: readonly SigningScheme[] = [
  taprootScheme(engine),
  secp256k1Scheme(engine),
  ed25519Scheme(engine),
  dkls23Scheme(engine),
];
