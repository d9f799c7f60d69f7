/** Against noble's FROST, an implementation that shares nothing with ours but the curve arithmetic. */
import { fromHex, toHex } from "@conclave/bytes";
import { mod } from "@conclave/crypto";
import { seededRng } from "@conclave/crypto/testing";
import type { PartyIndex } from "@conclave/protocol";
import { CALM, parties, simulate } from "@conclave/protocol/testing";
import { ed25519_FROST } from "@noble/curves/ed25519.js";
import { schnorr_FROST, secp256k1_FROST } from "@noble/curves/secp256k1.js";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { commit } from "./nonces.ts";
import { sign, verifySignatureShare } from "./signature-share.ts";
import { aggregate } from "./signature.ts";
import { signProtocol } from "./sign/index.ts";
import { preparePackage } from "./signing-package.ts";
import type { Suite } from "./suite.ts";
import { signConfigs, SUITES, testDigest, type DealtKey } from "./testing/index.ts";

const NOBLE = {
  "frost-secp256k1-taproot": schnorr_FROST,
  "frost-secp256k1": secp256k1_FROST,
  "frost-ed25519": ed25519_FROST,
};
const MESSAGE = testDigest("cross");
const KEYS = 6;
/** Key and nonces are seeded, so this many tries are always enough for all parities of P and R. */
const MAX_KEYS = 64;

/** Seeded bytes as noble's types want them: in a buffer of their own. */
function freshBytes(seed: string): (length?: number) => Uint8Array<ArrayBuffer> {
  const rng = seededRng(seed);
  return (length = 32) => Uint8Array.from(rng(length));
}

for (const suite of SUITES) {
  const { group } = suite;
  const noble = NOBLE[suite.id];
  const identifier = (party: PartyIndex): string => noble.Identifier.fromNumber(party);

  /** A 2-of-3 key dealt by noble, in noble's form and in ours. */
  function nobleKey(seed: string) {
    const dealt = noble.trustedDealer({ min: 2, max: 3 }, undefined, undefined, freshBytes(seed));
    const all = parties(1, 2, 3);
    const key: DealtKey = {
      secret: 0n,
      publicKey: group.decode(dealt.public.commitments[0]!),
      chainCode: new Uint8Array(32),
      threshold: 2,
      shares: new Map(
        all.map((party) => [party, group.decodeScalar(dealt.secretShares[identifier(party)]!.signingShare)]),
      ),
      publicShares: new Map(
        all.map((party) => [party, group.decode(dealt.public.verifyingShares[identifier(party)]!)]),
      ),
    };
    return { dealt, key };
  }

  describe(`${suite.id} and noble's ${suite.contextString}`, () => {
    test("shares dealt by noble sign in our protocol, and noble verifies", () => {
      const committee = parties(2, 3);
      for (let i = 0; i < KEYS; i++) {
        const { dealt, key } = nobleKey(`dealer ${i}`);
        const configs = signConfigs(suite, key, committee, { message: MESSAGE });
        const { outcomes } = simulate({
          protocol: signProtocol(suite),
          configs,
          committee,
          seed: `${i}`,
          schedule: CALM,
        });
        for (const outcome of outcomes.values()) {
          assert.ok(outcome.kind === "result", JSON.stringify(outcome));
          assert.ok(noble.verify(outcome.result, MESSAGE, dealt.public.commitments[0]!));
        }
      }
    });

    test("one signer of ours and one of noble's make one signature; both sides judge every share alike", () => {
      const parities = new Set<string>();
      for (let i = 0; i < KEYS || (suite.evenY && parities.size < 4); i++) {
        assert.ok(i < MAX_KEYS, "all parities of P and R occur");
        const { dealt, key } = nobleKey(`mixed ${i}`);
        const [mine, theirs] = parties(1, 3) as [PartyIndex, PartyIndex];
        const secret = dealt.secretShares[identifier(theirs)]!;

        const nonces = commit(suite, { share: key.shares.get(mine)!, session: {}, rng: seededRng(`nonce ${i}`) });
        const nobleNonces = noble.commit(secret, freshBytes(`noble nonce ${i}`));
        const commitments = new Map([
          [mine, nonces.commitments],
          [
            theirs,
            {
              hiding: group.decode(nobleNonces.commitments.hiding),
              binding: group.decode(nobleNonces.commitments.binding),
            },
          ],
        ]);
        const list = [...commitments].map(([party, { hiding, binding }]) => ({
          identifier: identifier(party),
          hiding: group.encode(hiding),
          binding: group.encode(binding),
        }));

        const even = evenKey(suite, key);
        const prepared = preparePackage(suite, { publicKey: even.publicKey, message: MESSAGE, commitments });
        const z = sign(suite, prepared, { party: mine, share: even.share(mine), nonces });
        const nobleShare = noble.signShare(secret, dealt.public, nobleNonces.nonces, list, MESSAGE);

        const ours = new Map([
          [mine, z],
          [theirs, group.decodeScalar(nobleShare)],
        ]);
        const bytes = Object.fromEntries(
          [...ours].map(([party, share]) => [identifier(party), group.encodeScalar(share)]),
        );
        const signature = noble.aggregate(dealt.public, list, MESSAGE, bytes);
        assert.equal(toHex(aggregate(suite, prepared, ours)), toHex(signature));

        for (const [party, share] of ours) {
          for (const judged of [share, mod(share + 1n, group.order), mod(-share, group.order)]) {
            const encoded = group.encodeScalar(judged);
            const verdict = noble.verifyShare(dealt.public, list, MESSAGE, identifier(party), encoded);
            const publicShare = even.publicShare(party);
            assert.equal(verifySignatureShare(suite, prepared, { party, publicShare, share: judged }), verdict);
            assert.equal(verdict, judged === share);
          }
        }
        if (suite.evenY) parities.add(`${group.hasEvenY(key.publicKey)} ${prepared.nonceSign}`);
      }
    });
  });
}

/** The key and shares that sign: negated together if the suite wants an even y-coordinate. */
function evenKey({ group, evenY }: Suite, key: DealtKey) {
  const negated = evenY && !group.hasEvenY(key.publicKey);
  return {
    publicKey: negated ? group.negate(key.publicKey) : key.publicKey,
    share: (party: PartyIndex): bigint => {
      const share = key.shares.get(party)!;
      return negated ? mod(-share, group.order) : share;
    },
    publicShare: (party: PartyIndex) => {
      const share = key.publicShares.get(party)!;
      return negated ? group.negate(share) : share;
    },
  };
}

test("identifiers are encoded as noble's are", () => {
  for (const suite of SUITES) {
    assert.deepEqual(fromHex(NOBLE[suite.id].Identifier.fromNumber(3)), suite.group.encodeScalar(3n));
  }
});
