import { codec } from "@conclave/bytes";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  answerMultiply,
  beginMultiply,
  checkExtension,
  finishMultiply,
  mod,
  multiplySchema,
  OtCheckFailed,
  portableEngine,
  wipeExtension,
  wipeReceiver,
  type Engine,
  type MultiplyMessage,
} from "../index.ts";
import { flipBit, randomLeaves, sameBytes, seededRng } from "../testing/index.ts";

const engine = portableEngine;
const { order } = engine.secp256k1;
const rng = seededRng("rvole");
const { all, punctured } = randomLeaves(rng);
const scalar = (): bigint => engine.secp256k1.reduce(rng(48));

/** Both sides up to the sender's answer. */
function upToAnswer(inputs: readonly [bigint, bigint], { session = rng(32), sender = engine } = {}) {
  const { message, receiver } = beginMultiply(engine, session, all, rng);
  const extension = checkExtension(engine, session, punctured, message);
  const { message: answer, c } = answerMultiply(sender, session, extension, inputs, rng);
  return { session, receiver, extension, answer, c };
}

const failsWith = (
  session: Uint8Array,
  receiver: Parameters<typeof finishMultiply>[2],
  message: MultiplyMessage,
): void =>
  assert.throws(
    () => finishMultiply(engine, session, receiver, message),
    (error) => error instanceof OtCheckFailed && error.check === "multiplication",
  );

describe("multiplication", () => {
  const cases: [string, readonly [bigint, bigint]][] = [
    ["random inputs", [scalar(), scalar()]],
    ["0 and 1", [0n, 1n]],
    ["q − 1 twice", [order - 1n, order - 1n]],
  ];
  for (const [what, inputs] of cases) {
    test(`of ${what}: c + d = a·b`, () => {
      const { session, receiver, answer, c } = upToAnswer(inputs);
      const d = finishMultiply(engine, session, receiver, answer);
      for (const i of [0, 1] as const) assert.equal(mod(c[i] + d[i], order), mod(inputs[i] * receiver.b, order));
    });
  }

  test("gives another b, c and d in each session", () => {
    const runs = [1, 2, 3].map(() => {
      const { session, receiver, answer, c } = upToAnswer([5n, 7n]);
      return [receiver.b, ...c, ...finishMultiply(engine, session, receiver, answer)];
    });
    assert.equal(new Set(runs.flat()).size, 15);
  });

  test("wants inputs that are reduced", () => {
    const { session, extension } = upToAnswer([1n, 1n]);
    for (const inputs of [[order, 0n] as const, [0n, -1n] as const]) {
      assert.throws(() => answerMultiply(engine, session, extension, inputs, rng), { name: "AssertionError" });
    }
  });
});

describe("the multiplication's check refuses", () => {
  const honest = upToAnswer([scalar(), scalar()]);
  const { session, receiver, answer } = honest;

  test("any scalar of ã changed, in any column and row", () => {
    const bytes = engine.ot.encodeRows(answer.corrections);
    for (const at of [0, 1, 2, 3, 700, 1534, 1535]) {
      const corrections = engine.ot.decodeRows(flipBit(bytes, (32 * at + 31) * 8), 3);
      failsWith(session, receiver, { ...answer, corrections });
    }
  });

  test("η changed", () => {
    failsWith(session, receiver, { ...answer, eta: answer.eta ^ 1n });
    failsWith(session, receiver, { ...answer, eta: mod(-answer.eta, order) });
    failsWith(session, receiver, { ...answer, eta: 0n });
  });

  test("any bit of μ changed", () => {
    for (const bit of [0, 255, 256, 511]) failsWith(session, receiver, { ...answer, mu: flipBit(answer.mu, bit) });
  });

  test("an answer of another session, and this one in another", () => {
    const other = upToAnswer([scalar(), scalar()]);
    failsWith(session, receiver, other.answer);
    failsWith(other.session, receiver, answer);
  });

  test("an answer made under another session for this extension", () => {
    const { message } = answerMultiply(engine, rng(32), honest.extension, [1n, 2n], rng);
    failsWith(session, receiver, message);
  });

  test("none of these hurts the honest answer, which still passes", () => {
    assert.doesNotThrow(() => finishMultiply(engine, session, receiver, answer));
  });
});

/** A sender that brings another a_0 in one row, and is honest about all that follows from it. */
function deviating(row: number): Engine {
  const correct: Engine["ot"]["correct"] = (zero, one, inputs) => {
    const bytes = engine.ot.encodeRows(engine.ot.correct(zero, one, inputs));
    const at = 3 * row * 32;
    const changed = mod(engine.secp256k1.decodeScalar(bytes.slice(at, at + 32)) + 1n, order);
    bytes.set(engine.secp256k1.encodeScalar(changed), at);
    return engine.ot.decodeRows(bytes, 3);
  };
  return { ...engine, ot: { ...engine.ot, correct } };
}

test("a sender that deviates in one row is caught exactly if the receiver chose that row", () => {
  let caught = 0;
  for (let row = 0; row < 512; row += 32) {
    const { session, receiver, answer } = upToAnswer([3n, 4n], { sender: deviating(row) });
    const chosen = (receiver.choices[row >> 3]! >> (row & 7)) & 1;
    if (chosen === 1) failsWith(session, receiver, answer);
    else assert.doesNotThrow(() => finishMultiply(engine, session, receiver, answer));
    caught += chosen;
  }
  assert.ok(caught > 0 && caught < 16, "both cases were tried");
});

describe("the answer on the wire", () => {
  const { answer } = upToAnswer([scalar(), scalar()]);
  const schema = codec(multiplySchema(engine));
  const bytes = schema.encode(answer);

  test("comes back as it was", () => sameBytes(schema.encode(schema.decode(bytes)), bytes));

  test("is refused with a scalar that is not below q", () => {
    // The record's head, the string's head, then the first scalar.
    const wrong = bytes.slice();
    wrong.fill(0xff, 4, 4 + 32);
    assert.throws(() => schema.decode(wrong), { name: "CodecError" });
  });

  test("names its kinds for hostile tests", () => {
    assert.ok(schema.field.kind === "record");
    assert.deepEqual(schema.field.fields.get("corrections"), { kind: "scalars" });
  });
});

test("wiping leaves no secret bytes behind", () => {
  const { receiver, extension } = upToAnswer([1n, 2n]);
  wipeReceiver(engine, receiver);
  wipeExtension(extension);
  for (const bytes of [receiver.choices, receiver.columns, extension.zero, extension.one]) {
    assert.ok(bytes.every((byte) => byte === 0));
  }
});
