import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { rawCbor, toHex, type Cbor } from "@conclave/bytes";
import type { Scheme } from "@conclave/keys";
import { PartyKeys } from "./index.ts";
import { MAX_UNFINISHED } from "./keys.ts";
import { engine, SCHEMES } from "./testing/engine.ts";
import { Stopped } from "./testing/memory-store.ts";
import { ROUGH } from "./testing/virtual-network.ts";
import { textOrder, World } from "./testing/world.ts";

/** The key in use at each party, as its disk says. */
const activeAt = (world: World, party: number): string | null => {
  const keys = new PartyKeys({ engine, store: world.store(party).copy(), schemes: SCHEMES });
  const active = keys.active(world.invite.hash);
  return active === undefined ? null : toHex(active.certificate);
};

const partiesOf = (world: World): readonly number[] => [...world.stores.keys()];

/** Never two keys of one invite. */
function assertOneKey(world: World): void {
  const active = partiesOf(world).flatMap((party) => activeAt(world, party) ?? []);
  assert.ok(new Set(active).size <= 1, "two parties use different keys of one invite");
}

/** One party dies at one of its changes; the others go on; then it is run again with the same invite. */
async function dieAndReturn(world: World, victim: number, change: number, when: "before" | "after"): Promise<boolean> {
  const lives = await Promise.all(partiesOf(world).map(async (party) => world.open(party)));
  world.store(victim).stopAt(change, when);
  const work = lives.map(async ({ party }) => {
    const facts = await party.keygen();
    await party.settle();
    await party.close();
    return facts;
  });
  for (const each of work) each.catch(() => {});
  let died = true;
  const [death] = await world.until([
    work[victim - 1]!.then(
      () => null,
      (error: unknown) => error,
    ),
  ]);
  if (death === null) died = false;
  else assert.ok(death instanceof Stopped);
  world.kill(victim);
  await world.pass(3_000);
  assertOneKey(world);
  const again = await world.open(victim);
  const others = work.filter((_, i) => i !== victim - 1);
  await world.until([again.party.keygen().then(async () => again.party.settle()), ...others]);
  await again.party.close();
  const active = partiesOf(world).map((party) => activeAt(world, party));
  assert.ok(active[0] !== null && active.every((key) => key === active[0]), "everybody has the one key");
  return died;
}

