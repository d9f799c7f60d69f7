import { equalBytes, toHex } from "@conclave/bytes";
import { NO_TWEAK, resolveTweak, tweakPublicShare, type TweakContext } from "@conclave/crypto";
import { seededRng } from "@conclave/crypto/testing";
import { Session, type Protocol } from "@conclave/protocol";
import { ByHand, CALM, interceptSteps, parties, partyRng, simulate, testSsid } from "@conclave/protocol/testing";
import { ed25519 } from "@noble/curves/ed25519.js";
import { schnorr, secp256k1_FROST } from "@noble/curves/secp256k1.js";
import fc from "fast-check";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Nonces } from "../nonces.ts";
import { verify } from "../signature.ts";
import type { Suite } from "../suite.ts";
import { deal, observedProtocol, signConfig, signConfigs, SUITES, testDigest } from "../testing/index.ts";
import type { SignConfig } from "./config.ts";
import { signProtocol } from "./index.ts";
import { nonceRecordCodec } from "./nonce-record.ts";

const MESSAGE = testDigest("message");

const isZero = (buffer: Uint8Array): boolean => buffer.every((byte) => byte === 0);

/** The suite's signature checked by noble alone, from bytes. */
function nobleVerifies({ id }: Suite, publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (id === "frost-ed25519") return ed25519.verify(signature, message, publicKey);
  if (id === "frost-secp256k1") return secp256k1_FROST.verify(signature, message, publicKey);
  return schnorr.verify(signature, message, publicKey.subarray(1));
}

