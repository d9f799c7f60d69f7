import { toHex, transcriptBytes } from "@conclave/bytes";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  answerBaseOts,
  chooseBaseOts,
  openBaseOts,
  OtCheckFailed,
  portableEngine,
  wipeChooser,
  type Point,
} from "../index.ts";
import { seededRng } from "../testing/index.ts";
import { baseOtSeed } from "./endemic.ts";

// One honest exchange serves all tests: with noble it takes two seconds.
const engine = portableEngine;
const group = engine.secp256k1;
const rng = seededRng("endemic");
const session = rng(32);
const { message: choices, chooser } = chooseBaseOts(engine, session, rng);
const { message: answers, seeds } = answerBaseOts(engine, session, choices, rng);
const opened = openBaseOts(engine, session, chooser, answers);

const seedsOf = (bytes: Uint8Array): string[] =>
  Array.from({ length: bytes.length / 32 }, (_, i) => toHex(bytes.subarray(32 * i, 32 * i + 32)));

const refused = (act: () => unknown): void =>
  assert.throws(act, (error) => error instanceof OtCheckFailed && error.check === "base-ot");

const answersRefused = (points: readonly Point[]): void => refused(() => openBaseOts(engine, session, chooser, points));
const choicesRefused = (points: readonly Point[]): void => refused(() => answerBaseOts(engine, session, points, rng));

describe("256 base OTs", () => {
  test("give the chooser the seed it chose, of two that differ", () => {
    const [both, one] = [seedsOf(seeds), seedsOf(opened.seeds)];
    assert.deepEqual(opened.choices, chooser.choices);
    for (const [i, seed] of one.entries()) {
      const bit = (opened.choices[i >> 3]! >> (i & 7)) & 1;
      assert.equal(seed, both[2 * i + bit], `OT ${i}`);
    }
    assert.equal(new Set(both).size, 512, "all seeds differ, by number and by side");
  });

  test("send points only, all different, that say nothing about the choices' places", () => {
    const points = [...choices, ...answers];
    assert.equal(new Set(group.encodeAll(points).map(toHex)).size, 1024);
  });

  test("give other seeds in another session, as the other direction of the pair is one", () => {
    // The answerer works under another session than the chooser: not one seed agrees.
    const other = answerBaseOts(engine, rng(32), choices, seededRng("same answers"));
    const mine = seedsOf(openBaseOts(engine, session, chooser, other.message).seeds);
    const theirs = new Set(seedsOf(other.seeds));
    assert.ok(mine.every((seed) => !theirs.has(seed)));
    assert.ok(seedsOf(seeds).every((seed) => !theirs.has(seed)));
  });

  test("give no seed to a chooser that gets last session's answers", () => {
    // Even if it used its exponents twice.
    const theirs = new Set(seedsOf(seeds));
    assert.ok(seedsOf(openBaseOts(engine, rng(32), chooser, answers).seeds).every((seed) => !theirs.has(seed)));
  });
});

describe("a seed of a base OT is bound to", () => {
  const points = Array.from({ length: 9 }, () => Uint8Array.from(rng(33)));
  const parts = {
    session,
    index: 1,
    side: 0 as 0 | 1,
    choices: points.slice(0, 4),
    answers: points.slice(4, 8),
    secret: points[8]!,
  };
  const seed = (changed: Partial<typeof parts> = {}): string => {
    const { session, index, side, choices, answers, secret } = { ...parts, ...changed };
    return toHex(baseOtSeed({ session, index, side }, { choices, answers }, secret));
  };
  const other = Uint8Array.from(rng(33));
  const changes: [string, Partial<typeof parts>][] = [
    ["its session, and so to a direction", { session: rng(32) }],
    ["its number", { index: 0, choices: points.slice(2, 4), answers: points.slice(6, 8) }],
    ["its side", { side: 1 }],
    ["r_0", { choices: parts.choices.with(2, other) }],
    ["r_1", { choices: parts.choices.with(3, other) }],
    ["M_0", { answers: parts.answers.with(2, other) }],
    ["M_1", { answers: parts.answers.with(3, other) }],
    ["the Diffie–Hellman point", { secret: other }],
  ];
  for (const [what, change] of changes) test(what, () => assert.notEqual(seed(change), seed()));

  test("nothing of another OT", () => assert.equal(seed({ choices: parts.choices.with(0, other) }), seed()));
});

describe("the answerer refuses", () => {
  test("r_0 = r_1", () => choicesRefused(choices.with(9, choices[8]!)));
  test("the same point in two OTs, on either side", () => {
    choicesRefused(choices.with(0, choices[2]!));
    choicesRefused(choices.with(511, choices[0]!));
  });
  test("the same pair in two OTs", () => choicesRefused(choices.with(4, choices[0]!).with(5, choices[1]!)));
  test("the identity", () => {
    for (const at of [0, 1, 511]) choicesRefused(choices.with(at, group.identity));
  });

  test("a point that unmasks to the identity, for which everybody would know the seed", () => {
    const dst = "CONCLAVE-ENDEMIC-OT-V1-MASK-secp256k1_XMD:SHA-256_SSWU_RO_";
    const other = group.encode(choices[7]!);
    const mask = group.hashToCurve(transcriptBytes("ot/base/mask", { session, index: 3, side: 0, other }), dst);
    choicesRefused(choices.with(6, group.negate(mask)));
  });

  test("another number of points, as our own mistake", () => {
    assert.throws(() => answerBaseOts(engine, session, choices.slice(2), rng), { name: "AssertionError" });
  });
});

describe("the chooser refuses", () => {
  test("M_0 = M_1", () => answersRefused(answers.with(9, answers[8]!)));
  test("the same point in two OTs, on either side", () => {
    answersRefused(answers.with(0, answers[2]!));
    answersRefused(answers.with(511, answers[0]!));
  });
  test("the identity", () => {
    for (const at of [0, 1, 511]) answersRefused(answers.with(at, group.identity));
  });
  test("its own message sent back, or one point of it", () => {
    answersRefused(choices);
    answersRefused(answers.with(100, choices[300]!));
  });
  test("another number of points, as our own mistake", () => {
    assert.throws(() => openBaseOts(engine, session, chooser, answers.slice(2)), { name: "AssertionError" });
  });
});

test("wiping leaves no secret behind", () => {
  const own = { ...chooser, choices: chooser.choices.slice(), exponents: [...chooser.exponents] };
  wipeChooser(own);
  assert.ok(own.choices.every((byte) => byte === 0) && own.exponents.every((exponent) => exponent === 0n));
});
