/**
 * Liars in setup. A run takes seconds, so rounds 1 and 2 are brought to the point where a message is judged, once, and every lie
 * is judged there; round 3 is run whole, with dealt edges.
 */
import { CodecError, type Codec } from "@conclave/bytes";
import { type BaseOtChooser } from "@conclave/crypto";
import { seededRng } from "@conclave/crypto/testing";
import {
  enter,
  Fault,
  viewHash,
  type Context,
  type Effect,
  type PartyIndex,
  type Protocol,
  type Round,
  type RoundTypes,
  type Step,
} from "@conclave/protocol";
import {
  ByHand,
  CALM,
  cheat,
  interceptSteps,
  mutations,
  mutationTable,
  parties,
  partyRng,
  simulate,
  type Donor,
} from "@conclave/protocol/testing";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { SetupConfig, SetupResult } from "../index.ts";
import { Erasure } from "../erasure.ts";
import { SUITE } from "../suite.ts";
import { dealEdges, rememberingEngine, setupRun, testGroup } from "../testing/index.ts";
import type { AnswerState } from "./2-answer.ts";
import { confirmRound } from "./3-confirm.ts";
import { confirmation } from "./pair.ts";

const [CHOOSE, ANSWER, CONFIRM] = ["1-choose", "2-answer", "3-confirm"].map((round) => `dkls23/setup/${round}`) as [
  string,
  string,
  string,
];
const [one, two] = parties(1, 2) as [PartyIndex, PartyIndex];
const group = testGroup;

type AnyRound = Round<RoundTypes & { result: SetupResult }>;

/** Both parties in round 2, nothing of it delivered; the states in which party 1 judges party 2's messages. */
function atTheAnswers(seed: string): {
  readonly run: ByHand<SetupConfig, SetupResult>;
  readonly judging: ReadonlyMap<string, { readonly round: AnyRound; readonly state: unknown }>;
} {
  const judging = new Map<string, { readonly round: AnyRound; readonly state: unknown }>();
  const options = setupRun([1, 2], { seed, engine: rememberingEngine() });
  const protocol = interceptSteps(options.protocol, (step, { self }) => {
    if (self === one) judging.set(step.round.name, { round: step.round, state: step.state });
    return step;
  });
  const run = new ByHand({ ...options, protocol });
  run.startAll();
  run.deliverAll(CHOOSE, "direct");
  return { run, judging };
}

const { run, judging } = atTheAnswers("lies");

/** What party 1 makes of `bytes` from party 2: `accepted`, `malformed`, or the reason of the fault. */
function judged(name: string, bytes: Uint8Array): string {
  const { round, state } = judging.get(name)!;
  try {
    const message = (round.direct as Codec<unknown>).decode(bytes);
    round.checkPrivate(state, two, null, message);
    return "accepted";
  } catch (error) {
    if (error instanceof CodecError) return "malformed";
    if (!(error instanceof Fault)) throw error;
    assert.equal(error.kind, "cheat");
    return error.message;
  }
}

const sent = (round: string, from: PartyIndex): Uint8Array =>
  run.message(from === one ? two : one, { round, part: "direct", from }).body;

/** Party 2's message of a round, mutated in every way. */
function lies(name: string, donors: readonly Donor[]) {
  const { direct } = judging.get(name)!.round;
  return mutations(direct!, sent(name, two), { group, donors });
}

const BASE_OT = "base OT message fails its check";
const TREES = "all-but-one OT fails its check";

