import { AssertionError } from "@conclave/bytes";
import { NO_TWEAK } from "@conclave/crypto";
import { seededRng } from "@conclave/crypto/testing";
import { curveOf, validateShare, type KeyShare, type Valid } from "@conclave/keys";
import type { PartyIndex } from "@conclave/protocol";
import { CALM, parties, simulate } from "@conclave/protocol/testing";
import assert from "node:assert/strict";
import { test } from "node:test";
import { verify } from "../signature.ts";
import type { Suite } from "../suite.ts";
import { deal, SUITES, type DealtKey } from "../testing/index.ts";
import { configFromShare, type SignOrder } from "./from-share.ts";
import { signProtocol } from "./index.ts";

function keyShare({ id, group }: Suite, key: DealtKey, self: PartyIndex): Valid<KeyShare> {
  const share: KeyShare = {
    record: {
      version: 1,
      curve: curveOf(id),
      scheme: id,
      purpose: "messages",
      epoch: 3,
      threshold: key.threshold,
      quorum: key.threshold,
      parties: [...key.publicShares].map(([index, publicShare]) => ({
        index,
        node: new Uint8Array(32).fill(index),
        publicShare,
      })),
      publicKey: key.publicKey,
      chainCode: key.chainCode,
      certificate: new Uint8Array(32),
    },
    self,
    secret: key.shares.get(self)!,
  };
  return validateShare(group, share);
}

for (const suite of SUITES) {
  const key = deal(suite.group, { n: 3, t: 2, rng: seededRng("from share") });
  const committee = parties(1, 3);
  const order = (self: PartyIndex): SignOrder => ({
    key: new Uint8Array(32).fill(4),
    share: keyShare(suite, key, self),
    tweak: NO_TWEAK,
    message: new Uint8Array(32).fill(5),
    approval: new Uint8Array(32).fill(6),
  });

  test(`stored shares sign in ${suite.id}`, () => {
    const configs = new Map(committee.map((self) => [self, configFromShare(suite, order(self))]));
    const protocol = signProtocol(suite);
    const { outcomes } = simulate({ protocol, configs, committee, seed: "from share", schedule: CALM });
    for (const outcome of outcomes.values()) {
      assert.ok(outcome.kind === "result", JSON.stringify(outcome));
      assert.ok(verify(suite, key.publicKey, new Uint8Array(32).fill(5), outcome.result));
    }
    const config = configs.get(committee[0]!)!;
    assert.equal(config.epoch, 3);
    assert.equal(config.chainCode === null, suite.group.name === "ed25519");
  });

  test(`a share stored for ${suite.id} is refused by every other suite`, () => {
    for (const other of SUITES.filter(({ id }) => id !== suite.id)) {
      assert.throws(
        () => configFromShare(other, order(committee[0]!)),
        (error: unknown) =>
          error instanceof AssertionError && error.message === `a share of ${suite.id} does not sign in ${other.id}`,
      );
    }
  });
}
