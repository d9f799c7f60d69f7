import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  extendAsReceiver,
  extendAsSender,
  OtCheckFailed,
  portableEngine,
  type AllLeaves,
  type Engine,
  type ExtensionMessage,
} from "../index.ts";
import { flipBit, randomLeaves, sameBytes, seededRng } from "../testing/index.ts";

const engine = portableEngine;
const rng = seededRng("extension");
const session = rng(32);
const { all, punctured } = randomLeaves(rng);
const choices = Uint8Array.from(rng(64));
const honest = extendAsReceiver(engine, session, all, choices, rng);

const send = (message: ExtensionMessage, inSession = session) => extendAsSender(engine, inSession, punctured, message);

const refused = (message: ExtensionMessage, inSession = session): void =>
  assert.throws(
    () => send(message, inSession),
    (error) => error instanceof OtCheckFailed && error.check === "extension",
  );

describe("OT extension", () => {
  test("gives the receiver the value it chose, and the sender both, Δ apart", () => {
    const { zero, one } = send(honest.message);
    const delta = zero.subarray(0, 32).map((byte, i) => byte ^ one[i]!);
    for (let j = 0; j < 512; j++) {
      const at = (values: Uint8Array): Uint8Array => values.subarray(32 * j, 32 * j + 32);
      const bit = (choices[j >> 3]! >> (j & 7)) & 1;
      assert.deepEqual(at(honest.columns), at([zero, one][bit]!), `OT ${j}`);
      assert.deepEqual(
        at(one),
        at(zero).map((byte, i) => byte ^ delta[i]!),
        `OT ${j}`,
      );
    }
    const nibbles = [...delta].flatMap((byte) => [byte & 15, byte >> 4]);
    assert.deepEqual(nibbles, [...punctured.missing], "Δ is where the sender's leaves are missing");
  });

  test("gives other values in another session", () => {
    const other = extendAsReceiver(engine, rng(32), all, choices, rng);
    assert.notDeepEqual(other.columns, honest.columns);
    assert.notDeepEqual(other.message.u, honest.message.u);
  });

  test("works for receivers that choose nothing or everything", () => {
    for (const fill of [0, 255]) {
      const uniform = new Uint8Array(64).fill(fill);
      const { message, columns } = extendAsReceiver(engine, session, all, uniform, rng);
      const { zero, one } = send(message);
      sameBytes(columns, fill === 0 ? zero : one);
    }
  });
});

describe("the consistency check refuses", () => {
  test("any bit of u changed", () => {
    const { u } = honest.message;
    for (const bit of [0, 1, 511, 512, 639, 640, 20_000, u.length * 8 - 1]) {
      refused({ ...honest.message, u: flipBit(u, bit) });
    }
  });

  test("any bit of x changed", () => {
    for (const bit of [0, 7, 63, 64, 127]) refused({ ...honest.message, x: flipBit(honest.message.x, bit) });
  });

  test("any bit of any row of t changed", () => {
    for (const row of [0, 1, 2, 3, 4, 100, 254, 255]) {
      for (const bit of [0, 127]) refused({ ...honest.message, t: flipBit(honest.message.t, 128 * row + bit) });
    }
  });

  test("a message of another session: of last time, or of the other direction", () => {
    refused(honest.message, rng(32));
    const reflected = extendAsReceiver(engine, session, randomLeaves(rng).all, choices, rng);
    refused(reflected.message);
  });

  test("a message of zeros", () => {
    refused({ u: new Uint8Array(64 * 80), x: new Uint8Array(16), t: new Uint8Array(256 * 16) });
  });
});

/**
 * A receiver that uses other choices for one tree, and puts the rows of that tree right for the case that the sender misses
 * leaf `guess`: it then stays consistent for that Δ, and for no other.
 */
function guessing(tree: number, guess: number): Engine {
  const difference = seededRng(`difference ${tree}`)(80);
  const cheat = (rows: Uint8Array, row: number): void => {
    for (let i = 0; i < 80; i++) rows[row * 80 + i]! ^= difference[i]!;
  };
  const expandLeaves = (session: Uint8Array, leaves: Uint8Array) => {
    const { planes, sums } = engine.ot.expandLeaves(session, leaves);
    cheat(sums, tree);
    for (let bit = 0; bit < 4; bit++) if (((guess >> bit) & 1) === 1) cheat(planes, 4 * tree + bit);
    return { planes, sums };
  };
  return { ...engine, ot: { ...engine.ot, expandLeaves } };
}

describe("a receiver that guesses four bits of Δ", () => {
  const passes = (cheater: Engine, all: AllLeaves, punctured: Parameters<typeof extendAsSender>[2]): boolean => {
    const session = rng(32);
    const { message } = extendAsReceiver(cheater, session, all, choices, rng);
    try {
      extendAsSender(engine, session, punctured, message);
      return true;
    } catch (error) {
      assert.ok(error instanceof OtCheckFailed);
      return false;
    }
  };

  test("passes if the guess is right and only then: each of the 16", () => {
    for (const tree of [0, 63]) {
      for (let guess = 0; guess < 16; guess++) {
        assert.equal(
          passes(guessing(tree, guess), all, punctured),
          guess === punctured.missing[tree],
          `${tree} ${guess}`,
        );
      }
    }
  });

  test("passes once in 16 tries: 200 tries, each against other leaves", () => {
    let passed = 0;
    for (let i = 0; i < 200; i++) {
      const pair = randomLeaves(rng);
      if (passes(guessing(rng(1)[0]! % 64, rng(1)[0]! % 16), pair.all, pair.punctured)) passed++;
    }
    // Mean 12.5, deviation 3.4.
    assert.ok(passed >= 2 && passed <= 27, `${passed} of 200`);
  });
});
