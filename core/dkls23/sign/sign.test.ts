import { toHex } from "@conclave/bytes";
import {
  NO_TWEAK,
  resolveTweak,
  type CheckedExtension,
  type Engine,
  type MultiplyReceiver,
  type TweakContext,
  verifyEcdsa,
} from "@conclave/crypto";
import { seededRng } from "@conclave/crypto/testing";
import type { PartyIndex } from "@conclave/protocol";
import {
  ByHand,
  CALM,
  interceptSteps,
  parties,
  simulate,
  testSsid,
  type Simulation,
  type SimulationOptions,
} from "@conclave/protocol/testing";
import fc from "fast-check";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ecdsaNonceRecordCodec, encodePoints, signProtocol, type SignConfig } from "../index.ts";
import {
  assertNobleAccepts,
  dealKey,
  quickEngine,
  signConfigs,
  testDigest,
  type DealtKey,
  testGroup,
} from "../testing/index.ts";
import type { CommitState } from "./1-commit.ts";
import { multiplySession, type MultiplyState } from "./2-multiply.ts";
import type { OpenState } from "./3-open.ts";
import { commitmentTo } from "./statement.ts";

const group = testGroup;
const DIGEST = testDigest("message");
const protocol = signProtocol(quickEngine);
const isZero = (buffer: Uint8Array): boolean => buffer.every((byte) => byte === 0);

/** The key that a signature after this tweak verifies under. */
const derivedKey = (key: DealtKey, tweak: TweakContext): Uint8Array => {
  const { record } = [...key.shares.values()][0]!;
  return group.encode(resolveTweak(group, record, tweak, { evenY: false }).publicKey);
};

/** The one signature that all signers ended with. */
function signatureOf({ outcomes, violations }: Simulation<Uint8Array>): Uint8Array {
  assert.deepEqual(violations, []);
  const signatures = [...outcomes].map(([party, outcome]) => {
    assert.ok(outcome.kind === "result", `party ${party}: ${outcome.kind === "abort" ? outcome.reason : outcome.kind}`);
    return outcome.result;
  });
  assert.equal(new Set(signatures.map(toHex)).size, 1);
  return signatures[0]!;
}

/** One key per size: dealing is the slow part. */
const keys = new Map<string, DealtKey>();
function keyOf(n: number, t: number): DealtKey {
  const name = `${t} of ${n}`;
  if (!keys.has(name)) keys.set(name, dealKey({ n, t, rng: seededRng(name) }));
  return keys.get(name)!;
}

const sizes = fc
  .integer({ min: 2, max: 5 })
  .chain((n) => fc.tuple(fc.constant(n), fc.integer({ min: 2, max: n })))
  .chain(([n, t]) =>
    fc.record({
      n: fc.constant(n),
      t: fc.constant(t),
      signers: fc.subarray(
        Array.from({ length: n }, (_, i) => i + 1),
        { minLength: t, maxLength: t },
      ),
    }),
  );

describe(protocol.id, () => {
  test("any signers in any order under any path end with one signature that noble accepts", () => {
    const paths = fc.array(fc.integer({ min: 0, max: 0x7fff_ffff }), { maxLength: 2 });
    const property = fc.property(sizes, paths, fc.string({ maxLength: 8 }), ({ n, t, signers }, path, seed) => {
      const [key, committee] = [keyOf(n, t), parties(...signers)];
      const tweak = { path, taproot: null };
      const digest = testDigest(seed);
      const configs = signConfigs(key, committee, { digest, tweak });
      const signature = signatureOf(simulate({ protocol, configs, committee, seed }));
      assertNobleAccepts(derivedKey(key, tweak), digest, signature);
    });
    fc.assert(property, { numRuns: 12 });
  });

  test("digests that are zero, above the order, or all ones are signed like any other", () => {
    const [key, committee] = [keyOf(2, 2), parties(1, 2)];
    for (const digest of [new Uint8Array(32), new Uint8Array(32).fill(0xff)]) {
      const configs = signConfigs(key, committee, { digest });
      assertNobleAccepts(
        derivedKey(key, NO_TWEAK),
        digest,
        signatureOf(simulate({ protocol, configs, committee, seed: "edge" })),
      );
    }
  });
});

