import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { toHex } from "@conclave/bytes";
import { SCHEMES } from "@conclave/keys";
import { childFacts, PartyFailure, type KeyFacts, type PartyEvent, type PartySignature } from "./index.ts";
import { engine } from "./testing/engine.ts";
import { ROUGH } from "./testing/virtual-network.ts";
import { envelopeIn, textOrder, World } from "./testing/world.ts";

const SIZES = [
  [2, 2],
  [2, 3],
  [3, 5],
] as const;

/** The one value that all of these have. */
function theOne(values: readonly Uint8Array[]): Uint8Array {
  assert.equal(new Set(values.map(toHex)).size, 1);
  return values[0]!;
}

const keyOf = (facts: readonly KeyFacts[]): Uint8Array => theOne(facts.map(({ publicKey }) => publicKey));
const signatureOf = (signed: readonly PartySignature[]): Uint8Array => theOne(signed.map(({ signature }) => signature));

/** Asks the scheme whether it is a signature under the key, as anybody could. */
async function assertSigned(world: World, { publicKey, digest, signature }: PartySignature): Promise<void> {
  const { keys, party } = await world.open(1);
  const held = keys.active(world.invite.hash)!;
  assert.ok(held.scheme.verify(keys.groupOf(held).decode(publicKey), digest, signature));
  await party.close();
}

