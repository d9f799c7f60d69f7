import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { tell } from "./index.ts";
import { lyingSchemes } from "./testing/cheats.ts";
import { Stopped } from "./testing/memory-store.ts";
import { textOrder, World, type WorldOptions } from "./testing/world.ts";

const ORDER = textOrder("hello");
const LIE = {
  scheme: "dkls23-secp256k1",
  during: "protocol",
  round: "dkls23/sign/2-multiply",
  part: "direct",
} as const;

/** One key generation for all of these tests: each takes a copy of the disks. */
const OPTIONS: WorldOptions = { seed: "edges", scheme: "dkls23-secp256k1", n: 3, t: 2 };
let made: Promise<World> | null = null;

async function worldWithKey(): Promise<World> {
  made ??= (async () => {
    const world = new World(OPTIONS);
    await world.keygen();
    return world;
  })();
  const original = await made;
  const world = new World(OPTIONS);
  for (const [party, store] of original.stores)
    for (const [name, record] of store.records) world.store(party).records.set(name, record.slice());
  return world;
}

/** Party 1 signs with party 2, which lies where only party 1 can see it. */
async function lieTo(world: World) {
  world.schemes.set(2, lyingSchemes(LIE));
  const [one, two] = [await world.open(1), await world.open(2)];
  const signed = one.party.sign(ORDER);
  signed.catch(() => {});
  two.party.sign(ORDER).catch(() => {});
  return { one, two, signed };
}

describe("what two parties share, after a failed check on it", () => {
  test("is gone before anybody hears of it, and the others sign without the pair", async () => {
    const world = await worldWithKey();
    const { one, two, signed } = await lieTo(world);
    await world.pass(5_000);
    assert.match(one.events.map(tell).join("\n"), /parties 1 and 2 can sign together no more: dkls23\/sign/);
    assert.ok(
      one.events.every(({ kind }) => kind !== "broke"),
      "only party 1 can know, so nobody is called a cheat",
    );
    assert.equal(world.store(1).list("edge/").length, 1);
    assert.equal(world.store(2).list("edge/").length, 1, "its other end believes it");
    const changes = world.store(1).changes.slice(-2);
    assert.match(changes.join(), /^put dead\/.*\/2,erase edge\/.*\/2$/);
    const three = await world.open(3);
    const [first, third] = await world.until([signed, three.party.sign(ORDER)]);
    assert.deepEqual(first.signature, third.signature);
    assert.deepEqual(first.signers, [1, 3]);
    for (const { party } of [one, two, three]) await party.close();
  });

  test("stays gone after a restart: signing with that party alone is refused, with advice", async () => {
    const world = await worldWithKey();
    const { one, two } = await lieTo(world);
    await world.pass(5_000);
    await one.party.close();
    await two.party.close();
    world.schemes.delete(2);
    for (const party of [1, 2]) {
      const life = await world.open(party);
      assert.equal(life.keys.dead(life.keys.all()[0]!)[0]!.peer, 3 - party);
      const order = { ...ORDER, parties: [1, 2] as never };
      await assert.rejects(world.until([life.party.sign(order)]), {
        code: "not-ready",
        message: /destroyed for safety.*Sign with other parties \(--parties\), or make a new key/,
      });
      await life.party.close();
    }
    const [first, third] = await world.sign([1, 3], ORDER);
    assert.deepEqual(first!.signature, third!.signature);
  });

  test("is erased at the next start if the process died between the two steps", async () => {
    const world = await worldWithKey();
    world.schemes.set(2, lyingSchemes(LIE));
    const [one, two] = [await world.open(1), await world.open(2)];
    world.store(1).stopAt(0, "after");
    two.party.sign(ORDER).catch(() => {});
    await assert.rejects(world.until([one.party.sign(ORDER)]), Stopped);
    world.kill(1);
    assert.equal(world.store(1).list("edge/").length, 2);
    const again = await world.open(1);
    assert.equal(world.store(1).list("edge/").length, 1);
    assert.deepEqual(
      again.keys.ends(again.keys.all()[0]!)!.map(({ peer }) => peer),
      [3],
    );
    await again.party.close();
    await two.party.close();
  });
});
