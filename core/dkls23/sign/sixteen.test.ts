import { seededRng } from "@conclave/crypto/testing";
import { CALM, parties, simulate } from "@conclave/protocol/testing";
import assert from "node:assert/strict";
import { test } from "node:test";
import { signProtocol } from "../index.ts";
import { assertNobleAccepts, dealKey, quickEngine, signConfigs, testDigest, testGroup } from "../testing/index.ts";

test("sixteen parties sign: 240 multiplications", () => {
  const committee = parties(...Array.from({ length: 16 }, (_, i) => i + 1));
  const key = dealKey({ n: 16, t: 16, rng: seededRng("sixteen") });
  const digest = testDigest("sixteen");
  const configs = signConfigs(key, committee, { digest });
  const { outcomes } = simulate({
    protocol: signProtocol(quickEngine),
    configs,
    committee,
    seed: "sixteen",
    schedule: CALM,
  });
  assert.equal(outcomes.size, 16);
  const publicKey = testGroup.encode(key.shares.get(committee[0]!)!.record.publicKey);
  for (const outcome of outcomes.values()) {
    assert.ok(outcome.kind === "result", outcome.kind === "abort" ? outcome.reason : outcome.kind);
    assertNobleAccepts(publicKey, digest, outcome.result);
  }
});
