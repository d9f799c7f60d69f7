/**
 * Every sign that can slip: parity of P × parity of R × tweak × signers, each against noble's BIP340 verifier and against the
 * key that the tweak context resolves to; and every signature share of every such run against its tweaked public share.
 */
import { concatBytes, fromHex, toHex } from "@conclave/bytes";
import { mod, resolveTweak, tweakShare, xOnly, type TweakContext } from "@conclave/crypto";
import { seededRng } from "@conclave/crypto/testing";
import { testSecp256k1 as group } from "@conclave/keys/testing";
import type { PartyIndex } from "@conclave/protocol";
import { CALM, parties, simulate } from "@conclave/protocol/testing";
import { schnorr, secp256k1 } from "@noble/curves/secp256k1.js";
import { bytesToNumberBE } from "@noble/curves/utils.js";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { computeGroupCommitment } from "../binding.ts";
import { verifySignatureShare } from "../signature-share.ts";
import { preparePackage, type PreparedPackage } from "../signing-package.ts";
import { secp256k1Taproot } from "../suite.ts";
import { deal, observedProtocol, signConfigs, signRound, testDigest, type DealtKey } from "../testing/index.ts";

const suite = secp256k1Taproot(group);
const MESSAGE = testDigest("digest");
const ROOT = testDigest("merkle root");

const TWEAKS: Readonly<Record<string, TweakContext>> = {
  "no tweak": { path: [], taproot: null },
  "BIP341 without scripts": { path: [], taproot: { merkleRoot: null } },
  "BIP341 with a Merkle root": { path: [], taproot: { merkleRoot: ROOT } },
  "BIP32 path and BIP341": { path: [1, 20], taproot: { merkleRoot: null } },
};

const SHAPES = [
  { n: 5, t: 4 },
  { n: 3, t: 2 },
];

/** All subsets of 1..n of size t, in ascending order. */
function subsets(n: number, t: number, from = 1): number[][] {
  if (t === 0) return [[]];
  const rest: number[][] = [];
  for (let first = from; first <= n - t + 1; first++) {
    for (const tail of subsets(n, t - 1, first + 1)) rest.push([first, ...tail]);
  }
  return rest;
}

/** A key whose stored public key has the wanted parity. */
function keyOf(shape: { n: number; t: number }, even: boolean): DealtKey {
  for (let i = 0; ; i++) {
    const key = deal(group, { ...shape, rng: seededRng(`${shape.n} ${i}`) });
    if (group.hasEvenY(key.publicKey) === even) return key;
  }
}

/** BIP341's output key from the internal key, on noble's points alone. */
function outputKey(internal: Uint8Array, merkleRoot: Uint8Array | null): Uint8Array {
  const x = internal.subarray(1);
  const tweak = schnorr.utils.taggedHash("TapTweak", x, merkleRoot ?? new Uint8Array(0));
  const lifted = schnorr.utils.lift_x(bytesToNumberBE(x));
  return lifted
    .add(secp256k1.Point.BASE.multiply(bytesToNumberBE(tweak)))
    .toBytes(true)
    .subarray(1);
}

function signOnce(key: DealtKey, committee: readonly PartyIndex[], tweak: TweakContext, seed: string) {
  const { protocol, views } = observedProtocol(suite);
  const configs = signConfigs(suite, key, committee, { message: MESSAGE, tweak });
  const { outcomes, trace } = simulate({ protocol, configs, committee, seed, schedule: CALM });
  const results = [...outcomes.values()].map((outcome) => {
    assert.ok(outcome.kind === "result", JSON.stringify(outcome));
    return outcome.result;
  });
  return { signature: results[0]!, results, view: views.shared(0), trace };
}

type Signed = ReturnType<typeof signOnce>;

for (const shape of SHAPES) {
  for (const even of [true, false]) {
    for (const [name, tweak] of Object.entries(TWEAKS)) {
      test(`${shape.t}-of-${shape.n}, P ${even ? "even" : "odd"}, ${name}: all subsets, both parities of R`, () => {
        const key = keyOf(shape, even);
        const tweaked = resolveTweak(group, key, tweak, suite);
        const publicKey = xOnly(group, tweaked.publicKey);
        if (tweak.taproot !== null) {
          const expected = outputKey(group.encode(tweaked.internalKey), tweak.taproot.merkleRoot);
          assert.equal(toHex(publicKey), toHex(expected));
        }
        // The tweaked group secret, which no party ever has, belongs to the tweaked key.
        assert.ok(group.equals(group.multiplyBase(tweakShare(group, tweaked, key.secret)), tweaked.publicKey));

        for (const signers of subsets(shape.n, shape.t)) {
          const committee = parties(...signers);
          const parities = new Set<bigint>();
          for (let i = 0; parities.size < 2; i++) {
            const { signature, results, view, trace } = signOnce(key, committee, tweak, `${signers.join()} ${i}`);
            assert.equal(new Set(results.map(toHex)).size, 1);
            assert.ok(schnorr.verify(signature, MESSAGE, publicKey));
            const prepared = preparePackage(suite, view);
            if (!parities.has(prepared.nonceSign)) checkShares(trace, view, prepared);
            parities.add(prepared.nonceSign);
          }
        }
      });
    }
  }
}

/** Every broadcast share verifies against its tweaked public share; its negation and another party's share do not. */
function checkShares(trace: Signed["trace"], { publicShares }: Signed["view"], prepared: PreparedPackage): void {
  const { name, broadcast } = signRound(suite, 2);
  const shares = new Map<PartyIndex, bigint>();
  for (const event of trace) {
    if (event.kind !== "send" || event.message.round !== name) continue;
    shares.set(event.message.from, (broadcast!.decode(event.message.body) as { share: bigint }).share);
  }
  assert.equal(shares.size, prepared.signers.length);
  const verifies = (party: PartyIndex, share: bigint): boolean =>
    verifySignatureShare(suite, prepared, { party, publicShare: publicShares.get(party)!, share });
  for (const [party, share] of shares) assert.ok(verifies(party, share));
  const [first, second] = prepared.signers as [PartyIndex, PartyIndex];
  assert.ok(!verifies(first, mod(-shares.get(first)!, group.order)));
  assert.ok(!verifies(first, shares.get(second)!));
}

describe("a Taproot signature", () => {
  test("verifies under no other tweak of the same key", () => {
    const key = keyOf(SHAPES[1]!, false);
    const signed = Object.entries(TWEAKS).map(([name, tweak]) => ({
      name,
      publicKey: xOnly(group, resolveTweak(group, key, tweak, suite).publicKey),
      signature: signOnce(key, parties(1, 3), tweak, name).signature,
    }));
    for (const a of signed) {
      for (const b of signed) assert.equal(schnorr.verify(a.signature, MESSAGE, b.publicKey), a.name === b.name);
    }
  });

  test("is x(R) ‖ z with R lifted to even y", () => {
    const key = keyOf(SHAPES[1]!, true);
    const { signature, view } = signOnce(key, parties(1, 2), TWEAKS["no tweak"]!, "layout");
    assert.equal(signature.length, 64);
    const prepared = preparePackage(suite, view);
    assert.deepEqual(signature.subarray(0, 32), prepared.groupCommitment);
    const sum = computeGroupCommitment(group, view.commitments, prepared.bindingFactors);
    const lifted = group.decode(concatBytes(fromHex("02"), signature.subarray(0, 32)));
    assert.ok(group.hasEvenY(lifted));
    assert.ok(group.equals(lifted, prepared.nonceSign === 1n ? sum : group.negate(sum)));
  });
});
