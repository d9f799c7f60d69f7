/** What every node of a simulation computes with: the daemon's engine, without verifying what this very process signed. */
import { equalBytes, toHex } from "@conclave/bytes";
import { nodeEngine } from "@conclave/engine-node";
import { withKernels } from "@conclave/engine-wasm";
import type { Ed25519Verifier, Engine } from "@conclave/crypto";
import type { SigningScheme } from "@conclave/custody";
import { dkls23Scheme } from "@conclave/dkls23";
import { taprootScheme } from "@conclave/frost";

interface Signed {
  readonly publicKey: Uint8Array;
  readonly message: Uint8Array;
}

/** Signatures remembered; some hundred lives of a cluster make as many. */
const MAX_REMEMBERED = 20_000;

/**
 * An engine that remembers which signatures it made. One that it made is valid by construction, so that verifying it again
 * for every receiver would only take time; any other is verified.
 */
export function rememberingEngine(base: Engine): Engine {
  const made = new Map<string, Signed>();
  const verifiers = new Map<string, Ed25519Verifier>();
  const remember = (signature: Uint8Array, signed: Signed): void => {
    if (made.size >= MAX_REMEMBERED) made.delete(made.keys().next().value!);
    made.set(toHex(signature), signed);
  };
  return {
    ...base,
    ed25519Signer(seed) {
      const signer = base.ed25519Signer(seed);
      return {
        publicKey: signer.publicKey,
        sign(message) {
          const signature = signer.sign(message);
          remember(signature, { publicKey: signer.publicKey, message: new Uint8Array(message) });
          return signature;
        },
      };
    },
    ed25519Verifier(publicKey) {
      const name = toHex(publicKey);
      const verify = verifiers.get(name) ?? base.ed25519Verifier(publicKey);
      verifiers.set(name, verify);
      return (message, signature) => {
        const known = made.get(toHex(signature));
        const own = known !== undefined && equalBytes(known.publicKey, publicKey) && equalBytes(known.message, message);
        return own || verify(message, signature);
      };
    },
  };
}

/** With the kernels: points of this engine's group and of any other cannot be mixed. */
export const engine = rememberingEngine(withKernels(nodeEngine));

/** Taproot by FROST. */
export const taproot: SigningScheme = taprootScheme(engine);

/** P2WPKH by DKLS23. */
export const ecdsa = dkls23Scheme(engine) as SigningScheme;

/** What every node of a simulation runs; the wallet's key is of one of them. */
export const schemes: readonly SigningScheme[] = [taproot, ecdsa];
