import { codec } from "@conclave/bytes";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  answerMultiply,
  beginMultiply,
  checkExtension,
  extensionSchema,
  finishMultiply,
  mod,
  multiplySchema,
  OtCheckFailed,
  portableEngine,
} from "../index.ts";
import { seededRng, setUpDirection } from "../testing/index.ts";

const engine = portableEngine;
const { order } = engine.secp256k1;
const rng = seededRng("pair");
const session = { forth: rng(32), back: rng(32) };
const pair = { forth: setUpDirection(engine, session.forth, rng), back: setUpDirection(engine, session.back, rng) };
const [extension, answer] = [codec(extensionSchema), codec(multiplySchema(engine))];

const fails = (check: string, act: () => unknown): void =>
  assert.throws(act, (error) => error instanceof OtCheckFailed && error.check === check);

describe("a pair, set up in both directions", () => {
  for (const direction of ["forth", "back"] as const) {
    test(`multiplies ${direction}, over bytes`, () => {
      const { all, punctured } = pair[direction];
      const inputs = [engine.secp256k1.reduce(rng(48)), engine.secp256k1.reduce(rng(48))] as const;
      const use = rng(32);
      const { message, receiver } = beginMultiply(engine, use, all, rng);
      const checked = checkExtension(engine, use, punctured, extension.decode(extension.encode(message)));
      const { message: sent, c } = answerMultiply(engine, use, checked, inputs, rng);
      const d = finishMultiply(engine, use, receiver, answer.decode(answer.encode(sent)));
      for (const i of [0, 1] as const) assert.equal(mod(c[i] + d[i], order), mod(inputs[i] * receiver.b, order));
    });
  }

  test("shares no leaf between its directions", () => {
    const leavesOf = (bytes: Uint8Array): string[] =>
      Array.from({ length: 1024 }, (_, i) => bytes.subarray(32 * i, 32 * i + 32).join());
    assert.equal(new Set([...leavesOf(pair.forth.all.leaves), ...leavesOf(pair.back.all.leaves)]).size, 2048);
  });

  test("refuses a message of the other direction: its leaves under this session, and its session under these leaves", () => {
    const use = { forth: rng(32), back: rng(32) };
    const own = beginMultiply(engine, use.forth, pair.forth.all, rng).message;
    fails("extension", () => checkExtension(engine, use.forth, pair.back.punctured, own));
    fails("extension", () => checkExtension(engine, use.back, pair.forth.punctured, own));
    fails("extension", () => checkExtension(engine, use.back, pair.back.punctured, own));
    assert.doesNotThrow(() => checkExtension(engine, use.forth, pair.forth.punctured, own));
  });

  test("refuses last session's messages", () => {
    const [last, now] = [rng(32), rng(32)];
    const old = beginMultiply(engine, last, pair.forth.all, rng);
    const recorded = answerMultiply(
      engine,
      last,
      checkExtension(engine, last, pair.forth.punctured, old.message),
      [1n, 2n],
      rng,
    );
    fails("extension", () => checkExtension(engine, now, pair.forth.punctured, old.message));
    const { receiver } = beginMultiply(engine, now, pair.forth.all, rng);
    fails("multiplication", () => finishMultiply(engine, now, receiver, recorded.message));
  });
});
