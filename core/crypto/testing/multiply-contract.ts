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
  portableEngine,
  type Engine,
} from "../index.ts";
import { randomLeaves } from "./leaves.ts";
import { seededRng } from "./rng.ts";

/** An engine multiplies with the portable one, in both roles, over bytes. Registers tests. */
export function multiplyContract(engine: Engine): void {
  describe("multiplication", () => {
    for (const [receiver, sender] of [[engine, portableEngine] as const, [portableEngine, engine] as const]) {
      test(`of ${receiver.name} as receiver and ${sender.name} as sender: c + d = a·b`, () =>
        multiply(receiver, sender));
    }
  });
}

function multiply(receiving: Engine, sending: Engine): void {
  const rng = seededRng("multiply-contract");
  const { order } = portableEngine.secp256k1;
  const { all, punctured } = randomLeaves(rng);
  for (const inputs of [[portableEngine.secp256k1.reduce(rng(48)), order - 1n] as const, [0n, 1n] as const]) {
    const session = rng(32);
    const { message, receiver } = beginMultiply(receiving, session, all, rng);
    const extension = codec(extensionSchema);
    const checked = checkExtension(sending, session, punctured, extension.decode(extension.encode(message)));
    const { message: answer, c } = answerMultiply(sending, session, checked, inputs, rng);
    const wire = codec(multiplySchema(sending)).encode(answer);
    const d = finishMultiply(receiving, session, receiver, codec(multiplySchema(receiving)).decode(wire));
    for (const i of [0, 1] as const) assert.equal(mod(c[i] + d[i], order), mod(inputs[i] * receiver.b, order), `${i}`);
  }
}
