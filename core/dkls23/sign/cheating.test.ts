/** Liars by name: who is blamed, who is not, and that no signature comes of it. */
import { mod } from "@conclave/crypto";
import { seededRng } from "@conclave/crypto/testing";
import { Fault, viewHash, type Abort, type Message, type PartyIndex, type Protocol } from "@conclave/protocol";
import {
  CALM,
  cheat,
  interceptSteps,
  parties,
  partyRng,
  seededDice,
  simulate,
  testSsid,
  type Rewrite,
  type Simulation,
} from "@conclave/protocol/testing";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { encodePoints } from "../encoded-point.ts";
import { signProtocol, type Edge, type SignConfig } from "../index.ts";
import { dealEdges, dealKey, quickEngine, signConfigs, testDigest, testGroup } from "../testing/index.ts";
import type { CommitState } from "./1-commit.ts";
import type { MultiplyState } from "./2-multiply.ts";
import type { OpenState } from "./3-open.ts";
import { commitmentTo, type Commitment, type Opening } from "./statement.ts";

const group = testGroup;
const [COMMIT, MULTIPLY, OPEN, COMBINE] = ["1-commit", "2-multiply", "3-open", "4-combine"].map(
  (round) => `dkls23/sign/${round}`,
) as [string, string, string, string];

const protocol = signProtocol(quickEngine);
const committee = parties(1, 2, 3);
const [one, two, three] = committee as [PartyIndex, PartyIndex, PartyIndex];
const key = dealKey({ n: 3, t: 3, rng: seededRng("cheating") });
const pairKey = dealKey({ n: 2, t: 2, rng: seededRng("cheating pair") });
const digest = testDigest("cheating");

const configs = (): Map<PartyIndex, SignConfig> => signConfigs(key, committee, { digest });
const base = { protocol, committee, seed: "cheating", schedule: CALM };
const pair = { ...base, committee: parties(1, 2) };
const pairConfigs = (): Map<PartyIndex, SignConfig> => signConfigs(pairKey, pair.committee, { digest });

const abortsOf = ({ outcomes }: Simulation<Uint8Array>, honest: readonly PartyIndex[]): Abort[] =>
  honest.map((party) => {
    const outcome = outcomes.get(party)!;
    assert.ok(outcome.kind === "abort", `party ${party}: ${outcome.kind}`);
    return outcome;
  });

/** All of them stopped for this reason, nobody is blamed, and nothing was promised or signed. */
function blamesNobody(simulation: Simulation<Uint8Array>, honest: readonly PartyIndex[], reason: RegExp): void {
  const aborts = abortsOf(simulation, honest);
  for (const { culprits } of aborts) assert.deepEqual(culprits, []);
  const loud = aborts.filter(({ fault }) => fault !== "silence");
  assert.ok(loud.length > 0);
  for (const abort of loud) {
    assert.equal(abort.fault, "mismatch");
    assert.match(abort.reason, reason);
  }
}

/** The victim stops for this reason and blames exactly the liar; no honest party blames anybody else. */
function blames(
  simulation: Simulation<Uint8Array>,
  { victim, liar }: { victim: PartyIndex; liar: PartyIndex },
  expected: Pick<Abort, "fault" | "reason" | "round">,
): void {
  for (const [party, outcome] of simulation.outcomes) {
    if (party === liar) continue;
    assert.ok(outcome.kind === "abort", `party ${party}: ${outcome.kind}`);
    assert.ok(
      outcome.culprits.every((culprit) => culprit === liar),
      `party ${party} blames ${outcome.culprits.join()}`,
    );
    if (party !== victim) continue;
    const { fault, reason, round } = outcome;
    assert.deepEqual({ fault, reason, round, culprits: outcome.culprits }, { ...expected, culprits: [liar] });
  }
}

/** A message of an honest run of this configuration. */
function messageOf(
  run: Simulation<Uint8Array>,
  { round, part, from, to }: { round: string; part: Message["part"]; from: PartyIndex; to: PartyIndex },
): Message {
  const sent = run.trace.find(
    (event) =>
      event.kind === "send" &&
      event.to === to &&
      event.message.round === round &&
      event.message.part === part &&
      event.message.from === from,
  );
  assert.ok(sent?.kind === "send");
  return sent.message;
}

const run = (changed: Map<PartyIndex, SignConfig>): Simulation<Uint8Array> => simulate({ ...base, configs: changed });

