import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { rawCbor } from "@conclave/bytes";
import { sealEnvelope } from "@conclave/custody";
import { PartyFailure, tell, type PartyEvent } from "./index.ts";
import { lyingSchemes } from "./testing/cheats.ts";
import { envelopeIn, textOrder, World } from "./testing/world.ts";

const ORDER = textOrder("hello");

const broke = (events: readonly PartyEvent[]): readonly string[] =>
  events.filter(({ kind }) => kind === "broke").map(tell);

describe("a party that breaks the protocol before everybody's eyes", () => {
  test("in signing: it is named, and the others sign without it", async () => {
    const world = new World({ seed: "bad share", scheme: "frost-secp256k1-taproot", n: 3, t: 2 });
    await world.keygen();
    const lie = {
      scheme: "frost-secp256k1-taproot",
      during: "protocol",
      round: "frost/sign/2",
      part: "broadcast",
    } as const;
    world.schemes.set(2, lyingSchemes(lie));
    const [one, two] = [await world.open(1), await world.open(2)];
    const signed = one.party.sign(ORDER);
    two.party.sign(ORDER).catch(() => {});
    await world.pass(20_000);
    assert.deepEqual(broke(one.events), ["party 2 broke the protocol: frost/sign/2: signature share does not verify"]);
    const three = await world.open(3);
    const [first, third] = await world.until([signed, three.party.sign(ORDER)]);
    assert.deepEqual(first.signature, third.signature);
    assert.deepEqual(first.signers, [1, 3]);
    for (const { party } of [one, two, three]) await party.close();
  });

  test("in signing of two: nothing is left to do", async () => {
    const world = new World({ seed: "bad share", scheme: "frost-ed25519", n: 2, t: 2 });
    await world.keygen();
    world.schemes.set(
      2,
      lyingSchemes({ scheme: "frost-ed25519", during: "protocol", round: "frost/sign/2", part: "broadcast" }),
    );
    const [one, two] = [await world.open(1), await world.open(2)];
    two.party.sign(ORDER).catch(() => {});
    await assert.rejects(world.until([one.party.sign(ORDER)]), { name: "PartyFailure", code: "byzantine" });
    assert.equal(broke(one.events).length, 1);
    await one.party.close();
    await two.party.close();
  });

  test("in key generation: it is named, no share is kept, and the invite is over", async () => {
    for (const scheme of ["frost-secp256k1", "dkls23-secp256k1"] as const) {
      const world = new World({ seed: "bad proof", scheme, n: 3, t: 2 });
      world.schemes.set(2, lyingSchemes({ scheme, during: "keygen", round: "keygen/3-prove", part: "broadcast" }));
      const lives = await Promise.all([1, 2, 3].map(async (party) => world.open(party)));
      const [first, second, third] = lives.map(async ({ party }) => party.keygen());
      second!.catch(() => {});
      const [outcomes] = await world.until([Promise.allSettled([first!, third!])]);
      for (const outcome of outcomes) {
        assert.ok(outcome.status === "rejected" && outcome.reason instanceof PartyFailure);
        assert.equal(outcome.reason.code, "byzantine");
        assert.match(outcome.reason.message, /party 2 broke the protocol, .* make another invite without it/);
      }
      assert.match(broke(lives[0]!.events).join(), /party 2 broke the protocol: keygen\/3-prove/);
      for (const party of [1, 3]) assert.deepEqual(world.store(party).list("share/"), []);
      for (const { party } of lives) await party.close();
    }
  });

  test("with two stories for one place of a session: both signed, which convicts it", async () => {
    const world = new World({
      seed: "two stories",
      scheme: "frost-secp256k1",
      n: 2,
      t: 2,
      // Both stories arrive one after the other, before what follows them.
      weather: { lose: 0, repeat: 0, delayMs: 1 },
    });
    await world.keygen();
    const [one, two] = [await world.open(1), await world.open(2)];
    const { envelope: identity } = world.identities.get(2)!;
    world.network.tamper = (from, _to, frame) => {
      const envelope = from === world.node(2) ? envelopeIn(world, frame) : null;
      if (envelope?.header.kind !== "step/broadcast") return [frame];
      const { version: _v, roster: _r, sender: _s, length: _l, ...fields } = envelope.header;
      const body = envelope.body.slice();
      body[body.length - 1]! ^= 1;
      const { wire } = sealEnvelope(identity, world.invite.hash, fields, body);
      return [frame, rawCbor.encode(["content", [wire]])];
    };
    two.party.sign(ORDER).catch(() => {});
    await assert.rejects(world.until([one.party.sign(ORDER)]), { code: "byzantine" });
    assert.match(broke(one.events).join(), /party 2 broke the protocol: .*two different messages/);
    await one.party.close();
    await two.party.close();
  });
});

describe("what proves nothing", () => {
  test("blames nobody: a share sealed for one party that only it can see is wrong", async () => {
    const world = new World({ seed: "sealed lie", scheme: "dkls23-secp256k1", n: 2, t: 2 });
    world.schemes.set(
      2,
      lyingSchemes({ scheme: "dkls23-secp256k1", during: "keygen", round: "dkls23/setup/2-answer", part: "direct" }),
    );
    const [one, two] = [await world.open(1), await world.open(2)];
    two.party.keygen().catch(() => {});
    const failed = one.party.keygen();
    await assert.rejects(world.until([failed]), { code: "failed", message: /attempts came to nothing/ });
    assert.deepEqual(broke(one.events), []);
    assert.match(one.events.map(tell).join("\n"), /failed a check, which nobody else can verify/);
    assert.deepEqual(world.store(1).list("share/"), []);
    await one.party.close();
    await two.party.close();
  });

  test("is dropped: frames of strangers, of other invites, of nobody", async () => {
    const world = new World({ seed: "garbage", scheme: "frost-secp256k1", n: 2, t: 2 });
    const dice = new Uint8Array(64).map((_, i) => i * 37);
    world.network.tamper = (_from, _to, frame) => {
      const changed = frame.slice();
      changed[changed.length >> 1]! ^= 0x40;
      return [changed, dice, new Uint8Array(), frame];
    };
    await world.keygen();
    const [first, second] = await world.sign([1, 2], ORDER);
    assert.deepEqual(first!.signature, second!.signature);
  });

  test("replays: everything of an earlier run, again, changes nothing", async () => {
    const world = new World({ seed: "replay", scheme: "frost-secp256k1", n: 2, t: 2 });
    await world.keygen();
    const heard: (readonly [string, Uint8Array])[] = [];
    world.network.tamper = (_from, to, frame) => {
      heard.push([to, frame]);
      return [frame];
    };
    await world.sign([1, 2], ORDER);
    const old = heard.splice(0);
    world.network.tamper = (_from, to, frame) => {
      const due = old.filter(([other]) => other === to).slice(0, 5);
      for (const replayed of due) old.splice(old.indexOf(replayed), 1);
      return [...due.map(([, bytes]) => bytes), frame];
    };
    const [first, second] = await world.sign([1, 2], textOrder("something else"));
    assert.deepEqual(first!.signature, second!.signature);
    assert.deepEqual(first!.signers, [1, 2]);
  });
});
