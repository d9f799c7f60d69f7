/** Facts as programs and people get them. */
import { toHex } from "@conclave/bytes";
import type { KeyFacts } from "@conclave/party";
import { SIGNATURES } from "./scheme-names.ts";

export const keyJson = (facts: KeyFacts) => ({
  name: facts.name,
  scheme: facts.scheme,
  threshold: facts.threshold,
  parties: facts.parties,
  public_key: toHex(facts.publicKey),
  key_id: toHex(facts.id),
  fingerprint: facts.fingerprint,
  state: facts.isActive ? ("active" as const) : ("unfinished" as const),
});

export const keyLines = (facts: KeyFacts): readonly (readonly [string, string])[] => [
  ["Key", `${facts.name} (${facts.threshold} of ${facts.parties.length}, ${facts.scheme})`],
  ["Public key", toHex(facts.publicKey)],
  ["Signatures", SIGNATURES[facts.scheme]],
  ["Key id", toHex(facts.id)],
  ["Fingerprint", `${facts.fingerprint}  (the same at every party: compare it)`],
];
