import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { envelopeIn, textOrder, World } from "./testing/world.ts";

const ORDER = textOrder("hello");

describe("who opens an attempt", () => {
  test("is the lowest that is there, so that two do not open at once", async () => {
    const world = new World({ seed: "lowest", scheme: "frost-secp256k1", n: 3, t: 2 });
    await world.keygen();
    const setups = new Set<string>();
    world.network.tamper = (from, _to, frame) => {
      if (envelopeIn(world, frame)?.header.kind === "setup") setups.add(from);
      return [frame];
    };
    await world.sign([2, 3], ORDER);
    assert.deepEqual([...setups], [world.node(2)]);
  });

  test("is the next one, if the lowest is there and opens nothing", async () => {
    const world = new World({ seed: "idle", scheme: "frost-secp256k1", n: 3, t: 2 });
    await world.keygen();
    world.network.tamper = (from, _to, frame) => {
      const isSetup = from === world.node(1) && envelopeIn(world, frame)?.header.kind === "setup";
      return isSetup ? [] : [frame];
    };
    const lives = await Promise.all([1, 2, 3].map(async (party) => world.open(party)));
    const [, second, third] = await world.until(lives.map(async ({ party }) => party.sign(ORDER)));
    assert.deepEqual(second!.signature, third!.signature);
    for (const { party } of lives) await party.close();
  });
});
