/** The table of all lies in signing: every mutation of every field of every message, with a declared verdict. */

import { seededRng } from "@conclave/crypto/testing";
import { mutationTable, parties } from "@conclave/protocol/testing";
import assert from "node:assert/strict";
import { test } from "node:test";
import { signProtocol } from "../index.ts";
import { dealKey, quickEngine, signConfigs, testDigest, testGroup } from "../testing/index.ts";
import { SIGN } from "../testing/verdicts.ts";

test("every lie in signing meets the check that is there for it", () => {
  const committee = parties(1, 2);
  const key = dealKey({ n: 2, t: 2, rng: seededRng("table") });
  const digest = testDigest("table");
  const rows = mutationTable({
    protocol: signProtocol(quickEngine),
    committee,
    configs: () => signConfigs(key, committee, { digest }),
    seed: "table",
    cheater: committee[1]!,
    group: testGroup,
    verdicts: SIGN,
  });
  console.log(`DKLS23 signing: ${rows.length} lies`);
  assert.ok(rows.length > 250, `${rows.length} rows`);
  const tried = new Set(rows.map(({ mutation }) => mutation.name));
  for (const name of ["off the curve", "x not reduced", "group order", "last session's", "middle item, group order"]) {
    assert.ok(tried.has(name), name);
  }
});
