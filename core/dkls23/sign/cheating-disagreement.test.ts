/** Failures that name nobody: signers who do not agree, a last round that does not add up, and noise from outside. */
import { mod } from "@conclave/crypto";
import { Fault, type Protocol } from "@conclave/protocol";
import {
  type Simulation,
  cheat,
  interceptSteps,
  parties,
  partyRng,
  simulate,
  testSsid,
} from "@conclave/protocol/testing";
import { describe, test } from "node:test";
import { encodePoints } from "../encoded-point.ts";
import { type SignConfig } from "../index.ts";
import { testDigest } from "../testing/index.ts";
import { type CommitState } from "./1-commit.ts";
import { type OpenState } from "./3-open.ts";
import { type Commitment, commitmentTo } from "./statement.ts";
import assert from "node:assert/strict";
import {
  COMBINE,
  COMMIT,
  MULTIPLY,
  OPEN,
  blamesNobody,
  committee,
  group,
  messageOf,
  one,
  pair,
  pairConfigs,
  protocol,
  run,
  three,
  two,
  withConfig,
  withEdge,
} from "../testing/signing-run.ts";

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