for (const suite of SUITES) {
  const { group } = suite;
  describe(signProtocol(suite).id, () => {
    test("every signer ends with the same valid signature, whatever the network does", () => {
      const property = fc.property(
        fc.integer({ min: 2, max: 4 }).chain((t) => fc.tuple(fc.constant(t), fc.integer({ min: t, max: t + 2 }))),
        fc.string({ minLength: 1, maxLength: 8 }),
        ([t, n], seed) => {
          const key = deal(group, { n, t, rng: seededRng(seed) });
          const committee = parties(...Array.from({ length: n }, (_, i) => i + 1)).slice(n - t);
          const configs = signConfigs(suite, key, committee, { message: MESSAGE });
          const { outcomes, violations } = simulate({ protocol: signProtocol(suite), configs, committee, seed });
          assert.deepEqual(violations, []);
          const results = [...outcomes.values()].map((outcome) => {
            assert.equal(outcome.kind, "result", JSON.stringify(outcome));
            return outcome.kind === "result" ? toHex(outcome.result) : "";
          });
          assert.equal(results.length, t);
          assert.equal(new Set(results).size, 1);
          const first = outcomes.get(committee[0]!)!;
          assert.ok(first.kind === "result" && verify(suite, key.publicKey, MESSAGE, first.result));
          assert.ok(nobleVerifies(suite, group.encode(key.publicKey), MESSAGE, first.result));
          assert.ok(!verify(suite, key.publicKey, testDigest("other"), first.result));
        },
      );
      fc.assert(property, { numRuns: 12 });
    });

    const [key, committee] = [deal(group, { n: 3, t: 2, rng: seededRng("key") }), parties(1, 3)];
    const configs = signConfigs(suite, key, committee, { message: MESSAGE });
    const ssid = testSsid({ seed: "session", committee });
    const options = { configs, committee, ssid, seed: "run", schedule: CALM };

    test("the spent nonce is recorded before the signature share leaves", () => {
      const { journal, trace } = simulate({ protocol: signProtocol(suite), ...options });
      for (const party of committee) {
        const committed = trace.findIndex((event) => event.kind === "commit" && event.party === party);
        const left = trace.findIndex(
          (event) => event.kind === "send" && event.message.from === party && event.message.round === "frost/sign/2",
        );
        assert.ok(committed !== -1 && committed < left, `party ${party}: record ${committed}, share ${left}`);
        const [record, ...more] = journal.get(party)!.map((bytes) => nonceRecordCodec.decode(bytes));
        assert.equal(more.length, 0);
        assert.deepEqual(record!.ssid, Uint8Array.from(ssid));
        assert.deepEqual(record!.publicKey, group.encode(resolveTweak(group, key, NO_TWEAK, suite).publicKey));
        if (suite.evenY) assert.deepEqual(record!.digest, MESSAGE);
      }
      const hashes = new Set(
        [...journal.values()].map(([bytes]) => toHex(nonceRecordCodec.decode(bytes!).commitments)),
      );
      assert.equal(hashes.size, 1);
    });

    test("the record names another list, message or session by another value", () => {
      const recordOf = (changes: { ssid?: string; message?: Uint8Array; seed?: string }) => {
        const changed = signConfigs(suite, key, committee, { message: changes.message ?? MESSAGE });
        const { journal } = simulate({
          protocol: signProtocol(suite),
          ...options,
          configs: changed,
          ssid: testSsid({ seed: changes.ssid ?? "session", committee }),
          seed: changes.seed ?? "run",
        });
        return nonceRecordCodec.decode(journal.get(committee[0]!)![0]!);
      };
      const honest = recordOf({});
      assert.ok(!equalBytes(honest.ssid, recordOf({ ssid: "other" }).ssid));
      assert.ok(!equalBytes(honest.commitments, recordOf({ seed: "other randomness" }).commitments));
      assert.ok(!equalBytes(honest.digest, recordOf({ message: new Uint8Array(32) }).digest));
    });

    test("views decode to what every signer must agree on, tweaked public shares included", () => {
      const tweak: TweakContext = suite.evenY
        ? { path: [3, 1], taproot: { merkleRoot: null } }
        : { path: suite.id === "frost-secp256k1" ? [3, 1] : [], taproot: null };
      const { protocol, views } = observedProtocol(suite);
      simulate({ protocol, ...options, configs: signConfigs(suite, key, committee, { message: MESSAGE, tweak }) });
      assert.equal(views.count, 2);
      assert.deepEqual(views.statement(0).signers, committee);
      const tweaked = resolveTweak(group, key, tweak, suite);
      for (const view of [views.shared(0), views.shared(1)]) {
        assert.deepEqual(view.signers, committee);
        assert.deepEqual([...view.commitments.keys()], committee);
        assert.ok(group.equals(view.publicKey, tweaked.publicKey));
        assert.deepEqual(view.message, MESSAGE);
        for (const party of committee) {
          const expected = tweakPublicShare(group, tweaked, key.publicShares.get(party)!);
          assert.ok(group.equals(view.publicShares.get(party)!, expected));
        }
      }
    });

    /** The sign protocol of one party, with the buffers that hold its nonces and its share. */
    function watched(): { protocol: Protocol<SignConfig, Uint8Array>; secrets: Uint8Array[]; atRound2: boolean[] } {
      const [secrets, atRound2]: [Uint8Array[], boolean[]] = [[], []];
      const protocol = interceptSteps(signProtocol(suite), (step, { self }) => {
        if (self !== committee[0]) return step;
        if (step.round.name === "frost/sign/2") atRound2.push(secrets.every(isZero));
        else {
          const { nonces, share } = step.state as { nonces: Nonces; share: Uint8Array };
          secrets.push(nonces.secrets.hiding, nonces.secrets.binding, share);
        }
        return step;
      });
      return { protocol, secrets, atRound2 };
    }

    test("a session starts once, and leaves zeros where its nonces and share were", () => {
      const { protocol, secrets } = watched();
      const context = { ssid, self: committee[0]!, committee };
      const config = signConfig(suite, key, { self: committee[0]!, message: MESSAGE });
      const session = new Session({ protocol, context, rng: partyRng("wipe", committee[0]!) });
      session.start(config);
      assert.equal(secrets.length, 3);
      assert.ok(!secrets.some(isZero));
      assert.throws(() => session.start(config), /a session starts once/);
      session.close();
      assert.ok(secrets.every(isZero));
      assert.throws(() => session.start(config), /a session starts once/);
    });

    test("nonces and share are zeros before the signature share is recorded or leaves", () => {
      const { protocol, secrets, atRound2 } = watched();
      simulate({ ...options, protocol });
      assert.equal(secrets.length, 3);
      assert.deepEqual(atRound2, [true]);
    });

    test("two parties with one share and one random source publish different nonces", () => {
      const config = signConfig(suite, key, { self: committee[0]!, message: MESSAGE });
      const published = committee.map((self) => {
        const step = signProtocol(suite).start({ ssid, self, committee }, config, (length) => new Uint8Array(length));
        assert.ok(step.kind === "send" && step.outgoing.broadcast !== null);
        return toHex(step.outgoing.broadcast);
      });
      assert.notEqual(published[0], published[1]);
    });

    test("a caller that reuses its message buffer does not change what is signed", () => {
      const buffer = MESSAGE.slice();
      const own = signConfigs(suite, key, committee, { message: buffer });
      const hands = new ByHand({ protocol: signProtocol(suite), configs: own, committee, seed: "buffer" });
      hands.startAll();
      buffer.fill(0);
      hands.deliverAll("frost/sign/1", "broadcast");
      for (const party of committee) hands.commit(party);
      for (const effects of hands.deliverAll("frost/sign/2", "broadcast").values()) {
        const [end] = effects;
        assert.ok(end?.kind === "done");
        assert.ok(verify(suite, key.publicKey, MESSAGE, end.result));
      }
    });
  });
}
