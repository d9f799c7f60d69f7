/** The tables of lies that need a third party, and those of presignatures. */

import { seededRng } from "@conclave/crypto/testing";
import type { PartyIndex } from "@conclave/protocol";
import { CALM, mutationTable, parties, simulate, type MutationTableOptions } from "@conclave/protocol/testing";
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  finishProtocol,
  presignatureCodec,
  presignProtocol,
  signProtocol,
  type Presignature,
  type SignConfig,
} from "../index.ts";
import {
  dealKey,
  finishConfig,
  presignConfigs,
  quickEngine,
  signConfigs,
  testDigest,
  testGroup,
} from "../testing/index.ts";
import { common, lastRound, SIGN, type Verdicts } from "../testing/verdicts.ts";

const digest = testDigest("table");
const committeeOf = (n: number): PartyIndex[] => parties(...Array.from({ length: n }, (_, i) => i + 1));
const key = (n: number) => dealKey({ n, t: n, rng: seededRng(`table/${n}`) });

const signTable = (more: Partial<MutationTableOptions<SignConfig, Uint8Array>> & { readonly verdicts: Verdicts }) => {
  const [committee, dealt] = [committeeOf(3), key(3)];
  return mutationTable({
    protocol: signProtocol(quickEngine),
    committee,
    configs: () => signConfigs(dealt, committee, { digest }),
    seed: "table",
    cheater: committee[1]!,
    group: testGroup,
    ...more,
  });
};

const some = (verdicts: Verdicts, wanted: (key: string) => boolean): Verdicts =>
  Object.fromEntries(Object.entries(verdicts).filter(([key]) => wanted(key)));

test("a third party's messages, and those for another receiver, help no liar", () => {
  const borrowed = /^another (?:party|receiver)'s/;
  const rows = signTable({
    only: ({ name }) => borrowed.test(name),
    verdicts: {
      ...some(SIGN, (name) => !/malformed$|setups\[\].value$/.test(name)),
      // The other's list of setups is one of other edges.
      "dkls23/sign/1-commit broadcast message": SIGN["dkls23/sign/1-commit broadcast setups"]!,
      "dkls23/sign/1-commit broadcast setups[]": SIGN["dkls23/sign/1-commit broadcast setups"]!,
    },
  });
  console.log(`DKLS23 signing among three: ${rows.length} lies`);
  assert.ok(rows.length > 30, `${rows.length} rows`);
});

test("every lie to one of three is noticed by that one, and the other blames nobody for it", () => {
  const rows = signTable({
    to: committeeOf(3)[2]!,
    rounds: ["dkls23/sign/3-open"],
    parts: ["broadcast"],
    verdicts: some(SIGN, (name) => name.startsWith("dkls23/sign/3-open broadcast")),
  });
  assert.ok(rows.length > 30, `${rows.length} rows`);
});

test("every lie in presigning meets the same checks; only a wrong ψ is seen later", () => {
  const [committee, dealt] = [committeeOf(2), key(2)];
  const rows = mutationTable({
    protocol: presignProtocol(quickEngine),
    committee,
    configs: () => presignConfigs(dealt, committee),
    seed: "table/presign",
    cheater: committee[1]!,
    group: testGroup,
    // Points and scalars decode as in signing: here each field only needs to have its check.
    only: ({ name, path }) =>
      path.includes("party") || /^(?:last bit flipped|last session's|negated|zero|empty|a byte missing)/.test(name),
    verdicts: { ...common("presign"), "dkls23/presign/3-open direct psi": "accepted" },
  });
  console.log(`DKLS23 presigning: ${rows.length} lies`);
  assert.ok(rows.length > 40, `${rows.length} rows`);
});

test("every lie in using up a presignature spoils the signature and blames nobody", () => {
  const [committee, dealt] = [committeeOf(2), key(2)];
  const presigned = simulate({
    protocol: presignProtocol(quickEngine),
    committee,
    configs: presignConfigs(dealt, committee),
    seed: "table/finish",
    schedule: CALM,
  });
  const codec = presignatureCodec(testGroup);
  const stored = new Map(
    [...presigned.outcomes].map(([party, outcome]) => {
      assert.ok(outcome.kind === "result");
      return [party, codec.encode(outcome.result)];
    }),
  );
  const fresh = (party: PartyIndex): Presignature => codec.decode(stored.get(party)!);
  const rows = mutationTable({
    protocol: finishProtocol(quickEngine),
    committee,
    configs: () => new Map(committee.map((party) => [party, finishConfig(dealt, fresh(party), { digest })])),
    seed: "table/finish",
    cheater: committee[1]!,
    group: testGroup,
    // One presignature and one digest make one partial, in whatever session: there is no other one to repeat.
    verdicts: some(lastRound("dkls23/finish"), (name) => !name.endsWith("message")),
  });
  console.log(`DKLS23 finishing: ${rows.length} lies`);
  assert.ok(rows.length > 30, `${rows.length} rows`);
});
