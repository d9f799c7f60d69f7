/** The table of all lies in key generation: every mutation of every broadcast field, with a declared verdict. */
import { testSecp256k1 } from "../testing/index.ts";
import { ed25519Group, mod, type Group } from "@conclave/crypto";
import { roundOf, type PartyIndex } from "@conclave/protocol";
import { mutationTable, parties, type MutationTableOptions, type Verdict } from "@conclave/protocol/testing";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { keygenProtocol, type KeygenConfig, type KeyShare } from "../index.ts";
import { handing, keygenConfigs, keygenRun } from "../testing/index.ts";

const [one, two] = parties(1, 2) as [PartyIndex, PartyIndex];
const blamed = (reason: string): Verdict<KeyShare> => ({ fault: "public", blames: "cheater", reason });

const malformed = blamed("malformed message");
const opening = blamed("opens something else than it committed to");
const proofs = blamed("proof of a coefficient does not verify");
const count = blamed("not one proof per coefficient");
const complaint = blamed("complains about itself, a stranger, or out of order");
const share = blamed("proof of its share does not verify");
const answers = blamed("does not answer exactly the complaints against it");
const answer = blamed("publishes a share that is not on its polynomial");

const VERDICTS: Readonly<Record<string, Verdict<KeyShare>>> = {
  "keygen/1-commit broadcast: malformed": malformed,
  // Any 32 bytes are a commitment; what they were is seen when they are opened.
  "keygen/1-commit broadcast message": opening,
  "keygen/1-commit broadcast V": opening,
  "keygen/2-open broadcast: malformed": malformed,
  "keygen/2-open broadcast message": opening,
  "keygen/2-open broadcast rid": opening,
  "keygen/2-open broadcast cc": opening,
  "keygen/2-open broadcast u": opening,
  "keygen/2-open broadcast F": opening,
  "keygen/2-open broadcast F[]": opening,
  "keygen/2-open broadcast A": opening,
  "keygen/2-open broadcast A[]": opening,
  "keygen/2-open broadcast B": opening,
  "keygen/3-prove broadcast: malformed": malformed,
  "keygen/3-prove broadcast message": proofs,
  "keygen/3-prove broadcast proofs": proofs,
  "keygen/3-prove broadcast proofs: empty": count,
  "keygen/3-prove broadcast proofs: one less": count,
  "keygen/3-prove broadcast proofs: one more": count,
  "keygen/3-prove broadcast proofs[]": proofs,
  "keygen/4-confirm broadcast: malformed": malformed,
  "keygen/4-confirm broadcast message": share,
  "keygen/4-confirm broadcast proof": share,
};

const ANSWERS: Readonly<Record<string, Verdict<KeyShare>>> = {
  "keygen/3b-answer broadcast: malformed": malformed,
  "keygen/3b-answer broadcast message: another party's message": answers,
  "keygen/3b-answer broadcast message: last session's message": answer,
  "keygen/3b-answer broadcast answers": answers,
  "keygen/3b-answer broadcast answers[].accuser": answers,
  "keygen/3b-answer broadcast answers[].share": answer,
};

/** On ed25519 two parties will do: what differs between the curves is how points and scalars decode. */
const partiesOn = ({ name }: Group): number => (name === "secp256k1" ? 3 : 2);

const table = (group: Group, more: Partial<MutationTableOptions<KeygenConfig, KeyShare>>) => {
  const options = { n: partiesOn(group), t: 2 };
  const { configs: _, ssid: __, ...run } = keygenRun(group, { ...options, seed: "table" });
  const configs = () => keygenConfigs(group, options);
  return mutationTable({ ...run, configs, cheater: two, group, parts: ["broadcast"], verdicts: VERDICTS, ...more });
};

for (const group of [testSecp256k1, ed25519Group]) {
  test(`every lie in a broadcast on ${group.name} convicts the liar`, () => {
    const rows = table(group, {});
    console.log(`key generation on ${group.name}: ${rows.length} lies in broadcasts`);
    assert.ok(rows.length > 180);
    const names = new Set(rows.map(({ mutation }) => mutation.name));
    const identity = group.name === "ed25519" ? "identity" : "zeros";
    for (const name of [identity, "off the curve", "group order", "last session's"]) assert.ok(names.has(name), name);
    assert.equal(names.has("another party's"), partiesOn(group) > 2);
  });
}

describe("lies about shares that do not fit", () => {
  const group = testSecp256k1;

  test("every lie in an answer to a complaint convicts the liar", () => {
    const codec = roundOf(keygenProtocol(group), "keygen/2-open")!.direct!;
    const wrong = (honest: Uint8Array): Uint8Array => {
      const secret = group.decodeScalar(codec.decode(honest) as Uint8Array);
      return codec.encode(group.encodeScalar(mod(secret + 1n, group.order)));
    };
    const protocol = handing(group, two, new Map([[one, wrong]]));
    const rows = table(group, { protocol, rounds: ["keygen/3b-answer"], verdicts: ANSWERS });
    console.log(`key generation: ${rows.length} lies in answers`);
    assert.ok(rows.length > 30);
  });

  test("every lie in a complaint convicts the liar, or costs an answer", () => {
    // Party 2 complains about party 1, so that the list of complaints has something to change.
    const codec = roundOf(keygenProtocol(group), "keygen/2-open")!.direct!;
    const wrong = (): Uint8Array => codec.encode(new Uint8Array(32));
    const protocol = handing(group, one, new Map([[two, wrong]]));
    const rows = table(group, {
      protocol,
      rounds: ["keygen/3-prove"],
      verdicts: {
        ...Object.fromEntries(Object.entries(VERDICTS).filter(([key]) => key.startsWith("keygen/3-prove"))),
        "keygen/3-prove broadcast complaints": complaint,
        // The complaint is taken back by a party that goes on as if it stood: the others wait in vain.
        "keygen/3-prove broadcast complaints: empty": { fault: "silence", blames: "nobody" },
        "keygen/3-prove broadcast complaints[]": complaint,
      },
    });
    console.log(`key generation: ${rows.length} lies around complaints`);
    assert.ok(rows.length > 40);
  });
});
