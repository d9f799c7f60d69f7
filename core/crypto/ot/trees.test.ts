import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { growTrees, OtCheckFailed, portableEngine, regrowTrees, wipeLeaves, type TreeMessage } from "../index.ts";
import { flipBit, puncture, sameBytes, seededRng } from "../testing/index.ts";

const engine = portableEngine;
const rng = seededRng("trees");
const session = rng(32);
const seeds = Uint8Array.from(rng(256 * 2 * 32));
const choices: Uint8Array = Uint8Array.from(rng(32));

const choiceOf = (ot: number, of = choices): number => (of[ot >> 3]! >> (ot & 7)) & 1;

/** What the base OTs give the side that chose. */
const openedWith = (choices: Uint8Array) => {
  const chosen = new Uint8Array(256 * 32);
  for (let ot = 0; ot < 256; ot++) {
    const at = 2 * ot + choiceOf(ot, choices);
    chosen.set(seeds.subarray(at * 32, at * 32 + 32), ot * 32);
  }
  return { seeds: chosen, choices };
};

const opened = openedWith(choices);
const { leaves, message } = growTrees(engine, session, seeds);
const regrow = (message: TreeMessage, inSession = session) => regrowTrees(engine, inSession, opened, message);

const refused = (message: TreeMessage, inSession = session): void =>
  assert.throws(
    () => regrow(message, inSession),
    (error) => error instanceof OtCheckFailed && error.check === "trees",
  );

/** Trees whose message is tampered with: first, last, and some between. */
const SAMPLE = [0, 1, 13, 32, 47, 63];

describe("all-but-one OT", () => {
  test("gives all leaves but those away from the choices, at index ⊕ missing", () => {
    const missing = Uint8Array.from({ length: 64 }, (_, tree) =>
      [0, 1, 2, 3].reduce((path, level) => 2 * path + 1 - choiceOf(4 * tree + level), 0),
    );
    const punctured = regrow(message);
    sameBytes(punctured.missing, missing, "missing");
    sameBytes(punctured.leaves, puncture(leaves.leaves, missing).leaves, "leaves");
    assert.ok(new Set(missing).size > 8, "many places are tried");
  });

  test("works at both ends of every level", () => {
    for (const fill of [0, 255]) {
      const { leaves: kept, missing } = regrowTrees(
        engine,
        session,
        openedWith(new Uint8Array(32).fill(fill)),
        message,
      );
      assert.deepEqual(missing, new Uint8Array(64).fill(fill === 0 ? 15 : 0));
      sameBytes(kept, puncture(leaves.leaves, missing).leaves, "leaves");
    }
  });

  test("makes every leaf different, in a session and between two", () => {
    const other = growTrees(engine, rng(32), seeds).leaves.leaves;
    const all = [leaves.leaves, other].flatMap((bytes) =>
      Array.from({ length: 1024 }, (_, i) => bytes.subarray(32 * i, 32 * i + 32).join()),
    );
    assert.equal(new Set(all).size, 2048);
  });

  test("gives no two trees the same leaves even from the same seeds", () => {
    const same = new Uint8Array(256 * 2 * 32).map((_, i) => i % 256);
    const { leaves: grown } = growTrees(engine, session, same);
    const leavesOf = (tree: number): string => grown.leaves.subarray(tree * 512, (tree + 1) * 512).join();
    assert.equal(new Set(Array.from({ length: 64 }, (_, tree) => leavesOf(tree))).size, 64);
  });
});

describe("the trees' check refuses", () => {
  test("a bit of a correction that was used, at each level of sampled trees; of the other it knows nothing", () => {
    const honest = regrow(message);
    for (const tree of SAMPLE) {
      for (const level of [1, 2, 3]) {
        const at = (side: number): number => ((tree * 3 + level - 1) * 2 + side) * 256 + ((tree * 7) % 256);
        const chosen = choiceOf(4 * tree + level);
        refused({ ...message, corrections: flipBit(message.corrections, at(chosen)) });
        const unused = regrow({ ...message, corrections: flipBit(message.corrections, at(1 - chosen)) });
        sameBytes(unused.leaves, honest.leaves, "leaves");
      }
    }
  });

  test("a bit of t̃, of sampled trees", () => {
    for (const tree of SAMPLE) refused({ ...message, sums: flipBit(message.sums, tree * 512 + tree * 8) });
  });

  test("a bit of s̃, of sampled trees", () => {
    for (const tree of SAMPLE) refused({ ...message, digests: flipBit(message.digests, tree * 512 + 511 - tree * 8) });
  });

  test("t̃ and s̃ of another tree", () => {
    const swapped = (bytes: Uint8Array): Uint8Array => {
      const result = bytes.slice();
      result.copyWithin(0, 64, 128);
      result.set(bytes.subarray(0, 64), 64);
      return result;
    };
    refused({ ...message, sums: swapped(message.sums), digests: swapped(message.digests) });
  });

  test("a message of another session: of last time, or of the other direction", () => {
    refused(message, rng(32));
    refused(growTrees(engine, rng(32), seeds).message);
    refused(growTrees(engine, session, rng(256 * 2 * 32)).message);
  });
});

test("wiping leaves no secret bytes behind", () => {
  const held = regrow(message);
  wipeLeaves(held);
  assert.ok(held.leaves.every((byte) => byte === 0) && held.missing.every((byte) => byte === 0));
});