/** Configs in which one party's differs. */
const withConfig = (
  party: PartyIndex,
  change: (honest: SignConfig) => Partial<SignConfig>,
): Map<PartyIndex, SignConfig> => {
  const changed = configs();
  const honest = changed.get(party)!;
  return changed.set(party, { ...honest, ...change(honest) });
};

const withEdge = (
  party: PartyIndex,
  peer: PartyIndex,
  change: (honest: Edge) => Partial<Edge>,
): Map<PartyIndex, SignConfig> =>
  withConfig(party, ({ edges }) => {
    const honest = edges.get(peer)!;
    return { edges: new Map([...edges, [peer, { ...honest, ...change(honest) }]]) };
  });

describe("a wrong message between two costs exactly that edge", () => {
  const codecs = new Map(protocol.rounds.map((round) => [round.name, round]));
  const flipped = (bytes: Uint8Array, bit: number): Uint8Array => {
    const changed = bytes.slice();
    changed[bit >> 3]! ^= 1 << (bit & 7);
    return changed;
  };

  test('"OT extension fails its consistency check": a bit anywhere in u, x or t', () => {
    const dice = seededDice("bits of an extension");
    const codec = codecs.get(MULTIPLY)!.direct!;
    for (const field of ["u", "x", "t", "u", "t", "t"] as const) {
      const body = (honest: Uint8Array): Uint8Array => {
        const message = codec.decode(honest) as Record<string, Uint8Array>;
        const bit = dice.below(8 * message[field]!.length);
        return codec.encode({ ...message, [field]: flipped(message[field]!, bit) });
      };
      const rewrite: Rewrite = { round: MULTIPLY, part: "direct", to: three, body };
      const { simulation } = cheat({ ...base, configs: configs(), cheater: two, rewrite });
      const reason = "OT extension fails its consistency check";
      blames(simulation, { victim: three, liar: two }, { fault: "cheat", reason, round: MULTIPLY });
      // The third party, to whom the liar was honest, only misses messages.
      const [other] = abortsOf(simulation, [one]);
      assert.deepEqual([other!.fault, other!.culprits], ["silence", []]);
    }
  });

  test("nothing that depends on a secret leaves after a failed check", () => {
    const body = (honest: Uint8Array): Uint8Array => {
      const codec = codecs.get(MULTIPLY)!.direct!;
      const message = codec.decode(honest) as { u: Uint8Array };
      return codec.encode({ ...message, u: flipped(message.u, 77) });
    };
    const rewrite: Rewrite = { round: MULTIPLY, part: "direct", to: three, body };
    const { simulation } = cheat({ ...base, configs: configs(), cheater: two, rewrite });
    const later = simulation.trace.filter(
      (event) => event.kind === "send" && event.message.from === three && event.message.round === OPEN,
    );
    assert.deepEqual(later, []);
    assert.deepEqual(simulation.violations, []);
  });

  test('"multiplication fails its check", "multiplied another nonce than it opened", "multiplied another secret than it opened"', () => {
    const codec = codecs.get(OPEN)!.direct!;
    const cases = [
      [
        "multiplication fails its check",
        ({ multiply, ...rest }: Sealed) => ({
          ...rest,
          multiply: { ...multiply, eta: mod(multiply.eta + 1n, group.order) },
        }),
      ],
      ["multiplied another nonce than it opened", (sealed: Sealed) => ({ ...sealed, gammaU: sealed.gammaV })],
      ["multiplied another secret than it opened", (sealed: Sealed) => ({ ...sealed, gammaV: sealed.gammaU })],
      // Both wrong: the first of the two checks speaks.
      [
        "multiplied another nonce than it opened",
        (sealed: Sealed) => ({ ...sealed, gammaU: sealed.gammaV, gammaV: sealed.gammaU }),
      ],
    ] as const;
    for (const [reason, change] of cases) {
      const body = (honest: Uint8Array): Uint8Array => codec.encode(change(codec.decode(honest) as Sealed));
      const rewrite: Rewrite = { round: OPEN, part: "direct", to: three, body };
      const { simulation } = cheat({ ...base, configs: configs(), cheater: two, rewrite });
      blames(simulation, { victim: three, liar: two }, { fault: "cheat", reason, round: OPEN });
    }
  });

  test("a liar that multiplies with another r than it opens, towards everybody alike", () => {
    const lying = interceptSteps(protocol, (step, { self }) => {
      if (self !== two || step.round.name !== MULTIPLY) return step;
      const state = step.state as MultiplyState;
      const nonce = group.encodeScalar(mod(group.decodeScalar(state.secrets.nonce) + 1n, group.order));
      return { ...step, state: { ...state, secrets: { ...state.secrets, nonce } } };
    });
    const simulation = simulate({ ...base, protocol: lying, configs: configs(), liar: two });
    for (const abort of abortsOf(simulation, [one, three])) {
      assert.deepEqual(
        [abort.fault, abort.reason, abort.culprits],
        ["cheat", "multiplied another nonce than it opened", [two]],
      );
    }
  });

  test("a liar that opens another pk than it multiplied, so that all parts add up to a key of its choice", () => {
    const lying = interceptSteps(protocol, (step, { self }) => {
      if (self !== two || step.round.name !== OPEN) return step;
      const { own } = step.state as OpenState;
      const [pk] = encodePoints(group, [group.add(own.pk.point, group.generator)]);
      return { ...step, outgoing: { ...step.outgoing, broadcast: step.round.broadcast!.encode({ ...own, pk: pk! }) } };
    });
    const simulation = simulate({ ...base, protocol: lying, configs: configs(), liar: two });
    for (const abort of abortsOf(simulation, [one, three])) {
      assert.deepEqual(
        [abort.fault, abort.reason, abort.culprits],
        ["cheat", "multiplied another secret than it opened", [two]],
      );
    }
  });
});

