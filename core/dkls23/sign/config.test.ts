import { AssertionError } from "@conclave/bytes";

import { seededRng } from "@conclave/crypto/testing";
import type { KeyShare, Valid } from "@conclave/keys";
import { dealShares } from "@conclave/keys/testing";
import type { PartyIndex, Protocol } from "@conclave/protocol";
import { parties, testSsid } from "@conclave/protocol/testing";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  presignConfigFromShare,
  presignProtocol,
  signConfigFromShare,
  signProtocol,
  type SignConfig,
} from "../index.ts";
import { dealKey, quickEngine, signConfigs, testDigest, testGroup } from "../testing/index.ts";

const key = dealKey({ n: 3, t: 2, rng: seededRng("config") });
const [one, two, three] = parties(1, 2, 3) as [PartyIndex, PartyIndex, PartyIndex];
const digest = testDigest("config");

/** Starts party 1 of `numbers` with a changed config. The random source refuses: no check may come after the first draw. */
function start(
  change: (honest: SignConfig) => Partial<SignConfig>,
  {
    numbers = [1, 2],
    of = signProtocol(quickEngine),
  }: { numbers?: readonly number[]; of?: Pick<Protocol<SignConfig, unknown>, "start"> } = {},
): void {
  const committee = parties(...numbers);
  const honest = signConfigs(key, [one], { digest }).get(one)!;
  const context = { ssid: testSsid({ seed: "config", committee: parties(1, 2) }), self: one, committee };
  of.start(context, { ...honest, ...change(honest) }, () => {
    throw new Error("randomness was drawn");
  });
}

const refuses = (expected: RegExp, ...args: Parameters<typeof start>): void =>
  assert.throws(
    () => start(...args),
    (error: unknown) => error instanceof AssertionError && expected.test(error.message),
  );

describe("a config is refused before any randomness is drawn", () => {
  test("an honest one is not", () => {
    assert.throws(() => start(() => ({})), /randomness was drawn/);
    assert.throws(() => start(() => ({}), { of: presignProtocol(quickEngine) }), /randomness was drawn/);
  });

  test("when a length is wrong", () => {
    refuses(/a key id is 32 bytes/, () => ({ keyId: new Uint8Array(31) }));
    refuses(/an approval is 32 bytes/, () => ({ approval: new Uint8Array(33) }));
    refuses(/a chain code is 32 bytes/, () => ({ chainCode: new Uint8Array(31) }));
    refuses(/a digest is 32 bytes/, () => ({ digest: new Uint8Array(31) }));
    refuses(/a digest is 32 bytes/, () => ({ digest: new Uint8Array(0) }));
  });

  test("when the epoch is no count, or the share no scalar", () => {
    refuses(/an epoch is/, () => ({ epoch: -1 }));
    refuses(/an epoch is/, () => ({ epoch: 0.5 }));
    refuses(/a share is a scalar/, () => ({ share: 0n }));
    refuses(/a share is a scalar/, () => ({ share: testGroup.order }));
    refuses(/a share is a scalar/, () => ({ share: -1n }));
  });

  test("when an output key is asked for that ECDSA cannot sign for", () => {
    refuses(/ECDSA does not sign for a Taproot output/, () => ({ tweak: { path: [], taproot: { merkleRoot: null } } }));
  });

  test("when a path is hardened or out of range", () => {
    for (const index of [0x8000_0000, -1, 1.5]) {
      assert.throws(() => start(() => ({ tweak: { path: [index], taproot: null } })), /hardened or out of range/);
    }
  });

  test("when the signers are not exactly the threshold", () => {
    refuses(/exactly the threshold/, () => ({}), { numbers: [1, 2, 3] });
    refuses(/exactly the threshold/, () => ({ threshold: 3 }));
    refuses(/2 to 16 parties sign/, () => ({ threshold: 1 }), { numbers: [1] });
    refuses(/2 to 16 parties sign/, () => ({ threshold: 17 }), {
      numbers: Array.from({ length: 17 }, (_, i) => i + 1),
    });
  });

  test("when the same party is at two indices, signers do not ascend, or one is numbered 0", () => {
    refuses(/signers ascend and are distinct/, () => ({ threshold: 3 }), { numbers: [1, 2, 2] });
    refuses(/signers ascend and are distinct/, () => ({}), { numbers: [2, 1] });
    refuses(/signers ascend and are distinct/, () => ({}), { numbers: [0, 1] });
  });

  test("when an edge is missing or belongs to another party", () => {
    refuses(/there is no edge to party 2/, ({ edges }) => ({ edges: new Map([[three, edges.get(three)!]]) }));
    // One counterparty's edge under two numbers: its leaves would answer two multiplications of one session.
    refuses(/the edge to party 2 belongs to another party/, ({ edges }) => ({
      edges: new Map([
        [two, edges.get(three)!],
        [three, edges.get(three)!],
      ]),
    }));
    refuses(/a setup id is 32 bytes/, ({ edges }) => ({
      edges: new Map([[two, { ...edges.get(two)!, setup: new Uint8Array(0) }]]),
    }));
  });
});

describe("a config from a stored share", () => {
  const share = key.shares.get(one)!;
  const order = {
    key: new Uint8Array(32).fill(3),
    share,
    edges: key.edges.get(one)!,
    tweak: { path: [1], taproot: null },
    approval: new Uint8Array(32).fill(4),
    message: digest,
  };

  test("says what the record says", () => {
    const config = signConfigFromShare(order);
    const { record, secret } = share;
    assert.deepEqual(
      [config.keyId, config.epoch, config.threshold, config.publicKey, config.chainCode, config.share, config.digest],
      [order.key, record.epoch, record.threshold, record.publicKey, record.chainCode, secret, digest],
    );
    assert.equal(config.edges, order.edges);
    assert.equal(config.tweak, order.tweak);
    assert.equal(config.approval, order.approval);
  });

  test("is refused for a share of another scheme", () => {
    const [frost] = dealShares(testGroup, { n: 2, t: 2, rng: seededRng("frost") });
    const other: Valid<KeyShare> = frost!;
    for (const make of [presignConfigFromShare, signConfigFromShare]) {
      assert.throws(
        () => make({ ...order, share: other }),
        (error) =>
          error instanceof AssertionError && /a share of frost-secp256k1-taproot does not sign/.test(error.message),
      );
    }
  });
});
