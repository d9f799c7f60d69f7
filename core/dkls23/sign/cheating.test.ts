/** Liars by name: who is blamed, who is not, and that no signature comes of it. */
import { mod } from "@conclave/crypto";
import { seededRng } from "@conclave/crypto/testing";
import { type Message, type PartyIndex, viewHash } from "@conclave/protocol";
import {
  type Rewrite,
  cheat,
  interceptSteps,
  parties,
  partyRng,
  seededDice,
  simulate,
  testSsid,
} from "@conclave/protocol/testing";
import { describe, test } from "node:test";
import { encodePoints } from "../encoded-point.ts";
import { dealEdges } from "../testing/index.ts";
import { type CommitState } from "./1-commit.ts";
import { type MultiplyState } from "./2-multiply.ts";
import { type OpenState } from "./3-open.ts";
import { type Commitment, type Opening } from "./statement.ts";
import assert from "node:assert/strict";
import {
  COMMIT,
  MULTIPLY,
  OPEN,
  abortsOf,
  base,
  blames,
  blamesNobody,
  committee,
  configs,
  group,
  messageOf,
  one,
  protocol,
  run,
  three,
  two,
  withEdge,
} from "../testing/signing-run.ts";

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