interface Sealed {
  readonly multiply: { readonly eta: bigint };
  readonly gammaU: unknown;
  readonly gammaV: unknown;
}

describe("messages out of place", () => {
  const honest = run(configs());
  const earlier = simulate({ ...base, ssid: testSsid({ seed: "an earlier session", committee }), configs: configs() });
  const inPlaceOf = (round: string, source: (to: PartyIndex) => Message, to: PartyIndex = three) =>
    simulate({
      ...base,
      configs: configs(),
      liar: two,
      tamper: (message, receiver) =>
        message.from === two && message.round === round && message.part === "direct" && receiver === to
          ? [{ ...message, body: source(receiver).body }]
          : [message],
    });
  const extension = { fault: "cheat", reason: "OT extension fails its consistency check", round: MULTIPLY } as const;
  const multiplication = { fault: "cheat", reason: "multiplication fails its check", round: OPEN } as const;

  test("a recorded message of another session does not pass, though the liar repeats itself", () => {
    for (const [round, expected] of [
      [MULTIPLY, extension],
      [OPEN, multiplication],
    ] as const) {
      const simulation = inPlaceOf(round, (to) => messageOf(earlier, { round, part: "direct", from: two, to }));
      blames(simulation, { victim: three, liar: two }, expected);
    }
  });

  test("a message from A to B does not pass as one from A to C", () => {
    for (const [round, expected] of [
      [MULTIPLY, extension],
      [OPEN, multiplication],
    ] as const) {
      const simulation = inPlaceOf(round, () => messageOf(honest, { round, part: "direct", from: two, to: one }));
      blames(simulation, { victim: three, liar: two }, expected);
    }
  });

  test("a party's own message, reflected, does not pass: each direction has its own session and leaves", () => {
    for (const [round, expected] of [
      [MULTIPLY, extension],
      [OPEN, multiplication],
    ] as const) {
      const simulation = inPlaceOf(round, () => messageOf(honest, { round, part: "direct", from: three, to: two }));
      blames(simulation, { victim: three, liar: two }, expected);
    }
  });

  test("the other direction's leaves do not pass", () => {
    // Both ends hold one set of leaves for both directions: whatever is sent fails the consistency check.
    const swapped = withEdge(two, three, () => {
      const { receiving } = dealEdges(parties(2, 3), { rng: seededRng("other leaves") })
        .get(two)!
        .get(three)!;
      return { receiving };
    });
    blames(simulate({ ...base, configs: swapped, liar: two }), { victim: three, liar: two }, extension);
  });

  test("a message of another session id blames nobody, whatever is in it", () => {
    const simulation = simulate({
      ...base,
      configs: configs(),
      tamper: (message, to) =>
        message.from === two && message.round === MULTIPLY
          ? [messageOf(earlier, { round: MULTIPLY, part: "direct", from: two, to })]
          : [message],
    });
    blamesNobody(simulation, [one, three], /works from another view|no answer in time/);
  });

  test("a session id that repeats does not repeat one pad: other commitments, other multiplications", () => {
    const ssid = testSsid({ seed: "twice", committee });
    const runs = ["a", "b"].map((seed) => simulate({ ...base, ssid, seed, configs: configs() }));
    const [first, second] = runs.map((simulation) => {
      const { body } = messageOf(simulation, { round: MULTIPLY, part: "direct", from: two, to: three });
      return (protocol.rounds[1]!.direct!.decode(body) as { u: Uint8Array }).u;
    });
    // u = (sum of all streams) ⊕ X: with equal streams the difference of two u is the same in every one of the 64 trees.
    const difference = first!.map((byte, i) => byte ^ second![i]!);
    assert.notDeepEqual(difference.subarray(0, 80), difference.subarray(80, 160));
  });
});

