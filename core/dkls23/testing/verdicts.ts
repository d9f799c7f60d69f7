/** What has to come of each lie in signing, for the tables of lies. Who lies is party 2. */
import type { Verdict } from "@conclave/protocol/testing";

/** Without verdicts that look at a result, so that one declaration serves every protocol. */
type Declared = Exclude<Verdict<unknown>, (row: never) => void>;
export type Verdicts = Readonly<Record<string, Declared>>;
const blamed = (reason: string): Declared => ({ fault: "public", blames: "cheater", reason });
const cheat = (reason: string): Declared => ({ fault: "cheat", blames: "cheater", reason });
const nobody = (reason: string): Declared => ({ fault: "mismatch", blames: "nobody", reason });

const malformed = blamed("malformed message");
const sealed: Declared = { fault: "private", blames: "cheater", reason: "malformed message" };
const setups = blamed("does not name one setup per other signer");
const opening = blamed("opens another nonce than it committed to");
const extension = cheat("OT extension fails its consistency check");
const multiplication = cheat("multiplication fails its check");
const nonce = cheat("multiplied another nonce than it opened");
const secret = cheat("multiplied another secret than it opened");
const signature = nobody("the partial signatures make no valid signature");

/** The three rounds that a signature and a presignature have in common. */
export const common = (name: "sign" | "presign"): Verdicts => ({
  [`dkls23/${name}/1-commit broadcast: malformed`]: malformed,
  // A liar that goes on from its own commitment works from another agreement: its OT sessions are not the receivers'.
  [`dkls23/${name}/1-commit broadcast message`]: extension,
  [`dkls23/${name}/1-commit broadcast commitment`]: extension,
  [`dkls23/${name}/1-commit broadcast setups`]: setups,
  [`dkls23/${name}/1-commit broadcast setups[].party`]: setups,
  [`dkls23/${name}/1-commit broadcast setups[].value`]: nobody("parties 1 and 2 hold different setups"),
  [`dkls23/${name}/2-multiply direct: malformed`]: sealed,
  [`dkls23/${name}/2-multiply direct message`]: extension,
  [`dkls23/${name}/2-multiply direct u`]: extension,
  [`dkls23/${name}/2-multiply direct x`]: extension,
  [`dkls23/${name}/2-multiply direct t`]: extension,
  [`dkls23/${name}/3-open broadcast: malformed`]: malformed,
  [`dkls23/${name}/3-open broadcast message`]: opening,
  [`dkls23/${name}/3-open broadcast R`]: opening,
  [`dkls23/${name}/3-open broadcast blind`]: opening,
  // What a party says of its part of the key is held against what it multiplied.
  [`dkls23/${name}/3-open broadcast pk`]: secret,
  [`dkls23/${name}/3-open direct: malformed`]: sealed,
  [`dkls23/${name}/3-open direct message`]: multiplication,
  [`dkls23/${name}/3-open direct multiply`]: multiplication,
  [`dkls23/${name}/3-open direct multiply.corrections`]: multiplication,
  [`dkls23/${name}/3-open direct multiply.eta`]: multiplication,
  [`dkls23/${name}/3-open direct multiply.mu`]: multiplication,
  [`dkls23/${name}/3-open direct gammaU`]: nonce,
  [`dkls23/${name}/3-open direct gammaV`]: secret,
});

export const lastRound = (name: string): Verdicts => ({
  [`${name} broadcast: malformed`]: malformed,
  [`${name} broadcast message`]: signature,
  [`${name} broadcast numerator`]: signature,
  [`${name} broadcast denominator`]: signature,
});

export const SIGN: Verdicts = {
  ...common("sign"),
  // A wrong ψ passes every check of the pair: the signature shows it, and nobody can tell whose it was.
  "dkls23/sign/3-open direct psi": signature,
  ...lastRound("dkls23/sign/4-combine"),
};
