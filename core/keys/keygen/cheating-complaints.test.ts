/** Sealed shares that do not fit: complaints, answers in public, and who pays for them. */
import { testSecp256k1 } from "../testing/index.ts";
import { ed25519Group, mod, type Group } from "@conclave/crypto";
import { roundOf, type Abort, type PartyIndex } from "@conclave/protocol";
import { CALM, cheat, mutations, parties, simulate, type Rewrite, type Simulation } from "@conclave/protocol/testing";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { keygenProtocol, type KeyShare } from "../index.ts";
import { handing, judgeFromOutside, keygenRun, sharesOf } from "../testing/index.ts";
import type { Answers } from "./3b-answer.ts";

const [one, two, three] = parties(1, 2, 3) as [PartyIndex, PartyIndex, PartyIndex];
const [OPEN, PROVE, ANSWER] = ["keygen/2-open", "keygen/3-prove", "keygen/3b-answer"];

const directCodec = (group: Group) => roundOf(keygenProtocol(group), OPEN)!.direct!;

/** Who complained about whom, as `accuser > dealer`, from what was sent. */
function complaints(group: Group, { trace }: Simulation<KeyShare>): readonly string[] {
  const codec = roundOf(keygenProtocol(group), PROVE)!.broadcast!;
  const all = trace.flatMap((event) => {
    if (event.kind !== "send" || event.message.round !== PROVE || event.message.part !== "broadcast") return [];
    const { complaints } = codec.decode(event.message.body) as { complaints: readonly PartyIndex[] };
    return complaints.map((dealer) => `${event.message.from} > ${dealer}`);
  });
  return [...new Set(all)].toSorted();
}