describe("commitments", () => {
  test('"opens another nonce than it committed to": another party\'s commitment, copied and opened, is its own', () => {
    // Party 1's randomness is the simulation's, so that a liar could know all it will open.
    const context = { ssid: testSsid({ seed: base.seed, committee }), self: one, committee };
    const step = protocol.start(context, configs().get(one)!, partyRng(base.seed, one));
    assert.ok(step.kind === "send");
    const victim = step.state as CommitState;
    const copying = interceptSteps(protocol, (step, { self }) => {
      if (self !== two) return step;
      if (step.round.name === COMMIT) {
        const state = step.state as CommitState;
        const own: Commitment = { ...state.own, commitment: victim.own.commitment };
        return {
          ...step,
          state: { ...state, own },
          outgoing: { ...step.outgoing, broadcast: step.round.broadcast!.encode(own) },
        };
      }
      if (step.round.name !== OPEN) return step;
      const { own } = step.state as OpenState;
      const copied: Opening = { ...own, R: victim.R, blind: victim.secrets.blind };
      return { ...step, outgoing: { ...step.outgoing, broadcast: step.round.broadcast!.encode(copied) } };
    });
    const simulation = simulate({ ...base, protocol: copying, configs: configs(), liar: two });
    for (const abort of abortsOf(simulation, [one, three])) {
      assert.deepEqual(
        [abort.fault, abort.reason, abort.culprits],
        ["public", "opens another nonce than it committed to", [two]],
      );
      assert.deepEqual(abort.evidence, [{ round: OPEN, part: "broadcast", from: two }]);
    }
  });

  test("two views of round 1 blame nobody, and no multiplication of one meets one of the other", () => {
    const codec = protocol.rounds[0]!.broadcast!;
    const body = (honest: Uint8Array): Uint8Array =>
      codec.encode({ ...(codec.decode(honest) as Commitment), commitment: new Uint8Array(32).fill(7) });
    const rewrite: Rewrite = { round: COMMIT, part: "broadcast", to: three, body };
    const { simulation } = cheat({ ...base, configs: configs(), cheater: two, rewrite, afterwards: "forgets" });
    blamesNobody(simulation, [one, three], /works from another view/);
    assert.deepEqual([...simulation.journal.values()].flat(), []);
  });

  test("two nonces for two receivers: the one that was not committed to convicts", () => {
    const codec = protocol.rounds[2]!.broadcast!;
    const body = (honest: Uint8Array): Uint8Array => {
      const opening = codec.decode(honest) as Opening;
      const [R] = encodePoints(group, [group.add(opening.R.point, group.generator)]);
      return codec.encode({ ...opening, R: R! });
    };
    const rewrite: Rewrite = { round: OPEN, part: "broadcast", to: three, body };
    const { simulation } = cheat({ ...base, configs: configs(), cheater: two, rewrite });
    const reason = "opens another nonce than it committed to";
    blames(simulation, { victim: three, liar: two }, { fault: "public", reason, round: OPEN });
  });

  test('"does not name one setup per other signer": lists that are short, long, or of other parties', () => {
    const codec = protocol.rounds[0]!.broadcast!;
    const id = new Uint8Array(32);
    for (const named of [[], [1], [1, 2], [1, 4], [1, 2, 3], [2, 3], [1, 3, 4]]) {
      const setups = new Map(parties(...named).map((party) => [party, id]));
      const body = (honest: Uint8Array): Uint8Array =>
        codec.encode({ ...(codec.decode(honest) as Commitment), setups });
      const rewrite: Rewrite = { round: COMMIT, part: "broadcast", body };
      const { simulation } = cheat({ ...base, configs: configs(), cheater: two, rewrite });
      for (const abort of abortsOf(simulation, [one, three])) {
        assert.deepEqual(
          [abort.fault, abort.reason, abort.culprits],
          ["public", "does not name one setup per other signer", [two]],
        );
      }
    }
  });
});

