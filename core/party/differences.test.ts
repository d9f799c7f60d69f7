import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { toHex } from "@conclave/bytes";
import type { PartyIndex } from "@conclave/protocol";
import { PartyFailure, tell, type PartyEvent, type SignatureOrder } from "./index.ts";
import { textOrder, World } from "./testing/world.ts";

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const ORDER = textOrder("pay the rent");

const OTHERS: readonly (readonly [what: string, order: SignatureOrder, told: RegExp])[] = [
  ["message", textOrder("pay the Rent"), /its message is another one \(hash/],
  ["hash", { ...ORDER, content: { kind: "message", message: utf8("pay the rent"), hash: "keccak256" } }, /hashes with/],
  ["digest", { ...ORDER, content: { kind: "digest", digest: new Uint8Array(32) } }, /hashes with/],
  ["path", { ...ORDER, path: [0, 1] }, /derivation path is m(?:\/0\/1)?, and here m/],
  ["parties", { ...ORDER, parties: [1, 3] as PartyIndex[] }, /signs among parties/],
];

const told = (events: readonly PartyEvent[], party: number): string =>
  events
    .filter((event) => event.kind === "differs" && event.party === party)
    .map(tell)
    .join("\n");

describe("a party whose operator typed something else", () => {
  for (const [what, other, words] of OTHERS) {
    test(`(another ${what}) takes no part, everybody is told why, and the others sign`, async () => {
      const world = new World({ seed: `differs ${what}`, scheme: "frost-secp256k1", n: 3, t: 2 });
      await world.keygen();
      const lives = await Promise.all([1, 2, 3].map(async (party) => world.open(party)));
      const orders = [ORDER, ORDER, other];
      const outcomes = lives.map(async ({ party }, i) => {
        try {
          const { signature } = await party.sign(orders[i]!);
          await party.settle();
          return toHex(signature);
        } catch (error) {
          return error;
        } finally {
          await party.close();
        }
      });
      const [first, second, third] = await world.until(outcomes);
      assert.equal(typeof first, "string");
      assert.equal(second, first);
      assert.ok(third instanceof PartyFailure && third.code === "refused");
      assert.match(third.message, words);
      assert.match(third.message, /See who is right, and run the command again/);
      assert.match(told(lives[0]!.events, 3), words);
      assert.match(told(lives[1]!.events, 3), words);
      assert.match(told(lives[2]!.events, 1), words);
    });

    if (what === "parties") continue;
    test(`(another ${what}) leaves two of two with nothing to do, and both are told why`, async () => {
      const world = new World({ seed: `two ${what}`, scheme: "frost-secp256k1", n: 2, t: 2 });
      await world.keygen();
      const [one, two] = [await world.open(1), await world.open(2)];
      const [outcomes] = await world.until([Promise.allSettled([one.party.sign(ORDER), two.party.sign(other)])]);
      for (const outcome of outcomes) {
        assert.ok(outcome.status === "rejected" && outcome.reason instanceof PartyFailure);
        assert.match(outcome.reason.message, words);
      }
      await one.party.close();
      await two.party.close();
    });
  }

  test("(another key) is told so", async () => {
    const world = new World({ seed: "two keys", scheme: "frost-secp256k1", n: 2, t: 2 });
    await world.keygen();
    const [one, two] = [await world.open(1), await world.open(2)];
    // As if this party's data were of another run of the same invite.
    Object.defineProperty(two.keys.all()[0]!, "certificate", { value: new Uint8Array(32).fill(5) });
    const [outcomes] = await world.until([Promise.allSettled([one.party.sign(ORDER), two.party.sign(ORDER)])]);
    for (const outcome of outcomes)
      assert.match(String((outcome as PromiseRejectedResult).reason), /it signs with another key/);
    await one.party.close();
    await two.party.close();
  });

  test("may think again: the same command with the right words, and the signature is made", async () => {
    const world = new World({ seed: "again", scheme: "frost-secp256k1", n: 3, t: 2 });
    await world.keygen();
    const one = await world.open(1);
    const three = await world.open(3);
    const signed = one.party.sign(ORDER);
    const wrong = three.party.sign(textOrder("something else"));
    wrong.catch(() => {});
    await world.pass(5_000);
    assert.ok(one.events.some((event) => event.kind === "differs"));
    world.kill(3);
    const again = await world.open(3);
    const [first, second] = await world.until([signed, again.party.sign(ORDER)]);
    assert.deepEqual(first.signature, second.signature);
    await one.party.close();
    await again.party.close();
  });
});

describe("an operator who waits", () => {
  test("is told for whom, and who came", async () => {
    const world = new World({ seed: "waits", scheme: "frost-secp256k1", n: 3, t: 3 });
    const one = await world.open(1);
    one.party.keygen().catch(() => {});
    await world.pass(1_000);
    assert.deepEqual(one.events.map(tell), ["waiting for parties 2 and 3 …"]);
    const two = await world.open(2);
    two.party.keygen().catch(() => {});
    await world.pass(1_000);
    assert.deepEqual(one.events.slice(1).map(tell), ["party 2 is here", "waiting for party 3 …"]);
    await one.party.close();
    await two.party.close();
  });

  test("is told who was silent when time ran out, without blame, and another attempt follows", async () => {
    const world = new World({ seed: "silent", scheme: "frost-secp256k1", n: 2, t: 2 });
    await world.keygen();
    const [one, two] = [await world.open(1), await world.open(2)];
    let isDeaf = false;
    world.network.tamper = (from, _to, frame) => (isDeaf && from === world.node(2) ? [] : [frame]);
    const both = [one.party.sign(ORDER), two.party.sign(ORDER)] as const;
    await world.pass(60);
    isDeaf = true;
    await world.pass(60_000);
    const silent = one.events.filter(({ kind }) => kind === "timedOut");
    assert.ok(silent.length > 0);
    assert.ok(one.events.every(({ kind }) => kind !== "broke"));
    isDeaf = false;
    const [first, second] = await world.until(both);
    assert.deepEqual(first.signature, second.signature);
    await one.party.close();
    await two.party.close();
  });
});
