import { nothing, uint, codec, record, type Rng } from "@conclave/bytes";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { enter, Fault, sequence, type PartyIndex, type Protocol, type Round } from "./index.ts";
import {
  CALM,
  cheat,
  parties,
  simulate,
  sumConfigs,
  sumProtocol,
  type SumConfig,
  type SumResult,
} from "./testing/index.ts";

interface Shout {
  readonly self: PartyIndex;
  readonly committee: readonly PartyIndex[];
  readonly word: number;
  readonly secret: Uint8Array;
}

const WORD = codec(record({ word: uint() }));

/** One round: everybody says the same number aloud, once a record of it is durable. */
const shoutRound: Round<{
  state: Shout;
  publicState: null;
  broadcast: { readonly word: number };
  direct: null;
  checked: number;
  result: number;
}> = {
  name: "shout/1",
  broadcast: WORD,
  direct: null,
  echo: true,
  judging: "each",
  publicState: nothing,
  open: () => null,
  senders: ({ committee }) => committee,
  receivers: ({ committee }) => committee,
  checkPublic(_state, _from, { word }) {
    if (word === 0) throw new Fault("public", "says nothing");
  },
  checkPrivate: (_state, _from, { word }) => word,
  finish({ word }, peers) {
    if ([...peers.values()].some((other) => other !== word)) throw new Fault("mismatch", "said different words");
    return { kind: "done", result: word };
  },
  wipe: ({ secret }) => void secret.fill(0),
};

const shout: Protocol<{ readonly word: number; readonly secret: Uint8Array }, number> = {
  id: "testing/shout/v1",
  rounds: [shoutRound],
  start({ self, committee }, { word, secret }) {
    assert.notEqual(word, 13, "refuses to start");
    return enter(shoutRound, { self, committee, word, secret }, { broadcast: { word } }, [Uint8Array.of(self)]);
  },
};

const committee = parties(1, 2, 3);
const [, two] = committee as [PartyIndex, PartyIndex, PartyIndex];

/** Sum, then shout the sum. `handed` and `wiped` see what became of every first result. */
function both(configOf: (total: number) => number = (total) => total) {
  const wiped: SumResult[] = [];
  const handed: SumResult[] = [];
  const secrets: Uint8Array[] = [];
  const protocol: Protocol<SumConfig, string> = sequence({
    id: "testing/sum-then-shout/v1",
    first: sumProtocol,
    second: shout,
    config: (_context, { total }: SumResult) => {
      const secret = Uint8Array.of(1, 2, 3);
      secrets.push(secret);
      return { word: configOf(total), secret };
    },
    result: (first, word) => {
      handed.push(first);
      return `${first.total} ${word}`;
    },
    wipe: (first) => wiped.push(first),
  });
  return { protocol, wiped, handed, secrets };
}

