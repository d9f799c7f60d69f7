/** Every lie meets the check that is there for it, and nobody honest is ever blamed. */
import { ed25519Group, mod, randomScalar, type Point } from "@conclave/crypto";
import { seededRng } from "@conclave/crypto/testing";
import { viewHash, type Abort, type Message, type PartyIndex } from "@conclave/protocol";
import {
  CALM,
  mutationTable,
  parties,
  simulate,
  testSsid,
  type Replacement,
  type Simulation,
  type Verdict,
} from "@conclave/protocol/testing";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { NonceCommitments } from "../nonces.ts";
import type { Suite } from "../suite.ts";
import { deal, signConfig, signConfigs, signRound, SUITES, testDigest, type DealtKey } from "../testing/index.ts";
import type { SignConfig } from "./config.ts";
import { signProtocol } from "./index.ts";
import { sharedViewCodec, statementCodec } from "./statement.ts";

const MESSAGE = testDigest("message");
const [COMMIT, SHARE] = ["frost/sign/1", "frost/sign/2"];
const BAD_SHARE = "signature share does not verify";

const aborts = ({ outcomes }: Simulation<Uint8Array>, honest: readonly PartyIndex[]): Abort[] =>
  honest.map((party) => {
    const outcome = outcomes.get(party)!;
    assert.ok(outcome.kind === "abort", `party ${party}: ${outcome.kind}`);
    return outcome;
  });

/** RFC 8032 points with a component of small order: on the curve, outside the prime-order group. */
const mixedOrder =
  (suite: Suite) =>
  (kind: string): readonly Replacement[] => {
    if (kind !== "point" || suite.group.name !== "ed25519") return [];
    // The point (0, −1) of order 2 added to a point (x, y) gives (−x, −y).
    const encoded = ed25519Group.encode(ed25519Group.generator);
    const y =
      2n ** 255n -
      19n -
      BigInt(
        `0x${[...encoded]
          .toReversed()
          .map((b) => b.toString(16).padStart(2, "0"))
          .join("")}`,
      );
    const bytes = Uint8Array.from({ length: 32 }, (_, i) => Number((y >> BigInt(8 * i)) & 0xffn));
    return [{ name: "mixed order", value: bytes, illegal: true }];
  };