describe("a party that dies during key generation and is run again", () => {
  for (const [scheme, n, changes] of [
    ["frost-secp256k1-taproot", 3, 2],
    // One edge more.
    ["dkls23-secp256k1", 2, 3],
  ] as const satisfies readonly (readonly [Scheme, number, number])[]) {
    for (const victim of scheme === "dkls23-secp256k1" ? [2] : [1, 3]) {
      for (let change = 0; change < changes; change++) {
        for (const when of ["before", "after"] as const) {
          test(`${scheme}: party ${victim} of ${n}, ${when} its durable step ${change + 1}`, async () => {
            const world = new World({ seed: `crash ${scheme} ${victim} ${change} ${when}`, scheme, n, t: 2 });
            assert.ok(await dieAndReturn(world, victim, change, when));
            const orphans = world.store(victim).list("edge/");
            assert.equal(orphans.length, scheme === "dkls23-secp256k1" ? n - 1 : 0);
            const signed = await world.sign([1, 2], textOrder("alive"));
            assert.deepEqual(signed[0]!.signature, signed[1]!.signature);
          });
        }
      }
    }
  }

  test("all of them, again and again, with a share at some and at others not: in the end one key (8 seeds)", async () => {
    let superseded = 0;
    let certified = 0;
    for (let seed = 0; seed < 8; seed++) {
      const world = new World({ seed: `storm ${seed}`, scheme: "frost-secp256k1", n: 3, t: 2, weather: ROUGH });
      const changes = (): number => [1, 2, 3].reduce((sum, party) => sum + world.store(party).changes.length, 0);
      for (let round = 0; round < 3; round++) {
        const lives = await Promise.all([1, 2, 3].map(async (party) => world.open(party)));
        for (const { party } of lives) party.keygen().catch(() => {});
        const enough = changes() + 1 + ((seed + round) % 4);
        const limitMs = world.clock.nowMs() + 20_000;
        while (changes() < enough && world.clock.nowMs() < limitMs && (await world.clock.step()));
        for (const party of [1, 2, 3]) world.kill(party);
        assertOneKey(world);
        superseded += [1, 2, 3].filter((party) => world.store(party).list("share/").length > 1).length;
        certified += [1, 2, 3].filter((party) => activeAt(world, party) !== null).length;
      }
      const facts = await world.keygen();
      assert.equal(new Set(facts.map(({ publicKey }) => toHex(publicKey))).size, 1, `seed ${seed}`);
      assertOneKey(world);
      for (const party of [1, 2, 3]) assert.equal(world.store(party).list("share/").length, 1, `seed ${seed}`);
    }
    assert.ok(superseded > 4 && certified > 4, `${superseded} superseded, ${certified} certified`);
  });

  test("a finished key is there at once for who asks again", async () => {
    const world = new World({ seed: "finished", scheme: "frost-secp256k1", n: 2, t: 2 });
    const [first] = await world.keygen();
    const { party } = await world.open(1);
    const [again] = await world.until([party.keygen()]);
    assert.deepEqual(again, first);
    await party.close();
  });

  test("who has every certificate gives them to who lacks some, whatever it is doing", async () => {
    const world = new World({ seed: "forward", scheme: "frost-secp256k1", n: 3, t: 2 });
    const lives = await Promise.all([1, 2, 3].map(async (party) => world.open(party)));
    world.store(3).stopAt(1, "before");
    const work = lives.map(async ({ party }) => party.keygen());
    await world.until([Promise.allSettled(work)]);
    for (const party of [1, 2, 3]) world.kill(party);
    assert.equal(activeAt(world, 3), null);
    assert.ok(activeAt(world, 1) !== null);
    // Only party 1 is there, and it came to sign.
    const one = await world.open(1);
    one.party.sign(textOrder("hello")).catch(() => {});
    const three = await world.open(3);
    await world.until([three.party.keygen()]);
    assert.equal(activeAt(world, 3), activeAt(world, 1));
    await one.party.close();
    await three.party.close();
  });

  test("a party whose disk was lost is not taken for one that never was there", async () => {
    const world = new World({ seed: "lost disk", scheme: "frost-secp256k1", n: 2, t: 2 });
    await world.keygen();
    for (const name of world.store(2).records.keys()) if (name !== "identity") world.store(2).records.delete(name);
    const [one, two] = [await world.open(1), await world.open(2)];
    await world.until([one.party.keygen()]);
    const failed = two.party.keygen();
    await assert.rejects(world.until([failed]), {
      code: "not-ready",
      message: /uses a key of this invite that this party has no share of/,
    });
    await one.party.close();
    await two.party.close();
  });

  test("an invite whose runs came to no end too often is over", async () => {
    const world = new World({ seed: "too often", scheme: "frost-secp256k1", n: 2, t: 2 });
    const [one, two] = [await world.open(1), await world.open(2)];
    world.store(2).stopAt(0, "before");
    for (const { party } of [one, two]) party.keygen().catch(() => {});
    await world.untilIt(() => world.store(1).list("share/").length === 1);
    for (const party of [1, 2]) world.kill(party);
    const [name] = world.store(1).list("share/");
    const fields = [...(rawCbor.decode(world.store(1).get(name!)) as Cbor[])];
    fields[1] = MAX_UNFINISHED;
    world.store(1).records.set(name!, rawCbor.encode(fields));
    const again = await world.open(1);
    await assert.rejects(world.until([again.party.keygen()]), { code: "failed", message: /make another invite/ });
    await again.party.close();
  });

  test("a signer that dies is named, and signs after its return", async () => {
    for (const scheme of ["frost-secp256k1", "dkls23-secp256k1"] as const) {
      const world = new World({ seed: `signer ${scheme}`, scheme, n: 2, t: 2 });
      await world.keygen();
      const [one, two] = [await world.open(1), await world.open(2)];
      const signed = one.party.sign(textOrder("hello"));
      two.party.sign(textOrder("hello")).catch(() => {});
      while (!two.events.some(({ kind }) => kind === "round")) await world.pass(1);
      world.kill(2);
      await world.pass(2_000);
      assert.ok(one.events.some((event) => event.kind === "gone" && event.party === 2));
      const again = await world.open(2);
      const [first, second] = await world.until([signed, again.party.sign(textOrder("hello"))]);
      assert.deepEqual(first.signature, second.signature);
      assert.ok(one.events.every(({ kind }) => kind !== "broke"));
      await one.party.close();
      await again.party.close();
    }
  });

  test("any of three dies at any moment of a signature: the other two have the same one (12 seeds)", async () => {
    for (let seed = 0; seed < 12; seed++) {
      const world = new World({ seed: `again ${seed}`, scheme: "frost-secp256k1", n: 3, t: 2, weather: ROUGH });
      await world.keygen();
      const lives = await Promise.all([1, 2, 3].map(async (party) => world.open(party)));
      const work = lives.map(async ({ party }) => {
        const { signature } = await party.sign(textOrder("hello"));
        await party.settle();
        await party.close();
        return toHex(signature);
      });
      for (const each of work) each.catch(() => {});
      const victim = 1 + (seed % 3);
      await world.pass((seed * 197) % 1_500);
      world.kill(victim);
      const signed = await world.until(work.filter((_, i) => i !== victim - 1));
      assert.equal(new Set(signed).size, 1, `seed ${seed}`);
    }
  });
});