test("what convicts a liar convinces somebody who was not there: signed bytes and the public state are enough", () => {
  const round = protocol.rounds[2]!;
  const body = (honest: Uint8Array): Uint8Array => {
    const opening = round.broadcast!.decode(honest) as Opening;
    return round.broadcast!.encode({ ...opening, blind: new Uint8Array(32) });
  };
  const rewrite: Rewrite = { round: OPEN, part: "broadcast", body };
  const { simulation } = cheat({ ...base, configs: configs(), cheater: two, rewrite });
  const honest = run(configs());
  for (const abort of abortsOf(simulation, [one, three])) {
    const judge = (opening: Uint8Array): void =>
      round.checkPublic(round.publicState.decode(abort.publicState), two, round.broadcast!.decode(opening));
    const lie = messageOf(simulation, { round: OPEN, part: "broadcast", from: two, to: one });
    assert.deepEqual(viewHash(testSsid({ seed: base.seed, committee }), OPEN, abort.publicState), lie.view);
    assert.throws(() => judge(lie.body), /opens another nonce than it committed to/);
    judge(messageOf(honest, { round: OPEN, part: "broadcast", from: two, to: one }).body);
  }
});

describe("signers who do not agree blame nobody", () => {
  test('"parties 2 and 3 hold different setups": an edge of another key or epoch is seen before its leaves are used', () => {
    const other = withEdge(two, three, () => ({ setup: new Uint8Array(32).fill(9) }));
    const simulation = run(other);
    blamesNobody(simulation, committee, /^parties 2 and 3 hold different setups$/);
    const used = simulation.trace.some((event) => event.kind === "send" && event.message.round === MULTIPLY);
    assert.equal(used, false);
  });

  test("another digest, path, epoch, key, approval or share of the threshold is another view", () => {
    for (const change of [
      () => ({ digest: testDigest("another") }),
      () => ({ tweak: { path: [7], taproot: null } }),
      () => ({ epoch: 1 }),
      () => ({ keyId: new Uint8Array(32) }),
      () => ({ approval: new Uint8Array(32) }),
      () => ({ publicKey: group.generator }),
      () => ({ chainCode: new Uint8Array(32), tweak: { path: [0], taproot: null } }),
    ]) {
      const simulation = run(withConfig(two, change));
      blamesNobody(simulation, committee, /works from another view/);
      assert.deepEqual([...simulation.journal.values()].flat(), [], "nothing was spent");
    }
  });

  test('"the signers\' parts do not add up to the derived key": a share or a seed of another key', () => {
    const reason = /^the signers' parts do not add up to the derived key$/;
    blamesNobody(run(withConfig(two, ({ share }) => ({ share: mod(share + 1n, group.order) }))), committee, reason);
    blamesNobody(run(withEdge(two, three, () => ({ zeroSeed: new Uint8Array(32) }))), committee, reason);
  });

  test('"the nonces cancel out": a liar who knew the other\'s nonce beforehand', () => {
    const configs = pairConfigs();
    const context = {
      ssid: testSsid({ seed: pair.seed, committee: pair.committee }),
      self: one,
      committee: pair.committee,
    };
    const step = protocol.start(context, configs.get(one)!, partyRng(pair.seed, one));
    assert.ok(step.kind === "send");
    const known = step.state as CommitState;
    const cancelling = interceptSteps(protocol, (step, { self, ssid }) => {
      if (self !== two || step.round.name !== COMMIT) return step;
      const state = step.state as CommitState;
      const nonce = group.encodeScalar(group.order - group.decodeScalar(known.secrets.nonce));
      const [R] = encodePoints(group, [group.negate(known.R.point)]);
      const own: Commitment = { ...state.own, commitment: commitmentTo(ssid, self, R!, state.secrets.blind) };
      return {
        ...step,
        state: { ...state, R: R!, own, secrets: { ...state.secrets, nonce } },
        outgoing: { ...step.outgoing, broadcast: step.round.broadcast!.encode(own) },
      };
    });
    blamesNobody(simulate({ ...pair, protocol: cancelling, configs }), [one, two], /^the nonces cancel out$/);
  });

  test('"the nonce has no usable coordinate": R with x(R) = q, which reduces to r = 0', () => {
    const bytes = Uint8Array.of(2, ...group.encodeScalar(group.order - 1n));
    bytes[32]! += 1;
    const unusable = group.decode(bytes);
    const reached = { states: [] as OpenState[] };
    const watching: Protocol<SignConfig, Uint8Array> = interceptSteps(protocol, (step) => {
      if (step.round.name === OPEN) reached.states.push(step.state as OpenState);
      return step;
    });
    // Withheld openings leave both parties in round 3, with everything that its finish needs.
    simulate({
      ...pair,
      protocol: watching,
      configs: pairConfigs(),
      tamper: (message) => (message.round === OPEN ? [] : [message]),
    });
    const [own, peer] = reached.states as [OpenState, OpenState];
    const [R] = encodePoints(group, [group.add(unusable, group.negate(peer.own.R.point))]);
    const state: OpenState = { ...own, own: { ...own.own, R: R! } };
    const checked = new Map([[peer.context.self, { opening: peer.own, psi: 1n, d: [1n, 1n] }]]);
    assert.throws(
      () => protocol.rounds[2]!.finish(state, checked, partyRng("unused", one)),
      (error) =>
        error instanceof Fault && error.kind === "mismatch" && error.message === "the nonce has no usable coordinate",
    );
  });
});