for (const group of [testSecp256k1, ed25519Group]) {
  const run = keygenRun(group, { n: 3, t: 2, seed: "complaints" });
  const codec = directCodec(group);
  const plusOne = (honest: Uint8Array): Uint8Array => {
    const share = group.decodeScalar(codec.decode(honest) as Uint8Array);
    return codec.encode(group.encodeScalar(mod(share + 1n, group.order)));
  };
  const untouched = sharesOf(simulate({ ...run, schedule: CALM }));

  /** Every party has its share, of the very key that comes out when nobody complains: answers change nothing. */
  const adopted = (simulation: Simulation<KeyShare>): void => {
    const shares = sharesOf(simulation);
    for (const [i, { secret, record }] of shares.entries()) {
      assert.equal(secret, untouched[i]!.secret);
      assert.deepEqual(record.chainCode, untouched[i]!.record.chainCode);
    }
    assert.equal(new Set(shares.map(({ record }) => record.certificate.join())).size, 1);
  };

  const abortsOf = (simulation: Simulation<KeyShare>, honest: readonly PartyIndex[]): readonly Abort[] =>
    honest.map((party) => {
      const outcome = simulation.outcomes.get(party)!;
      assert.ok(outcome.kind === "abort", `party ${party} ended with ${outcome.kind}`);
      return outcome;
    });

  describe(`complaints in key generation on ${group.name}`, () => {
    test("a wrong share is complained about, answered in public and adopted: nobody is blamed", () => {
      const protocol = handing(group, two, new Map([[one, plusOne]]));
      const simulation = simulate({ ...run, protocol, schedule: CALM });
      assert.deepEqual(complaints(group, simulation), ["1 > 2"]);
      adopted(simulation);
    });

    test("so is a share in any other form: each mutation of the sealed part, malformed ones and none at all", () => {
      const { trace } = simulate({ ...run, schedule: CALM });
      const sent = trace.find(
        (event) =>
          event.kind === "send" && event.message.part === "direct" && event.message.from === two && event.to === one,
      );
      assert.ok(sent?.kind === "send");
      const rows = mutations(codec, sent.message.body, { group });
      for (const mutation of rows) {
        const rewrite: Rewrite = { round: OPEN, part: "direct", to: one, body: () => mutation.bytes };
        const { simulation } = cheat({ ...run, cheater: two, rewrite });
        assert.deepEqual(complaints(group, simulation), ["1 > 2"], mutation.name);
        adopted(simulation);
      }
      assert.ok(rows.some(({ name }) => name === "no bytes") && rows.some(({ name }) => name === "random bytes"));
      console.log(`sealed share on ${group.name}: ${rows.length} mutations, each a complaint that is answered`);
    });

    test("two wrong shares of one dealer are two complaints at once", () => {
      const protocol = handing(
        group,
        two,
        new Map([
          [one, plusOne],
          [three, plusOne],
        ]),
      );
      const simulation = simulate({ ...run, protocol, schedule: CALM });
      assert.deepEqual(complaints(group, simulation), ["1 > 2", "3 > 2"]);
      adopted(simulation);
    });

    test("two dealers at once, in any order of messages", () => {
      const protocol = handing(group, two, new Map([[one, plusOne]]), handing(group, three, new Map([[one, plusOne]])));
      for (const seed of ["a", "b", "c"]) {
        const simulation = simulate({ ...run, seed, protocol });
        assert.deepEqual(complaints(group, simulation), ["1 > 2", "1 > 3"]);
        sharesOf(simulation);
      }
    });

    test("a false complaint costs nobody: the dealer answers and the key is made", () => {
      // What the others sent to party 2 was right; party 2 says that it was not.
      const simulation = simulate({
        ...run,
        schedule: CALM,
        tamper: (message, to) =>
          to === two && message.part === "direct" ? [{ ...message, body: plusOne(message.body) }] : [message],
      });
      assert.deepEqual(complaints(group, simulation), ["2 > 1", "2 > 3"]);
      adopted(simulation);
    });

    test("a share that never comes ends in silence, which blames nobody", () => {
      const { honest } = cheat({
        ...run,
        cheater: two,
        rewrite: { round: OPEN, part: "direct", to: one, withhold: true },
      });
      const abort = honest.get(one)!;
      assert.ok(abort.kind === "abort" && abort.fault === "silence");
      assert.deepEqual([abort.culprits, abort.suspects], [[], [two]]);
    });
  });

  describe(`answers to complaints on ${group.name}`, () => {
    const protocol = handing(group, two, new Map([[one, plusOne]]));
    const broadcast = roundOf(keygenProtocol(group), ANSWER)!.broadcast!;
    const answering = (change: (own: Answers) => Answers, to?: PartyIndex): Simulation<KeyShare> => {
      const body = (honest: Uint8Array): Uint8Array => broadcast.encode(change(broadcast.decode(honest) as Answers));
      const rewrite: Rewrite = { round: ANSWER, part: "broadcast", body, ...(to === undefined ? {} : { to }) };
      return cheat({ ...run, protocol, cheater: two, rewrite }).simulation;
    };
    const convicted = (simulation: Simulation<KeyShare>, reason: string): void => {
      for (const [i, abort] of abortsOf(simulation, [one, three]).entries()) {
        assert.equal(abort.reason, reason);
        assert.deepEqual([abort.fault, abort.culprits], ["public", [two]]);
        const at = [one, three][i]!;
        assert.equal(judgeFromOutside(group, simulation, { abort, ssid: run.ssid, at }), reason);
      }
    };

    test('"publishes a share that is not on its polynomial": proven before anybody', () => {
      for (const share of [0n, 1n]) {
        convicted(
          answering(({ answers }) => ({ answers: answers.map(({ accuser }) => ({ accuser, share })) })),
          "publishes a share that is not on its polynomial",
        );
      }
    });

    test('"does not answer exactly the complaints against it": none, another accuser, one too many', () => {
      for (const change of [
        () => ({ answers: [] }),
        ({ answers }: Answers) => ({ answers: answers.map(({ share }) => ({ accuser: three, share })) }),
        ({ answers }: Answers) => ({ answers: [...answers, ...answers] }),
      ]) {
        convicted(answering(change), "does not answer exactly the complaints against it");
      }
    });

    test("an answer from somebody who was not accused", () => {
      const body = (): Uint8Array => broadcast.encode({ answers: [{ accuser: one, share: 1n }] });
      const rewrite: Rewrite = { round: ANSWER, part: "broadcast", body };
      const { honest } = cheat({ ...run, protocol, cheater: three, rewrite });
      for (const abort of honest.values()) {
        assert.ok(abort.kind === "abort" && abort.fault === "public");
        assert.deepEqual(abort.culprits, [three]);
        assert.equal(abort.reason, "does not answer exactly the complaints against it");
      }
    });

    test("a dealer that is silent ends the run without blame", () => {
      const rewrite: Rewrite = { round: ANSWER, part: "broadcast", withhold: true };
      const { honest } = cheat({ ...run, protocol, cheater: two, rewrite });
      for (const abort of honest.values()) {
        assert.ok(abort.kind === "abort" && abort.fault === "silence");
        assert.deepEqual([abort.culprits, abort.suspects], [[], [two]]);
      }
    });

    test("two answers, one for each: whoever gets the wrong one has proof, and nobody has a key", () => {
      const simulation = answering(({ answers }) => ({ answers: answers.map((own) => ({ ...own, share: 1n })) }), one);
      const abort = simulation.outcomes.get(one)!;
      assert.ok(abort.kind === "abort" && abort.fault === "public");
      assert.deepEqual(abort.culprits, [two]);
      const other = simulation.outcomes.get(three)!;
      assert.ok(other.kind === "abort");
      assert.deepEqual(other.culprits, []);
    });
  });
}
