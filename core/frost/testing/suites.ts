import { ed25519Group, secp256k1Group } from "@conclave/crypto";
import { ed25519Suite, secp256k1Plain, secp256k1Taproot, type Suite } from "../suite.ts";

/** Every suite on the portable groups: shared checks loop over them. */
export const SUITES: readonly Suite[] = [
  secp256k1Taproot(secp256k1Group),
  secp256k1Plain(secp256k1Group),
  ed25519Suite(ed25519Group),
];