describe("lies towards one peer", () => {
  test(`"${BASE_OT}": points that come twice; another point is its sender's loss`, () => {
    const own = { name: "reflected", bytes: sent(CHOOSE, one) };
    const rows = lies(CHOOSE, [own]);
    const refused = new Set<string>();
    for (const { field, name, bytes, illegal } of rows) {
      const key = `${field} ${name}`;
      const verdict = judged(CHOOSE, bytes);
      if (illegal) assert.equal(verdict, "malformed", key);
      else if (/twice/.test(name)) assert.equal(verdict, BASE_OT, key);
      // Other points are answered like any: who sent them without knowing a discrete logarithm learns no seed.
      else assert.ok(["accepted", "malformed"].includes(verdict), `${key}: ${verdict}`);
      if (verdict !== "accepted") refused.add(key);
    }
    console.log(`DKLS23 setup, choices: ${rows.length} lies, ${refused.size} refused`);
    for (const name of [
      "first item, zeros",
      "middle item, off the curve",
      "last item, x not reduced",
      "first item twice",
    ]) {
      assert.ok(refused.has(`choices ${name}`), name);
    }
    assert.ok(rows.length > 50);
  });

  test(`"${TREES}": every lie in an answer that reaches a seed which was chosen`, () => {
    const { pairs } = judging.get(ANSWER)!.state as AnswerState;
    const { chooser } = pairs.get(two)!;
    const chose = (index: number): number => (chooser.choices[index >> 3]! >> (index & 7)) & 1;
    /** A lie in the correction for one side of a level shows to a party that chose that side, and only then. */
    const ifChosen = (ot: number, side: number): string => (chose(ot) === side ? TREES : "accepted");
    const expected: Readonly<Record<string, string>> = {
      // A seed is bound to both points of its OT, so that a lie in one says nothing about the choice.
      "answers first item, negated": TREES,
      "answers middle item, negated": TREES,
      "answers last item, negated": TREES,
      "answers first item twice": BASE_OT,
      // Corrections begin at level 1: tree 0's are for base OTs 1 to 3, tree 63's end with base OT 255.
      "trees.corrections first bit flipped": ifChosen(1, 0),
      "trees.corrections last bit flipped": ifChosen(255, 1),
    };
    const rows = lies(ANSWER, [{ name: "reflected", bytes: sent(ANSWER, one) }]);
    const seen = new Set<string>();
    for (const { field, name, bytes, illegal } of rows) {
      const verdict = judged(ANSWER, bytes);
      const key = `${field} ${name}`;
      seen.add(key);
      if (illegal) assert.equal(verdict, "malformed", key);
      else if (expected[key] !== undefined) assert.equal(verdict, expected[key], key);
      else assert.ok([TREES, "malformed"].includes(verdict), `${key}: ${verdict}`);
    }
    console.log(`DKLS23 setup, answers: ${rows.length} lies`);
    for (const key of Object.keys(expected)) assert.ok(seen.has(key), key);
    assert.ok(rows.length > 70);
  });

  test(`"${TREES}": one bit in any part of sampled trees`, () => {
    const { round } = judging.get(ANSWER)!;
    const honest = round.direct!.decode(sent(ANSWER, two)) as { readonly trees: Record<string, Uint8Array> };
    for (const field of ["sums", "digests"]) {
      for (const tree of [0, 1, 31, 62, 63]) {
        const changed = honest.trees[field]!.slice();
        changed[tree * 64 + (tree % 64)]! ^= 0x10;
        const bytes = round.direct!.encode({ ...honest, trees: { ...honest.trees, [field]: changed } });
        assert.equal(judged(ANSWER, bytes), TREES, `${field} of tree ${tree}`);
      }
    }
  });

  test(`"${BASE_OT}": own choices reflected as an answer, and an honest message is accepted`, () => {
    const { round } = judging.get(ANSWER)!;
    const choices = judging.get(CHOOSE)!.round.direct!.decode(sent(CHOOSE, one)) as { readonly choices: unknown };
    const honest = round.direct!.decode(sent(ANSWER, two)) as object;
    const reflected = round.direct!.encode({ ...honest, answers: choices.choices });
    assert.equal(judged(ANSWER, reflected), BASE_OT);
    assert.equal(judged(ANSWER, sent(ANSWER, two)), "accepted");
  });
});

describe("a session that meets such a lie", () => {
  const ending = (effects: readonly Effect<SetupResult>[]) => {
    const last = effects.at(-1);
    assert.ok(last?.kind === "abort", last?.kind);
    return last;
  };

  test("ends with the fault that destroys the edge, blames exactly the peer, and wipes what it made", () => {
    const chooser: BaseOtChooser = (judging.get(ANSWER)!.state as AnswerState).pairs.get(two)!.chooser;
    const message = run.message(one, { round: ANSWER, part: "direct", from: two });
    const { round } = judging.get(ANSWER)!;
    const honest = round.direct!.decode(message.body) as { readonly trees: Record<string, Uint8Array> };
    const digests = honest.trees["digests"]!.map((byte, i) => (i === 99 ? byte ^ 1 : byte));
    const body = round.direct!.encode({ ...honest, trees: { ...honest.trees, digests } });
    const abort = ending(run.give(one, { ...message, body }));
    assert.deepEqual([abort.fault, abort.reason, abort.culprits, abort.round], ["cheat", TREES, [two], ANSWER]);
    assert.deepEqual(abort.evidence, [{ round: ANSWER, part: "direct", from: two }]);
    assert.ok(chooser.choices.every((byte) => byte === 0));
  });

  test("of another key or session: another view, which blames nobody", () => {
    for (const other of [
      { seed: "another", label: "another key" },
      { seed: "another", label: "key" },
    ]) {
      const foreign = setupRun([1, 2], other);
      const context = { ssid: foreign.ssid, self: two, committee: foreign.committee };
      const honest = run.message(one, { round: CHOOSE, part: "direct", from: two });
      const view = viewOf(
        foreign.protocol.start(context, foreign.configs.get(two)!, partyRng("foreign", two)),
        foreign.ssid,
      );
      const mine = setupRun([1, 2], { seed: "mine" });
      const session = new ByHand(mine);
      session.start(one);
      const abort = ending(session.give(one, { ...honest, view }));
      assert.deepEqual([abort.fault, abort.culprits, abort.suspects], ["mismatch", [], [two]]);
    }
  });
});