describe("what is hashed", () => {
  const [a, b] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];
  const [one, two, three] = parties(1, 2, 3) as [PartyIndex, PartyIndex, PartyIndex];

  test("gives every multiplication a session of its own: by agreement, setup, pair and direction", () => {
    const sessions = [
      multiplySession(a, { setup: a, sender: one, receiver: two }),
      multiplySession(a, { setup: a, sender: two, receiver: one }),
      multiplySession(a, { setup: a, sender: one, receiver: three }),
      multiplySession(a, { setup: a, sender: three, receiver: two }),
      multiplySession(a, { setup: b, sender: one, receiver: two }),
      multiplySession(b, { setup: a, sender: one, receiver: two }),
    ];
    assert.equal(new Set(sessions.map(toHex)).size, sessions.length);
  });

  test("binds a commitment to session, sender, nonce and blind", () => {
    const [R, S] = encodePoints(group, [group.generator, group.negate(group.generator)]);
    const commitments = [
      commitmentTo(a, one, R!, a),
      commitmentTo(b, one, R!, a),
      commitmentTo(a, two, R!, a),
      commitmentTo(a, one, S!, a),
      commitmentTo(a, one, R!, b),
    ];
    assert.equal(new Set(commitments.map(toHex)).size, commitments.length);
  });
});

