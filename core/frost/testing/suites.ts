import { testSecp256k1 } from "@conclave/keys/testing";
import { ed25519Group } from "@conclave/crypto";
import { ed25519Suite, secp256k1Plain, secp256k1Taproot, type Suite } from "../suite.ts";

/** Every suite on the portable groups: shared checks loop over them. */
export const SUITES: readonly Suite[] = [
  secp256k1Taproot(testSecp256k1),
  secp256k1Plain(testSecp256k1),
  ed25519Suite(ed25519Group),
];
