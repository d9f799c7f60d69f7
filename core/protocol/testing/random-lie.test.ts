import { codec, fixedBytes, rawCbor, record, uint } from "@conclave/bytes";
import assert from "node:assert/strict";
import { test } from "node:test";
import { pick, randomMutation, seededDice, withFlippedBit } from "./index.ts";

const message = codec(record({ number: uint(), inner: record({ key: fixedBytes(4), other: fixedBytes(4) }) }));

test("a random mutation changes one field, each in turn, or makes no message at all", () => {
  const dice = seededDice("random mutations");
  const honest = message.encode({ number: 7, inner: { key: Uint8Array.of(1, 2, 3, 4), other: new Uint8Array(4) } });
  const changed = new Set<string>();
  for (let i = 0; i < 300; i++) {
    const bytes = randomMutation(message, honest, { dice });
    assert.notDeepEqual(bytes, honest);
    changed.add(whatChanged(honest, bytes));
  }
  assert.deepEqual([...changed].toSorted(), ["key", "number", "other", "shape"]);
});

/** The leaf that differs, or "shape" if the bytes are no longer this message's. */
function whatChanged(honest: Uint8Array, bytes: Uint8Array): string {
  try {
    const [before, after] = [message.decode(honest), message.decode(bytes)];
    const differs = [
      ["number", before.number, after.number],
      ["key", before.inner.key, after.inner.key],
      ["other", before.inner.other, after.inner.other],
    ].flatMap(([name, was, is]) =>
      rawCbor.encode([was as never]).join() === rawCbor.encode([is as never]).join() ? [] : [name],
    );
    assert.equal(differs.length, 1);
    return differs[0] as string;
  } catch (error) {
    if (!(error instanceof Error) || error.name !== "CodecError") throw error;
    return "shape";
  }
}

test("a flipped bit is one bit, and the original stays", () => {
  const dice = seededDice("bits");
  const bytes = new Uint8Array(9);
  for (let i = 0; i < 50; i++) {
    const ones = [...withFlippedBit(bytes, dice)].reduce(
      (sum, byte) => sum + byte.toString(2).replaceAll("0", "").length,
      0,
    );
    assert.equal(ones, 1);
  }
  assert.deepEqual(bytes, new Uint8Array(9));
  assert.throws(() => pick(dice, []), RangeError);
});