for (const suite of SUITES) {
  const { group } = suite;
  const protocol = signProtocol(suite);
  const key = deal(group, { n: 5, t: 4, rng: seededRng("key") });
  const committee = parties(1, 2, 4, 5);
  const [one, two, four, five] = committee as [PartyIndex, PartyIndex, PartyIndex, PartyIndex];
  const configs = (): Map<PartyIndex, SignConfig> => signConfigs(suite, key, committee, { message: MESSAGE });
  const ssid = testSsid({ seed: "cheating", committee });
  const base = { protocol, committee, seed: "cheating", ssid, schedule: CALM };

  /** Run with what some parties broadcast in round 2 replaced. */
  const withShares = (change: ReadonlyMap<PartyIndex, (z: bigint) => bigint>): Simulation<Uint8Array> => {
    const codec = signRound(suite, 2).broadcast!;
    const tamper = (message: Message): readonly Message[] => {
      const lie = change.get(message.from);
      if (message.round !== SHARE || lie === undefined) return [message];
      const { share } = codec.decode(message.body) as { share: bigint };
      return [{ ...message, body: codec.encode({ share: lie(share) }) }];
    };
    return simulate({ ...base, configs: configs(), tamper });
  };
  const plusOne = (z: bigint): bigint => mod(z + 1n, group.order);

  describe(`cheating in ${protocol.id}`, () => {
    test("every field of every message, mutated in every way", () => {
      const small = deal(group, { n: 2, t: 2, rng: seededRng("small") });
      const pair = parties(1, 2);
      const malformed: Verdict<Uint8Array> = { fault: "public", blames: "cheater", reason: "malformed message" };
      // Other commitments are legal, but their sender cannot answer for them in the view that it shares with the others.
      const badShare: Verdict<Uint8Array> = { fault: "public", blames: "cheater", reason: BAD_SHARE };
      const rows = mutationTable({
        protocol,
        committee: pair,
        configs: () => signConfigs(suite, small, pair, { message: MESSAGE }),
        seed: "table",
        cheater: pair[1]!,
        group,
        extra: mixedOrder(suite),
        verdicts: {
          [`${COMMIT} broadcast: malformed`]: malformed,
          [`${COMMIT} broadcast message`]: badShare,
          [`${COMMIT} broadcast hiding`]: badShare,
          [`${COMMIT} broadcast binding`]: badShare,
          [`${SHARE} broadcast: malformed`]: malformed,
          [`${SHARE} broadcast message`]: badShare,
          [`${SHARE} broadcast share`]: badShare,
        },
      });
      assert.ok(rows.length > 60, `${rows.length} rows`);
      const tried = new Set(rows.map(({ mutation }) => mutation.name));
      const points = group.name === "ed25519" ? ["identity", "mixed order"] : ["zeros", "hybrid prefix 06"];
      for (const name of [...points, "off the curve", "a byte missing", "group order"])
        assert.ok(tried.has(name), name);
    });

    test(`"${BAD_SHARE}": a wrong share names its sender, and the evidence convinces a third party`, () => {
      const simulation = withShares(new Map([[two, plusOne]]));
      for (const abort of aborts(simulation, [one, four, five])) {
        assert.equal(abort.fault, "public");
        assert.equal(abort.reason, BAD_SHARE);
        assert.deepEqual(abort.culprits, [two]);
        assert.deepEqual(abort.evidence, [{ round: SHARE, part: "broadcast", from: two }]);
        judge(simulation, abort);
      }
    });

    test(`"${BAD_SHARE}": two wrong shares at once name exactly both`, () => {
      const simulation = withShares(new Map([two, five].map((party) => [party, plusOne])));
      for (const abort of aborts(simulation, [one, four])) assert.deepEqual(abort.culprits, [two, five]);
    });

    test("two wrong shares whose errors cancel out still make a valid signature, and nobody is blamed", () => {
      const minusOne = (z: bigint): bigint => mod(z - 1n, group.order);
      const { outcomes } = withShares(
        new Map([
          [two, plusOne],
          [five, minusOne],
        ]),
      );
      for (const party of [one, four]) assert.equal(outcomes.get(party)!.kind, "result");
    });

    test('"sent a signature share without being a signer": convicts whoever signs such a view', () => {
      const view = observedView();
      const stranger = parties(3)[0]!;
      assert.throws(
        () => signRound(suite, 2).checkPublic(view, stranger, { share: 1n }),
        (error: unknown) => isFault(error, "public", "sent a signature share without being a signer"),
      );
    });

    test('"every signature share verifies but the signature does not": a wrong group key blames nobody', () => {
      const other = deal(group, { n: 2, t: 2, rng: seededRng("other key") });
      const wrong = new Map(
        [...configs()].map(([party, config]) => [party, { ...config, publicKey: other.publicKey }]),
      );
      // The shares are checked against the public shares of the true key, negated like the wrong one.
      for (const abort of aborts(simulate({ ...base, configs: wrong }), committee)) {
        assert.equal(abort.fault, "mismatch");
        assert.equal(abort.reason, "every signature share verifies but the signature does not");
        assert.deepEqual([abort.culprits, abort.suspects], [[], []]);
      }
    });

    test("a stored share that does not belong to its public share: the others name its holder, the holder stops", () => {
      const broken = configs();
      broken.set(two, { ...broken.get(two)!, share: mod(broken.get(two)!.share + 1n, group.order) });
      assert.throws(() => simulate({ ...base, configs: broken }), /our own signature share verifies/);
      // With the holder's part withheld from itself only: it hears nothing, the others hear it.
      const simulation = simulate({
        ...base,
        configs: broken,
        tamper: (message, to) => (to === two && message.round === SHARE ? [] : [message]),
      });
      for (const abort of aborts(simulation, [one, four, five])) assert.deepEqual(abort.culprits, [two]);
    });

    test('"the nonce commitments cancel out": with binding factors broken to 1, R can be forced to the identity', () => {
      const weak: Suite = { ...suite, H1: () => 1n };
      const codec = signRound(weak, 1).broadcast!;
      const pair = parties(1, 2);
      const small = deal(group, { n: 2, t: 2, rng: seededRng("small") });
      let sum: Point = group.identity;
      const simulation = simulate({
        ...base,
        protocol: signProtocol(weak),
        committee: pair,
        ssid: testSsid({ seed: "weak", committee: pair }),
        configs: signConfigs(weak, small, pair, { message: MESSAGE }),
        tamper: (message) => {
          if (message.round !== COMMIT) return [message];
          const { hiding, binding } = codec.decode(message.body) as NonceCommitments;
          if (message.from === pair[0]) {
            sum = group.add(hiding, binding);
            return [message];
          }
          const cancelling = group.negate(group.add(sum, binding));
          return [{ ...message, body: codec.encode({ hiding: cancelling, binding }) }];
        },
      });
      const [abort] = aborts(simulation, [pair[0]!]);
      assert.equal(abort!.fault, "mismatch");
      assert.equal(abort!.reason, "the nonce commitments cancel out");
      assert.deepEqual(abort!.culprits, []);
      assert.deepEqual(simulation.journal.get(pair[0]!), []);
    });
  });

  describe(`different views in ${protocol.id} blame nobody`, () => {
    const differing: [string, (config: SignConfig) => Partial<SignConfig>][] = [
      ["message", () => ({ message: new Uint8Array(32) })],
      ["approval", () => ({ approval: new Uint8Array(32) })],
      ["key id", () => ({ keyId: new Uint8Array(32) })],
      ["epoch", () => ({ epoch: 1 })],
      ...(group.name === "secp256k1"
        ? ([
            ["path", () => ({ tweak: { path: [1], taproot: null } })],
            ["chain code", () => ({ tweak: { path: [0], taproot: null }, chainCode: new Uint8Array(32) })],
          ] as [string, () => Partial<SignConfig>][])
        : []),
      ...(suite.evenY
        ? ([
            ["Taproot output", () => ({ tweak: { path: [], taproot: { merkleRoot: null } } })],
            ["Merkle root", () => ({ tweak: { path: [], taproot: { merkleRoot: MESSAGE } } })],
          ] as [string, () => Partial<SignConfig>][])
        : []),
    ];
    for (const [what, change] of differing) {
      test(`another ${what}: noticed before any nonce is used`, () => {
        const mixed = configs();
        mixed.set(two, { ...mixed.get(two)!, ...change(mixed.get(two)!) });
        const simulation = simulate({ ...base, configs: mixed });
        for (const abort of aborts(simulation, committee)) assertMismatch(abort, COMMIT);
        for (const records of simulation.journal.values()) assert.deepEqual(records, []);
        assert.ok(!simulation.trace.some((event) => event.kind === "send" && event.message.round === SHARE));
      });
    }

    test("another public share of one signer", () => {
      const mixed = configs();
      const publicShares = new Map(key.publicShares).set(four, key.publicShares.get(five)!);
      mixed.set(two, { ...mixed.get(two)!, publicShares });
      for (const abort of aborts(simulate({ ...base, configs: mixed }), committee)) assertMismatch(abort, SHARE);
    });

    test("different commitments told to different signers", () => {
      const codec = signRound(suite, 1).broadcast!;
      const other = { hiding: group.multiplyBase(7n), binding: group.multiplyBase(8n) };
      const simulation = simulate({
        ...base,
        configs: configs(),
        tamper: (message, to) => {
          if (message.from !== two || message.round !== COMMIT || to !== five) return [message];
          return [{ ...message, body: codec.encode(other) }];
        },
      });
      for (const abort of aborts(simulation, [one, four, five])) assertMismatch(abort, SHARE);
    });

    test("different commitments told to one signer twice are a contradiction and convict", () => {
      const codec = signRound(suite, 1).broadcast!;
      const other = { hiding: group.multiplyBase(7n), binding: group.multiplyBase(8n) };
      const simulation = simulate({
        ...base,
        configs: configs(),
        tamper: (message, to) => {
          if (message.from !== two || message.round !== COMMIT || to !== five) return [message];
          return [message, { ...message, body: codec.encode(other) }];
        },
      });
      const [abort] = aborts(simulation, [five]);
      assert.equal(abort!.fault, "equivocation");
      assert.deepEqual(abort!.culprits, [two]);
    });

    test("a share of another session, with its view, does not count here", () => {
      const previous = simulate({
        ...base,
        configs: configs(),
        seed: "previous",
        ssid: testSsid({ seed: "previous", committee }),
      });
      const old = previous.trace.find(
        (event) => event.kind === "send" && event.message.from === two && event.message.round === SHARE,
      );
      assert.ok(old?.kind === "send");
      const simulation = simulate({
        ...base,
        configs: configs(),
        tamper: (message) => [message.from === two && message.round === SHARE ? old.message : message],
      });
      for (const abort of aborts(simulation, [one, four, five])) assertMismatch(abort, SHARE);
    });
  });

  describe(`public states of ${protocol.id}`, () => {
    const encoded = (): { view: ReturnType<typeof observedView>; bytes: Uint8Array } => {
      const view = observedView();
      return { view, bytes: sharedViewCodec(suite).encode(view) };
    };

    test("refuse lists that do not name each signer once, in order", () => {
      const { view } = encoded();
      const codec = sharedViewCodec(suite);
      const without = <T>(map: ReadonlyMap<PartyIndex, T>): Map<PartyIndex, T> =>
        new Map([...map].filter(([party]) => party !== two));
      for (const changed of [
        { ...view, commitments: without(view.commitments) },
        { ...view, publicShares: without(view.publicShares) },
        { ...view, signers: view.signers.filter((party) => party !== two) },
      ]) {
        assert.throws(() => codec.decode(codec.encode(changed)), /a list does not name the signers/);
      }
      const swapped = { ...view, signers: [two, one, four, five] };
      assert.throws(() => codec.decode(codec.encode(swapped)), /signers do not ascend/);
      const twice = { ...view, signers: [one, one, four, five] };
      assert.throws(() => codec.decode(codec.encode(twice)), /signers do not ascend/);
    });

    test("are refused by every other suite", () => {
      const { view, bytes } = encoded();
      for (const other of SUITES) {
        if (other.id === suite.id) continue;
        assert.throws(() => sharedViewCodec(other).decode(bytes), /suite: expected/);
        assert.throws(() => statementCodec(other).decode(statementCodec(suite).encode(view)), /suite: expected/);
      }
    });

    if (suite.evenY) {
      test("refuse a BIP340 key with an odd y-coordinate", () => {
        const { view } = encoded();
        const odd = { ...view, publicKey: group.negate(view.publicKey) };
        assert.throws(() => sharedViewCodec(suite).decode(sharedViewCodec(suite).encode(odd)), /even y-coordinate/);
      });
    }
  });

  test(`nonces of ${protocol.id}: a stuck random source repeats no commitment across sessions or shares`, () => {
    const stuck = { rngFor: () => (length: number) => new Uint8Array(length).fill(7) };
    const commitmentsOf = (dealt: DealtKey, seed: string): string => {
      const simulation = simulate({
        ...base,
        ...stuck,
        ssid: testSsid({ seed, committee }),
        configs: new Map(committee.map((self) => [self, signConfig(suite, dealt, { self, message: MESSAGE })])),
      });
      const sent = simulation.trace.find((event) => event.kind === "send" && event.message.round === COMMIT);
      assert.ok(sent?.kind === "send");
      return sent.message.body.join();
    };
    const otherKey = deal(group, { n: 5, t: 4, rng: seededRng("another key") });
    const seen = [commitmentsOf(key, "a"), commitmentsOf(key, "b"), commitmentsOf(otherKey, "a")];
    assert.equal(new Set(seen).size, 3);
    assert.equal(commitmentsOf(key, "a"), seen[0]);
  });

  /** The public state of round 2, from the evidence of a run with a wrong share. */
  function observedView() {
    const random = randomScalar(group, seededRng("wrong share"));
    const [abort] = aborts(withShares(new Map([[two, () => random]])), [one]);
    return sharedViewCodec(suite).decode(abort!.publicState);
  }

  /** A third party: only the public state and the messages, as they were signed. */
  function judge({ trace }: Simulation<Uint8Array>, { publicState, culprits }: Abort): void {
    const round = signRound(suite, 2);
    const state = round.publicState.decode(publicState);
    for (const event of trace) {
      if (event.kind !== "deliver" || event.message.round !== SHARE) continue;
      const { from, view, body } = event.message;
      assert.deepEqual(viewHash(ssid, SHARE, publicState), view);
      const check = (): void => round.checkPublic(state, from, round.broadcast!.decode(body));
      if (culprits.includes(from)) assert.throws(check, (error: unknown) => isFault(error, "public", BAD_SHARE));
      else check();
    }
  }
}

function assertMismatch(abort: Abort, round: string): void {
  assert.equal(abort.fault, "mismatch");
  assert.match(abort.reason, /works from another view/);
  assert.equal(abort.round, round);
  assert.deepEqual(abort.culprits, []);
  assert.deepEqual(abort.evidence, []);
}

const isFault = (error: unknown, kind: string, message: string): boolean =>
  error instanceof Error &&
  error.name === "Fault" &&
  "kind" in error &&
  error.kind === kind &&
  error.message === message;