describe("the last round blames nobody", () => {
  const codec = protocol.rounds[3]!.broadcast!;
  type Part = { readonly numerator: bigint; readonly denominator: bigint };
  const lying = (change: (part: Part) => Part): Simulation<Uint8Array> => {
    const body = (honest: Uint8Array): Uint8Array => codec.encode(change(codec.decode(honest) as Part));
    return cheat({
      ...pair,
      configs: pairConfigs(),
      cheater: two,
      rewrite: { round: COMBINE, part: "broadcast", body },
    }).simulation;
  };

  test('"the partial signatures make no valid signature": no signature object comes of it', () => {
    const reason = /^the partial signatures make no valid signature$/;
    blamesNobody(
      lying((part) => ({ ...part, numerator: mod(part.numerator + 1n, group.order) })),
      [one],
      reason,
    );
    blamesNobody(
      lying((part) => ({ ...part, denominator: mod(part.denominator + 1n, group.order) })),
      [one],
      reason,
    );
    blamesNobody(
      lying(() => ({ numerator: 1n, denominator: 1n })),
      [one],
      reason,
    );
  });

  test('"the partial signatures have no quotient": denominators that add up to zero', () => {
    const honest = simulate({ ...pair, configs: pairConfigs() });
    const first = codec.decode(
      messageOf(honest, { round: COMBINE, part: "broadcast", from: one, to: two }).body,
    ) as Part;
    const simulation = lying((part) => ({ ...part, denominator: group.order - first.denominator }));
    blamesNobody(simulation, [one], /^the partial signatures have no quotient$/);
  });

  test("s = 0: numerators that add up to zero make no signature either", () => {
    const honest = simulate({ ...pair, configs: pairConfigs() });
    const first = codec.decode(
      messageOf(honest, { round: COMBINE, part: "broadcast", from: one, to: two }).body,
    ) as Part;
    const simulation = lying((part) => ({ ...part, numerator: group.order - first.numerator }));
    blamesNobody(simulation, [one], /^the partial signatures make no valid signature$/);
  });

  test("an honest party's record of the spent nonce is there although the signature failed", () => {
    const simulation = lying((part) => ({ ...part, numerator: 1n }));
    assert.equal(simulation.journal.get(one)!.length, 1);
  });
});

describe("garbage", () => {
  test("of strangers, unknown rounds and the party itself changes nothing", () => {
    const stranger = parties(9)[0]!;
    const simulation = simulate({
      ...pair,
      configs: pairConfigs(),
      tamper: (message) => [
        { ...message, from: stranger },
        { ...message, round: "dkls23/sign/9" },
        { ...message, round: "frost/sign/1" },
        message,
      ],
    });
    for (const outcome of simulation.outcomes.values()) assert.equal(outcome.kind, "result");
  });
});
