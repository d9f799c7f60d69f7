import { AssertionError, toHex } from "@conclave/bytes";
import { NO_TWEAK, resolveTweak, type TweakContext } from "@conclave/crypto";
import { seededRng } from "@conclave/crypto/testing";
import type { PartyIndex } from "@conclave/protocol";
import { CALM, parties, simulate, testSsid, type Simulation } from "@conclave/protocol/testing";
import fc from "fast-check";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  ecdsaNonceRecordCodec,
  finishProtocol,
  presignatureCodec,
  presignProtocol,
  type FinishConfig,
  type Presignature,
} from "../index.ts";
import {
  assertNobleAccepts,
  dealKey,
  finishConfig,
  presignConfigs,
  quickEngine,
  testDigest,
  type DealtKey,
  testGroup,
} from "../testing/index.ts";

const group = testGroup;
const [presigning, finishing] = [presignProtocol(quickEngine), finishProtocol(quickEngine)];
const codec = presignatureCodec(group);
const DIGEST = testDigest("finish");
const PATH: TweakContext = { path: [1, 7], taproot: null };

const key = dealKey({ n: 4, t: 2, rng: seededRng("presign") });
const committee = parties(2, 4);
const [two, four] = committee as [PartyIndex, PartyIndex];

function presign(
  of: DealtKey = key,
  {
    signers = committee,
    tweak = PATH,
    seed = "presign",
  }: { signers?: PartyIndex[]; tweak?: TweakContext; seed?: string } = {},
): Map<PartyIndex, Presignature> {
  const { outcomes, journal } = simulate({
    protocol: presigning,
    configs: presignConfigs(of, signers, tweak),
    committee: signers,
    seed,
  });
  assert.deepEqual([...journal.values()].flat(), [], "a presignature promises nothing yet");
  return new Map(
    [...outcomes].map(([party, outcome]) => {
      assert.ok(outcome.kind === "result", outcome.kind === "abort" ? outcome.reason : outcome.kind);
      return [party, outcome.result];
    }),
  );
}

const stored = new Map([...presign()].map(([party, presignature]) => [party, codec.encode(presignature)]));
/** As read from a store. */
const fresh = (party: PartyIndex): Presignature => codec.decode(stored.get(party)!);

const finishConfigs = (change: (party: PartyIndex, honest: FinishConfig) => Partial<FinishConfig> = () => ({})) =>
  new Map(
    committee.map((party) => {
      const honest = finishConfig(key, fresh(party), { digest: DIGEST, tweak: PATH });
      return [party, { ...honest, ...change(party, honest) }] as const;
    }),
  );

const finish = (configs: ReadonlyMap<PartyIndex, FinishConfig>, seed = "finish"): Simulation<Uint8Array> =>
  simulate({ protocol: finishing, configs, committee, seed });

const publicKey = (tweak: TweakContext): Uint8Array =>
  group.encode(resolveTweak(group, key.shares.get(two)!.record, tweak, { evenY: false }).publicKey);

describe("a presignature", () => {
  test("becomes a signature of any digest, in one round, for any signers and path", () => {
    const property = fc.property(
      fc.constantFrom([1, 2], [1, 4], [3, 4], [2, 3]),
      fc.array(fc.integer({ min: 0, max: 0x7fff_ffff }), { maxLength: 2 }),
      fc.string({ maxLength: 8 }),
      (numbers, path, seed) => {
        const [signers, tweak, digest] = [parties(...numbers), { path, taproot: null }, testDigest(seed)];
        const presignatures = presign(key, { signers, tweak, seed });
        const configs = new Map(
          [...presignatures].map(([party, presignature]) => [
            party,
            finishConfig(key, presignature, { digest, tweak }),
          ]),
        );
        const { outcomes, violations } = simulate({ protocol: finishing, configs, committee: signers, seed });
        assert.deepEqual(violations, []);
        const signatures = [...outcomes.values()].map((outcome) => {
          assert.ok(outcome.kind === "result", outcome.kind === "abort" ? outcome.reason : outcome.kind);
          return outcome.result;
        });
        assert.deepEqual(signatures[0], signatures[1]);
        assertNobleAccepts(publicKey(tweak), digest, signatures[0]!);
      },
    );
    fc.assert(property, { numRuns: 8 });
  });

  test("names the same id, R, key and agreement for all, and its own secrets for each", () => {
    const [a, b] = [fresh(two), fresh(four)];
    for (const field of ["id", "keyId", "disclosure"] as const) assert.deepEqual(a[field], b[field], field);
    assert.deepEqual(a.R.bytes, b.R.bytes);
    assert.deepEqual(a.publicKey.bytes, publicKey(PATH));
    assert.deepEqual([a.signers, a.path, a.self, b.self], [committee, PATH.path, two, four]);
    assert.notDeepEqual(a.secrets.phi, b.secrets.phi);
    assert.notDeepEqual(a.secrets.s0, b.secrets.s0);
    assert.deepEqual([...a.setups.keys()], [four]);
    assert.deepEqual(a.setups.get(four), key.edges.get(two)!.get(four)!.setup);
  });

  test("of another session has another id and another nonce", () => {
    const [other] = presign(key, { seed: "another" }).values();
    assert.notEqual(toHex(other!.id), toHex(fresh(two).id));
    assert.notEqual(toHex(other!.R.bytes), toHex(fresh(two).R.bytes));
  });
});