describe("one session", () => {
  const [key, committee] = [keyOf(3, 2), parties(1, 3)];
  const ssid = testSsid({ seed: "session", committee });
  const options = { protocol, committee, ssid, seed: "run", schedule: CALM };
  const configs = () => signConfigs(key, committee, { digest: DIGEST });

  test("records what the nonce is spent on before the partial signature leaves", () => {
    const { journal, trace } = simulate({ ...options, configs: configs() });
    for (const party of committee) {
      const committed = trace.findIndex((event) => event.kind === "commit" && event.party === party);
      const left = trace.findIndex(
        (event) =>
          event.kind === "send" && event.message.from === party && event.message.round === "dkls23/sign/4-combine",
      );
      assert.ok(committed !== -1 && committed < left, `party ${party}: record ${committed}, partial ${left}`);
      const [record, ...more] = journal.get(party)!.map((bytes) => ecdsaNonceRecordCodec.decode(bytes));
      assert.equal(more.length, 0);
      assert.deepEqual(record!.digest, DIGEST);
      assert.deepEqual(record!.publicKey, derivedKey(key, NO_TWEAK));
    }
    const ids = new Set(
      [...journal.values()].map(([bytes]) => toHex(ecdsaNonceRecordCodec.decode(bytes!).presignature)),
    );
    assert.equal(ids.size, 1, "every signer's record names the same nonce");
  });

  test("never repeats a nonce or a mask, even if the random source repeats itself", () => {
    const drawn = (changes: { ssid?: typeof ssid; share?: bigint; self?: PartyIndex }): string[] => {
      const self = changes.self ?? committee[0]!;
      const config = { ...configs().get(self)!, ...(changes.share === undefined ? {} : { share: changes.share }) };
      const step = protocol.start({ ssid: changes.ssid ?? ssid, self, committee }, config, seededRng("stuck"));
      assert.ok(step.kind === "send");
      const { nonce, phi } = (step.state as CommitState).secrets;
      return [toHex(nonce), toHex(phi)];
    };
    const all = [
      drawn({}),
      drawn({ ssid: testSsid({ seed: "another", committee }) }),
      drawn({ share: 5n }),
      drawn({ self: committee[1]! }),
    ].flat();
    assert.equal(new Set(all).size, all.length);
    assert.deepEqual(drawn({}), drawn({}), "and is the same only for the same session");
  });

  test("shares of zero add up to zero, hide the shares, and differ from session to session", () => {
    const parts = (seed: string): bigint[] => {
      const found: bigint[] = [];
      const watching = interceptSteps(protocol, (step) => {
        if (step.round.name !== "dkls23/sign/2-multiply") return step;
        found.push(group.decodeScalar((step.state as MultiplyState).secrets.sk));
        return step;
      });
      simulate({ ...options, protocol: watching, configs: configs(), seed });
      return found;
    };
    const [a, b] = [parts("a"), parts("b")];
    const sum = (all: readonly bigint[]): string =>
      toHex(group.encode(group.multiplyBase(all.reduce((total, part) => (total + part) % group.order, 0n))));
    assert.equal(sum(a), toHex(derivedKey(key, NO_TWEAK)));
    assert.equal(sum(b), sum(a));
    assert.notEqual(a[0], b[0]);
  });

  test("leaves nothing behind: scalars, blinds, choices and pads are zero however it ends", () => {
    interface Held {
      readonly buffers: Uint8Array[];
      readonly receivers: MultiplyReceiver[];
    }
    const held = (): { readonly found: Held; readonly watching: typeof protocol } => {
      const found: Held = { buffers: [], receivers: [] };
      const watching = interceptSteps(protocol, (step) => {
        const state = step.state as Partial<OpenState>;
        found.buffers.push(
          ...Object.values(state.secrets ?? {}),
          ...[state.cU, state.cV].filter((x) => x !== undefined),
        );
        found.receivers.push(...(state.receivers?.values() ?? []));
        return step;
      });
      return { found, watching };
    };
    const endings: Record<string, Partial<SimulationOptions<SignConfig, Uint8Array>>> = {
      "a signature": {},
      "a crash": { schedule: { ...CALM, crashes: 1, crashWithin: 12 } },
      "silence in round 3": {
        tamper: (message) => (message.round.endsWith("3-open") ? [] : [message]),
      },
    };
    for (const [name, ending] of Object.entries(endings)) {
      const { found, watching } = held();
      simulate({ ...options, protocol: watching, configs: configs(), ...ending });
      assert.ok(found.buffers.length >= 4, name);
      if (name !== "a crash") assert.ok(found.receivers.length > 0, name);
      assert.ok(found.buffers.every(isZero), name);
      for (const { choices, columns } of found.receivers) assert.ok(isZero(choices) && isZero(columns), name);
    }
  });

  test("wipes the pads of an extension that passed its check, though the session never gets further", () => {
    const all = parties(1, 2, 3);
    const extensions: CheckedExtension[] = [];
    const watching = interceptSteps(protocol, (step) => {
      if (step.round.name !== "dkls23/sign/2-multiply") return step;
      const checkPrivate: typeof step.round.checkPrivate = (...given) => {
        const checked = step.round.checkPrivate(...given);
        extensions.push(checked as CheckedExtension);
        return checked;
      };
      return { ...step, round: { ...step.round, checkPrivate } };
    });
    simulate({
      protocol: watching,
      committee: all,
      seed: "pads",
      schedule: CALM,
      configs: signConfigs(keyOf(3, 3), all, { digest: DIGEST }),
      tamper: (message) => (message.round.endsWith("2-multiply") && message.from === all[2] ? [] : [message]),
    });
    assert.ok(extensions.length >= 2);
    for (const { zero, one } of extensions) assert.ok(isZero(zero) && isZero(one));
  });

  test("leaves the edges and the caller's buffers as they were", () => {
    const before = configs();
    const copy = [...before.values()].map(({ edges, digest }) =>
      [...edges.values(), digest].map((x) => structuredClone(x)),
    );
    simulate({ ...options, configs: before });
    assert.deepEqual(
      [...before.values()].map(({ edges, digest }) => [...edges.values(), digest]),
      copy,
    );
  });

  test("signs what it promised in round 1, whatever happens to the caller's buffer", () => {
    const changing = configs();
    const digest = DIGEST.slice();
    for (const [party, config] of changing) changing.set(party, { ...config, digest });
    const run = new ByHand({ protocol, configs: changing, committee, seed: "buffer" });
    run.startAll();
    digest.fill(1);
    run.deliverAll("dkls23/sign/1-commit", "broadcast");
    run.deliverAll("dkls23/sign/2-multiply", "direct");
    run.deliverAll("dkls23/sign/3-open", "broadcast");
    run.deliverAll("dkls23/sign/3-open", "direct");
    for (const party of committee) run.commit(party);
    const ends = run.deliverAll("dkls23/sign/4-combine", "broadcast");
    const [effect] = ends.get(committee[0]!)!;
    assert.ok(effect?.kind === "done");
    const publicKey = group.decode(derivedKey(key, NO_TWEAK));
    assert.ok(verifyEcdsa(group, publicKey, DIGEST, effect.result));
  });

  test("counts its multiplications: per peer four of the base point and two of others, and one of either per session", () => {
    const counted = { base: 0, variable: 0, inversions: 0 };
    const counting: Engine = {
      ...quickEngine,
      secp256k1: {
        ...quickEngine.secp256k1,
        multiplyBaseSecret: (k) => ((counted.base += 1), quickEngine.secp256k1.multiplyBaseSecret(k)),
        multiplySecret: (point, k) => ((counted.variable += 1), quickEngine.secp256k1.multiplySecret(point, k)),
        encode: (point) => ((counted.inversions += 1), quickEngine.secp256k1.encode(point)),
        encodeAll: (points) => ((counted.inversions += 1), quickEngine.secp256k1.encodeAll(points)),
      },
    };
    const all = parties(1, 2, 3, 4);
    const simulation = simulate({
      ...options,
      protocol: signProtocol(counting),
      committee: all,
      ssid: testSsid({ seed: "counting", committee: all }),
      configs: signConfigs(keyOf(4, 4), all, { digest: DIGEST }),
    });
    signatureOf(simulation);
    const [perParty, peers] = [4, 3];
    // R_i and pk_i once; c_u, c_v, d_u, d_v per peer.
    assert.equal(counted.base, perParty * (2 + 4 * peers));
    assert.equal(counted.variable, perParty * 2 * peers);
    // The derived key, R_i, the points of round 3, R, and the check of the signature.
    assert.equal(counted.inversions, perParty * 5);
  });
});