describe("a sequence of two protocols", () => {
  test("has the rounds of both, in order", () => {
    assert.deepEqual(
      both().protocol.rounds.map(({ name }) => name),
      ["sum/1-commit", "sum/2-open", "sum/3-total", "shout/1"],
    );
  });

  test("is one session for any order, repeats, losses and delays: the second starts from the first's result", () => {
    for (let seed = 0; seed < 60; seed++) {
      const { protocol, wiped, handed, secrets } = both();
      const { outcomes, violations, journal } = simulate({
        protocol,
        configs: sumConfigs(committee),
        committee,
        seed: `${seed}`,
      });
      assert.deepEqual(violations, []);
      for (const outcome of outcomes.values()) assert.deepEqual(outcome, { kind: "result", result: "60 60" });
      // Each party made one record in the first protocol's last round and one in the second's.
      for (const [party, records] of journal) {
        assert.equal(records.length, 2);
        assert.deepEqual(records[1], Uint8Array.of(party));
      }
      assert.deepEqual([handed.length, wiped.length], [3, 0], "a result that was handed over is not wiped");
      assert.ok(
        secrets.every((secret) => secret.every((byte) => byte === 0)),
        "the second's state is wiped",
      );
    }
  });

  test("judges every round as its own protocol does", () => {
    const lie = (round: string, body: (honest: Uint8Array) => Uint8Array) =>
      cheat({
        protocol: both().protocol,
        configs: sumConfigs(committee),
        committee,
        seed: "lie",
        cheater: two,
        rewrite: { round, part: "broadcast", body },
      }).honest;
    const zeros = (honest: Uint8Array): Uint8Array => honest.map((byte, i) => (i < honest.length - 4 ? byte : 0));
    for (const outcome of lie("sum/2-open", zeros).values()) {
      assert.ok(outcome.kind === "abort" && outcome.reason === "the opening does not match the commitment");
      assert.deepEqual(outcome.culprits, [two]);
    }
    for (const outcome of lie("shout/1", () => WORD.encode({ word: 0 })).values()) {
      assert.ok(outcome.kind === "abort" && outcome.reason === "says nothing");
      assert.deepEqual(
        [outcome.culprits, outcome.evidence],
        [[two], [{ round: "shout/1", part: "broadcast", from: two }]],
      );
    }
  });

  test("wipes the first's result if the second ends in any other way than with a result", () => {
    for (const word of [0, 61]) {
      const { protocol, wiped, handed } = both();
      const rewrite = { round: "shout/1", part: "broadcast", body: () => WORD.encode({ word }) } as const;
      const { honest } = cheat({
        protocol,
        configs: sumConfigs(committee),
        committee,
        seed: "wipe",
        cheater: two,
        rewrite,
      });
      for (const outcome of honest.values()) assert.equal(outcome.kind, "abort");
      assert.equal(handed.length + wiped.length, 3);
      assert.ok(wiped.length >= 2);
    }
    const { protocol, wiped, handed } = both();
    const silent = simulate({
      protocol,
      configs: sumConfigs(committee),
      committee,
      seed: "silent",
      schedule: CALM,
      tamper: (message) => (message.round === "shout/1" ? [] : [message]),
    });
    for (const outcome of silent.outcomes.values()) assert.equal(outcome.kind, "abort");
    assert.deepEqual([handed.length, wiped.length], [0, 3]);
  });

  test("wipes the first's result if the second refuses to start", () => {
    const { protocol, wiped } = both(() => 13);
    assert.throws(
      () => simulate({ protocol, configs: sumConfigs(committee), committee, seed: "refuse" }),
      /refuses to start/,
    );
    assert.equal(wiped.length, 1);
  });

  test("needs other names for the rounds of the second: messages are kept by round", () => {
    const twice = (): unknown =>
      sequence({
        id: "testing/shout-twice/v1",
        first: shout,
        second: shout,
        config: (_context, word: number) => ({ word, secret: new Uint8Array(0) }),
        result: (first, second) => first + second,
        wipe: () => {},
      });
    assert.throws(twice, /testing\/shout-twice\/v1 has two rounds of one name/);
  });

  test("of a first protocol without rounds starts the second at once", () => {
    const told: Protocol<number, number> = {
      id: "testing/told/v1",
      rounds: [],
      start: (_context, result) => ({ kind: "done", result }),
    };
    const rng: Rng = () => assert.fail("no randomness is needed");
    const protocol = sequence({
      id: "testing/told-then-shout/v1",
      first: told,
      second: shout,
      config: (_context, word: number) => ({ word, secret: new Uint8Array(0) }),
      result: (first, second) => first + second,
      wipe: () => {},
    });
    const configs = new Map(committee.map((party) => [party, 21]));
    const { outcomes } = simulate({ protocol, configs, committee, seed: "told", rngFor: () => rng });
    for (const outcome of outcomes.values()) assert.deepEqual(outcome, { kind: "result", result: 42 });
  });
});
