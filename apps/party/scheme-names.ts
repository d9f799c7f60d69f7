/** Schemes as people type them. */
import type { Scheme } from "@conclave/keys";
import { usageError } from "./exit.ts";

const NAMES: Readonly<Record<string, Scheme>> = {
  dkls23: "dkls23-secp256k1",
  "frost-taproot": "frost-secp256k1-taproot",
  "frost-secp256k1": "frost-secp256k1",
  "frost-ed25519": "frost-ed25519",
};

export const SCHEME_NAMES = Object.keys(NAMES);

/** Short names and full ones. Throws `CommandError` (usage). */
export function parseScheme(text: string): Scheme {
  const scheme = Object.hasOwn(NAMES, text) ? NAMES[text] : Object.values(NAMES).find((name) => name === text);
  if (scheme === undefined) throw usageError(`There is no scheme "${text}": there are ${SCHEME_NAMES.join(", ")}.`);
  return scheme;
}

/** What its signatures are, for people. */
export const SIGNATURES: Readonly<Record<Scheme, string>> = {
  "dkls23-secp256k1": "ECDSA: r ‖ s ‖ recovery id",
  "frost-secp256k1-taproot": "BIP340 Schnorr: x(R) ‖ s",
  "frost-secp256k1": "RFC 9591 Schnorr: R ‖ z",
  "frost-ed25519": "Ed25519: R ‖ z",
};