describe("using up a presignature", () => {
  test("records id, digest and key before the partial leaves", () => {
    const { journal, trace } = finish(finishConfigs());
    for (const party of committee) {
      const committed = trace.findIndex((event) => event.kind === "commit" && event.party === party);
      const left = trace.findIndex((event) => event.kind === "send" && event.message.from === party);
      assert.ok(committed !== -1 && committed < left);
      assert.deepEqual(
        journal.get(party)!.map((bytes) => ecdsaNonceRecordCodec.decode(bytes)),
        [{ kind: "ecdsa-nonce", presignature: fresh(party).id, digest: DIGEST, publicKey: publicKey(PATH) }],
      );
    }
  });

  test("happens once: the secrets are zero before the first partial is made", () => {
    const configs = finishConfigs();
    finish(configs);
    for (const { presignature } of configs.values()) {
      for (const secret of Object.values(presignature.secrets))
        assert.ok((secret as Uint8Array).every((byte) => byte === 0));
    }
    assert.throws(
      () => finish(configs, "again"),
      (error) => error instanceof AssertionError && /this presignature is spent: it signs once/.test(error.message),
    );
  });

  test("from a restored copy names the same id in its record, so that a journal refuses it", () => {
    const [first, second] = ["first", "second"].map((seed) => {
      const changed = finishConfigs(() => ({ digest: testDigest(seed) }));
      return ecdsaNonceRecordCodec.decode(finish(changed, seed).journal.get(two)![0]!);
    });
    assert.deepEqual(first!.presignature, second!.presignature);
    assert.notDeepEqual(first!.digest, second!.digest);
  });

  test("a crash before the commit leaves no partial", () => {
    const { trace } = simulate({
      protocol: finishing,
      configs: finishConfigs(),
      committee,
      seed: "crash",
      schedule: { ...CALM, crashes: 2, crashWithin: 1 },
    });
    assert.deepEqual(
      trace.filter(({ kind }) => kind === "send"),
      [],
    );
  });

  const refuses = (
    expected: RegExp,
    change: (honest: FinishConfig) => Partial<FinishConfig>,
    signers = committee,
  ): void => {
    const honest = finishConfig(key, fresh(two), { digest: DIGEST, tweak: PATH });
    const config = { ...honest, ...change(honest) };
    const context = { ssid: testSsid({ seed: "refused", committee }), self: two, committee: signers };
    assert.throws(
      () => finishing.start(context, config, seededRng("unused")),
      (error) => error instanceof AssertionError && expected.test(error.message),
    );
    const { secrets } = config.presignature;
    assert.ok(
      Object.values(secrets).every((secret) => (secret as Uint8Array).some((byte) => byte !== 0)),
      "a refused order spends nothing",
    );
  };

  test("is refused for another path", () => {
    refuses(/belongs to another path/, () => ({ tweak: NO_TWEAK }));
    refuses(/belongs to another path/, () => ({ tweak: { path: [1, 8], taproot: null } }));
    refuses(/belongs to another path/, () => ({ tweak: { path: [1, 7, 0], taproot: null } }));
    refuses(/does not sign for a Taproot output/, () => ({ tweak: { ...PATH, taproot: { merkleRoot: null } } }));
  });

  test("is refused for another key, by its id, its public key or its chain code", () => {
    refuses(/belongs to another key/, () => ({ keyId: new Uint8Array(32) }));
    refuses(/belongs to another derived key/, () => ({ publicKey: group.generator }));
    refuses(/belongs to another derived key/, () => ({ chainCode: new Uint8Array(32) }));
  });

  test("is refused for another epoch, committee or party", () => {
    refuses(/belongs to another epoch/, () => ({ epoch: 1 }));
    refuses(/belongs to another committee/, () => ({}), parties(2, 3));
    refuses(/belongs to another committee/, () => ({}), parties(2, 3, 4));
    refuses(/belongs to another party/, () => ({ presignature: fresh(four) }));
  });

  test("is refused once an edge was made anew, or is dead", () => {
    refuses(/belongs to another setup with party 4/, () => ({ setups: new Map([[four, new Uint8Array(32)]]) }));
    refuses(/belongs to another setup with party 4/, () => ({ setups: new Map() }));
  });

  test("is refused for a digest or approval of another length", () => {
    refuses(/a digest is 32 bytes/, () => ({ digest: new Uint8Array(31) }));
    refuses(/an approval is 32 bytes/, () => ({ approval: new Uint8Array(31) }));
  });

  /** No signature, nobody blamed, and at least one says why; who heard of it first has not sent its part to the other. */
  const blamesNobody = ({ outcomes }: Simulation<Uint8Array>): void => {
    const reasons: string[] = [];
    for (const outcome of outcomes.values()) {
      assert.ok(outcome.kind === "abort" && ["mismatch", "silence"].includes(outcome.fault));
      assert.deepEqual(outcome.culprits, []);
      if (outcome.fault === "mismatch") reasons.push(outcome.reason);
    }
    assert.ok(reasons.length > 0);
    for (const reason of reasons) assert.match(reason, /works from another view/);
  };

  test("by signers who do not agree ends without a signature and blames nobody", () => {
    for (const change of [{ digest: testDigest("another") }, { approval: new Uint8Array(32) }]) {
      blamesNobody(finish(finishConfigs((party) => (party === four ? change : {}))));
    }
  });

  test("by signers whose parts differ in nothing but the id, R, or what was public when R was opened, is another view", () => {
    const other = presign(key, { seed: "other nonce" }).get(four)!;
    for (const field of ["id", "R", "disclosure"] as const) {
      const mixed = { ...fresh(four), [field]: other[field] };
      blamesNobody(finish(finishConfigs((party) => (party === four ? { presignature: mixed } : {}))));
    }
  });

  test("by signers who hold parts of different presignatures blames nobody", () => {
    const other = presign(key, { seed: "other nonce" });
    blamesNobody(finish(finishConfigs((party) => (party === four ? { presignature: other.get(four)! } : {}))));
  });
});