describe("a group without a cluster", () => {
  for (const scheme of SCHEMES) {
    for (const [t, n] of SIZES) {
      test(`${scheme}, ${t} of ${n}: everybody has one key, and every signer the same signature`, async () => {
        const world = new World({ seed: `${scheme} ${t} ${n}`, scheme, n, t });
        const facts = await world.keygen();
        const publicKey = keyOf(facts);
        assert.ok(facts.every(({ isActive, threshold }) => isActive && threshold === t));
        assert.equal(new Set(facts.map(({ fingerprint }) => fingerprint)).size, 1);
        const signers = [1, ...Array.from({ length: t - 1 }, (_, i) => n - i)].toSorted((a, b) => a - b);
        const signed = await world.sign(signers, textOrder("hello"));
        signatureOf(signed);
        assert.deepEqual(signed[0]!.publicKey, publicKey);
        assert.deepEqual(signed[0]!.signers, signers);
        await assertSigned(world, signed[0]!);
      });
    }
  }

  test("sixteen parties, the most there are, make a key and sign", async () => {
    const world = new World({ seed: "sixteen", scheme: "frost-secp256k1", n: 16, t: 9 });
    keyOf(await world.keygen());
    signatureOf(await world.sign([2, 3, 5, 7, 8, 11, 13, 14, 16], textOrder("hello")));
  });

  for (const seed of ["a", "b"]) {
    for (const scheme of ["frost-ed25519", "dkls23-secp256k1"] as const) {
      test(`${scheme}: whatever is lost, repeated and overtaken, it comes to the same end (seed ${seed})`, async () => {
        const n = scheme === "frost-ed25519" ? 3 : 2;
        const world = new World({ seed: `rough ${seed}`, scheme, n, t: 2, weather: ROUGH });
        keyOf(await world.keygen());
        signatureOf(await world.sign([1, 2], textOrder("hello")));
      });
    }
  }

  test("who is there and not needed is told the signature, and verifies it", async () => {
    const world = new World({ seed: "told", scheme: "frost-secp256k1-taproot", n: 3, t: 2 });
    await world.keygen();
    const signed = await world.sign([1, 2, 3], textOrder("hello"));
    signatureOf(signed);
    const [who] = new Set(signed.map(({ signers }) => signers.join()));
    assert.ok(["1,2", "1,3", "2,3"].includes(who!));
    assert.ok(signed.every(({ signers }) => signers.join() === who));
  });

  test("who was told a signature passes it on: the one that made it may be gone", async () => {
    const world = new World({ seed: "passed on", scheme: "frost-secp256k1", n: 3, t: 2 });
    await world.keygen();
    const lives = await Promise.all([1, 2, 3].map(async (party) => world.open(party)));
    const signersOf = (events: readonly PartyEvent[]): readonly number[] =>
      events.flatMap((event) => (event.kind === "begun" ? event.parties : []));
    // The second signer finishes, and only its result reaches the first; the party that does not sign hears nothing of it.
    world.network.tamper = (from, to, frame) => {
      const [first, second] = signersOf(lives[0]!.events).map((party) => world.node(party));
      const header = envelopeIn(world, frame)?.header;
      const isShare = header?.round === "frost/sign/2" && to === first;
      const isResult = header?.kind === "result" && to !== first;
      return from === second && (isShare || isResult) ? [] : [frame];
    };
    const signed = lives.map(async ({ party }) => party.sign(textOrder("hello")));
    await world.untilIt(() => signersOf(lives[0]!.events).length > 0);
    const second = signersOf(lives[0]!.events)[1]!;
    await world.until([signed[second - 1]!.then(async () => world.pass(1_000))]);
    world.kill(second);
    signatureOf(await world.until(signed));
    for (const { party } of lives) await party.close();
  });

  test("signs with a child of the key, which anybody derives from its chain code", async () => {
    for (const scheme of ["frost-secp256k1-taproot", "frost-secp256k1", "dkls23-secp256k1"] as const) {
      const world = new World({ seed: "child", scheme, n: 2, t: 2 });
      await world.keygen();
      const [signed] = await world.sign([1, 2], textOrder("hello", { path: [0, 7] }));
      const { keys, party } = await world.open(1);
      const child = childFacts(engine.secp256k1, keys.active(world.invite.hash)!, [0, 7]);
      await party.close();
      assert.deepEqual(signed!.publicKey, child.publicKey);
      await assertSigned(world, signed!);
    }
  });

  test("goes on in one process: a key, then a signature, then another", async () => {
    const world = new World({ seed: "one life", scheme: "frost-ed25519", n: 3, t: 2 });
    const lives = await Promise.all([1, 2, 3].map(async (party) => world.open(party)));
    const results = lives.map(async ({ party }, i) => {
      const facts = await party.keygen();
      await party.settle();
      const signatures: PartySignature[] = [];
      for (const text of i === 1 ? ["one"] : ["one", "two"]) {
        signatures.push(await party.sign(textOrder(text)));
        await party.settle();
      }
      return { facts, signatures };
    });
    const [first, second, third] = await world.until(results);
    signatureOf([first!, second!, third!].map(({ signatures }) => signatures[0]!));
    signatureOf([first!, third!].map(({ signatures }) => signatures[1]!));
    const { party } = lives[0]!;
    const waiting = party.sign(textOrder("three"));
    await assert.rejects(party.sign(textOrder("four")), /one thing at a time/);
    await party.close();
    await assert.rejects(waiting, { code: "closed" });
    for (const life of lives) await life.party.close();
  });

  test("an Ed25519 key has no children, and nothing has hardened ones", async () => {
    const world = new World({ seed: "no child", scheme: "frost-ed25519", n: 2, t: 2 });
    await world.keygen();
    const { party } = await world.open(1);
    const refused = (words: RegExp) => (error: unknown) =>
      error instanceof PartyFailure && error.code === "refused" && words.test(error.message);
    await assert.rejects(party.sign(textOrder("hello", { path: [0] })), refused(/Ed25519 key has no children/));
    await party.close();
    const other = new World({ seed: "no child", scheme: "frost-secp256k1", n: 2, t: 2 });
    await other.keygen();
    const life = await other.open(1);
    await assert.rejects(life.party.sign(textOrder("hello", { path: [0x8000_0001] })), refused(/^1' is hardened/));
    await life.party.close();
  });

  test("does not sign before there is a key, nor among too few, nor without itself", async () => {
    const world = new World({ seed: "too early", scheme: "frost-secp256k1", n: 3, t: 2 });
    const early = await world.open(1);
    await assert.rejects(early.party.sign(textOrder("hello")), { name: "PartyFailure", code: "not-ready" });
    await early.party.close();
    await world.keygen();
    const { party } = await world.open(1);
    for (const parties of [[1], [2, 3]])
      await assert.rejects(party.sign(textOrder("hello", { parties: parties as never })), {
        name: "PartyFailure",
        code: "refused",
        message: /takes 2 parties, this one \(1\) among them/,
      });
    await party.close();
  });

  test("refuses what may be the preimage of a spend, before anybody hears of it", async () => {
    const world = new World({ seed: "preimage", scheme: "dkls23-secp256k1", n: 2, t: 2 });
    await world.keygen();
    const { party } = await world.open(1);
    const inner = new Uint8Array(32).fill(7);
    const order = { content: { kind: "message", message: inner, hash: "sha256" }, path: [], parties: null } as const;
    await assert.rejects(party.sign(order), { code: "refused", message: /could spend coins/ });
    const long = new Uint8Array(65_537);
    await assert.rejects(party.sign({ ...order, content: { ...order.content, message: long } }), {
      code: "refused",
      message: /65537 bytes where 65536 are allowed/,
    });
    await assert.rejects(party.sign({ ...order, content: { kind: "digest", digest: new Uint8Array(31) } }), {
      code: "refused",
      message: /a digest is 32 bytes/,
    });
    await party.close();
  });

  test("signs a digest that everybody gives as such, and only with those who do", async () => {
    const world = new World({ seed: "digest", scheme: "dkls23-secp256k1", n: 2, t: 2 });
    await world.keygen();
    const digest = new Uint8Array(32).fill(9);
    const order = { content: { kind: "digest", digest }, path: [], parties: null } as const;
    const [signed] = await world.sign([1, 2], order);
    assert.deepEqual(signed!.digest, digest);
    await assertSigned(world, signed!);
  });
});