/** The view that the messages of a party's first round carry. */
function viewOf(step: Step<SetupResult>, ssid: Uint8Array): Uint8Array {
  assert.ok(step.kind === "send");
  return viewHash(ssid, step.round.name, step.round.publicState.encode(step.round.open(step.state)));
}

/** Round 3 by itself: edges are dealt, all that is real is what the parties say of their seeds. */
const three = parties(1, 2, 3);
const setup = new Uint8Array(32).fill(8);
const confirming: Protocol<ReturnType<typeof dealEdges>, SetupResult> = {
  id: "testing/dkls23-confirm/v1",
  rounds: [confirmRound],
  start(context: Context, dealt) {
    const edges = dealt.get(context.self)!;
    const own = new Map(
      [...edges].map(([peer, { zeroSeed }]) => [peer, confirmation(setup, { self: context.self, peer }, zeroSeed)]),
    );
    const statement = { suite: SUITE, setup, committee: context.committee } as const;
    const state = { context, statement, edges, own, erasure: new Erasure() };
    return enter(confirmRound, state, { broadcast: { confirmations: own } });
  },
};
const confirmRun = {
  protocol: confirming,
  committee: three,
  seed: "confirm",
};
const dealt = dealEdges(three, { rng: seededRng("confirm"), setup });
const confirmConfigs = () => new Map(three.map((party) => [party, dealt]));

describe("lies about seeds", () => {
  const list = "does not confirm one seed per other party";

  test(`"${list}" convicts; "the seeds of 1 and 2 differ" blames nobody`, () => {
    const blamed = (reason: string) => ({ fault: "public", blames: "cheater", reason }) as const;
    const differ = { fault: "mismatch", blames: "nobody" } as const;
    const rows = mutationTable({
      ...confirmRun,
      configs: confirmConfigs,
      cheater: two,
      verdicts: {
        [`${CONFIRM} broadcast: malformed`]: blamed("malformed message"),
        [`${CONFIRM} broadcast message`]: blamed(list),
        [`${CONFIRM} broadcast confirmations`]: blamed(list),
        // Another's word on its own seed with party 1, or on one that party 2 has nothing to do with.
        [`${CONFIRM} broadcast confirmations[]: another party's`]: ({ mutation, outcomes }) => {
          const reason = mutation.path === "confirmations[0]" ? "the seeds of 1 and 2 differ" : list;
          for (const outcome of outcomes.values()) assert.ok(outcome.kind === "abort" && outcome.reason === reason);
        },
        [`${CONFIRM} broadcast confirmations[].party`]: blamed(list),
        [`${CONFIRM} broadcast confirmations[].value`]: differ,
      },
    });
    console.log(`DKLS23 setup, confirmations: ${rows.length} lies`);
    assert.ok(rows.length > 50);
  });

  test('"the seeds of 1 and 2 differ": seen by everybody, told by nobody', () => {
    const other = dealEdges(three, { rng: seededRng("other"), setup });
    const mixed = new Map(dealt);
    mixed.set(two, new Map([...dealt.get(two)!, [one, other.get(two)!.get(one)!]]));
    const configs = new Map(three.map((party) => [party, mixed]));
    const { outcomes } = simulate({ ...confirmRun, configs, schedule: CALM });
    for (const outcome of outcomes.values()) {
      assert.ok(outcome.kind === "abort" && outcome.fault === "mismatch");
      assert.deepEqual([outcome.reason, outcome.culprits], ["the seeds of 1 and 2 differ", []]);
    }
  });

  test("another confirmation for one receiver only is an echo mismatch: nobody has a result", () => {
    const body = (honest: Uint8Array): Uint8Array => {
      const { confirmations } = confirmRound.broadcast!.decode(honest);
      return confirmRound.broadcast!.encode({
        confirmations: new Map([...confirmations, [three[2]!, new Uint8Array(32)]]),
      });
    };
    const rewrite = { round: CONFIRM, part: "broadcast", to: one, body } as const;
    const { honest } = cheat({ ...confirmRun, configs: confirmConfigs(), cheater: two, rewrite });
    for (const outcome of honest.values()) {
      assert.ok(outcome.kind === "abort" && outcome.fault === "mismatch");
      assert.deepEqual(outcome.culprits, []);
    }
  });

  test("without lies everybody has the same transcript, another for other seeds", () => {
    const transcripts = (edges: typeof dealt): string[] => {
      const configs = new Map(three.map((party) => [party, edges]));
      const { outcomes } = simulate({ ...confirmRun, configs, schedule: CALM });
      return [...outcomes.values()].map((outcome) => {
        assert.ok(outcome.kind === "result");
        return outcome.result.transcript.join();
      });
    };
    const [a, b] = [transcripts(dealt), transcripts(dealEdges(three, { rng: seededRng("other"), setup }))];
    assert.deepEqual([new Set(a).size, new Set(b).size], [1, 1]);
    assert.notEqual(a[0], b[0]);
  });
});
