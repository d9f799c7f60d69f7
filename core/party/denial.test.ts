import assert from "node:assert/strict";
import { test } from "node:test";
import { toHex } from "@conclave/bytes";
import { envelopeIn, textOrder, World } from "./testing/world.ts";

test("a share that a later run superseded never comes into use, though somebody certifies it late", async () => {
  const world = new World({ seed: "denial", scheme: "frost-secp256k1", n: 2, t: 2 });
  const shares = (party: number): readonly string[] => world.store(party).list("share/");
  const certificates: Uint8Array[] = [];
  const withhold = (from: string, frame: Uint8Array): readonly Uint8Array[] => {
    const isCertificate = from === world.node(2) && envelopeIn(world, frame)?.header.kind === "certificate";
    if (isCertificate) certificates.push(frame);
    return isCertificate ? [] : [frame];
  };
  // Both have a share of the first run; what party 2 certified does not arrive.
  world.network.tamper = (from, _to, frame) => withhold(from, frame);
  const first = [await world.open(1), await world.open(2)];
  for (const { party } of first) party.keygen().catch(() => {});
  await world.untilIt(() => shares(1).length === 1 && certificates.length > 0);
  for (const party of [1, 2]) world.kill(party);
  const [superseded] = shares(1);
  const late = certificates.splice(0);

  // Party 2 denies it: its disk went back to before.
  for (const name of world.store(2).records.keys()) if (name !== "identity") world.store(2).records.delete(name);
  const second = [await world.open(1), await world.open(2)];
  const made = second.map(async ({ party }) => party.keygen());
  await world.untilIt(() => shares(1).length === 2);
  // The old certificate comes after all, and the new one not yet.
  world.network.tamper = (from, _to, frame) => [...withhold(from, frame), ...late.splice(0)];
  await world.pass(2_000);
  assert.deepEqual(late, []);
  assert.deepEqual(world.store(1).list("certified/"), []);

  world.network.tamper = (_from, _to, frame) => [frame];
  const facts = await world.until(made);
  assert.equal(new Set(facts.map(({ publicKey }) => toHex(publicKey))).size, 1);
  await world.until(second.map(async ({ party }) => party.settle()));
  for (const { party } of second) await party.close();
  assert.ok(!shares(1).includes(superseded!), "the superseded share is erased once the other is in use");
  const [signed, same] = await world.sign([1, 2], textOrder("hello"));
  assert.deepEqual(signed!.signature, same!.signature);
});
