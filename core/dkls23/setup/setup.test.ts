import { AssertionError, equalBytes, toHex } from "@conclave/bytes";
import { seededRng } from "@conclave/crypto/testing";
import type { PartyIndex } from "@conclave/protocol";
import { CALM, interceptSteps, parties, simulate, testSsid } from "@conclave/protocol/testing";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { edgeCodec, setupProtocol, signProtocol, type Edge, type SetupResult } from "../index.ts";
import {
  assertNobleAccepts,
  dealKey,
  quickEngine,
  setupRun,
  setupsOf,
  signConfigs,
  testDigest,
} from "../testing/index.ts";
import type { AnswerState } from "./2-answer.ts";
import { otSession, setupId } from "./pair.ts";

const isZero = (buffer: Uint8Array): boolean => buffer.every((byte) => byte === 0);
const [two, five] = parties(2, 5) as [PartyIndex, PartyIndex];

describe("a setup of two parties", () => {
  const secrets: Uint8Array[] = [];
  const options = setupRun([2, 5], { seed: "pair" });
  const protocol = interceptSteps(options.protocol, (step) => {
    if (step.round.name !== "dkls23/setup/2-answer") return step;
    for (const pair of (step.state as AnswerState).pairs.values()) {
      const { seed, theirSeed, answerSeed, chooser, receiving } = pair;
      secrets.push(seed, theirSeed, answerSeed, chooser.choices, receiving.leaves);
    }
    return step;
  });
  const simulation = simulate({ ...options, protocol, schedule: {} });
  const setups = setupsOf(simulation);
  const [a, b] = [setups.get(two)!, setups.get(five)!] as [SetupResult, SetupResult];
  const [up, down] = [a.edges.get(five)!, b.edges.get(two)!] as [Edge, Edge];

  test("gives each an edge to the other, with the same setup, seed and transcript", () => {
    assert.deepEqual(simulation.violations, []);
    assert.deepEqual([[...a.edges.keys()], [...b.edges.keys()]], [[five], [two]]);
    assert.deepEqual([up.peer, down.peer], [five, two]);
    assert.deepEqual(a.setup, b.setup);
    assert.deepEqual([up.setup, down.setup], [a.setup, a.setup]);
    assert.deepEqual(a.transcript, b.transcript);
    assert.deepEqual(up.zeroSeed, down.zeroSeed);
  });

  test("gives each the other's leaves but one per tree, in both directions, and different ones in each", () => {
    const leaf = (of: Uint8Array, tree: number, at: number): Uint8Array =>
      of.slice((tree * 16 + at) * 32, (tree * 16 + at + 1) * 32);
    for (const [{ sending }, { receiving }] of [
      [up, down],
      [down, up],
    ] as const) {
      for (let tree = 0; tree < 64; tree++) {
        const missing = sending.missing[tree]!;
        for (let at = 0; at < 16; at++) {
          const known = leaf(sending.leaves, tree, at ^ missing);
          if (at === missing) assert.ok(isZero(known));
          else assert.deepEqual(known, leaf(receiving.leaves, tree, at), `tree ${tree}, leaf ${at}`);
        }
      }
    }
    assert.ok(!equalBytes(up.receiving.leaves, down.receiving.leaves));
    assert.notDeepEqual(up.sending.missing, down.sending.missing);
  });

  test("leaves no secret of the session behind, and the edges untouched", () => {
    assert.equal(secrets.length, 10);
    assert.ok(secrets.every(isZero));
    for (const edge of [up, down]) {
      for (const kept of [edge.zeroSeed, edge.sending.leaves, edge.receiving.leaves]) assert.ok(!isZero(kept));
      assert.deepEqual(edgeCodec.decode(edgeCodec.encode(edge)), edge);
    }
  });

  test("makes edges that sign, and that replace an old edge of the same pair", () => {
    const key = dealKey({ n: 5, t: 3, rng: seededRng("rekey") });
    const edges = new Map([...key.edges].map(([party, of]) => [party, new Map(of)]));
    edges.get(two)!.set(five, up);
    edges.get(five)!.set(two, down);
    const committee = parties(1, 2, 5);
    const digest = testDigest("rekey");
    const configs = signConfigs({ ...key, edges }, committee, { digest });
    const { outcomes } = simulate({
      protocol: signProtocol(quickEngine),
      configs,
      committee,
      seed: "rekey",
      schedule: CALM,
    });
    for (const outcome of outcomes.values()) {
      assert.ok(outcome.kind === "result", outcome.kind === "abort" ? outcome.reason : outcome.kind);
      const { publicKey } = key.shares.get(two)!.record;
      assertNobleAccepts(quickEngine.secp256k1.encode(publicKey), digest, outcome.result);
    }
  });

  test("says how much it sends", () => {
    const sizes = new Map<string, number>();
    for (const event of simulation.trace)
      if (event.kind === "send") sizes.set(event.message.round, event.message.body.length);
    // 512 points of 33 bytes each way; 320 bytes per tree.
    assert.deepEqual(
      [...sizes],
      [
        ["dkls23/setup/1-choose", 16_896 + 32 + 6],
        ["dkls23/setup/2-answer", 16_896 + 20_480 + 14],
        ["dkls23/setup/3-confirm", sizes.get("dkls23/setup/3-confirm")!],
      ],
    );
  });
});

describe("a setup is refused", () => {
  const start = (numbers: readonly number[], certificate = new Uint8Array(32)): void => {
    const committee = parties(...numbers);
    const context = { ssid: testSsid({ seed: "refused", committee: parties(1, 2) }), self: committee[0]!, committee };
    setupProtocol(quickEngine).start(context, { certificate }, () => {
      throw new Error("randomness was drawn");
    });
  };
  const refuses = (expected: RegExp, ...args: Parameters<typeof start>): void =>
    assert.throws(
      () => start(...args),
      (error) => error instanceof AssertionError && expected.test(error.message),
    );

  test("before any randomness is drawn: for one party, too many, twice the same, out of order", () => {
    assert.throws(() => start([1, 2]), /randomness was drawn/);
    refuses(/2 to 16 parties/, [1]);
    refuses(
      /2 to 16 parties/,
      Array.from({ length: 17 }, (_, i) => i + 1),
    );
    refuses(/ascends and is distinct/, [1, 1]);
    refuses(/ascends and is distinct/, [2, 1]);
    refuses(/ascends and is distinct/, [0, 1]);
  });

  test("for a certificate that is none", () => {
    refuses(/a certificate hash is 32 bytes/, [1, 2], new Uint8Array(31));
  });
});

test("another key, epoch or session has another setup id", () => {
  const ssid = (seed: string): Uint8Array => testSsid({ seed, committee: parties(1, 2) });
  const [T, other] = [new Uint8Array(32), new Uint8Array(32).fill(1)];
  const ids = [setupId(T, ssid("a")), setupId(T, ssid("b")), setupId(other, ssid("a"))].map(toHex);
  assert.equal(new Set(ids).size, 3);
  // Each direction of a pair, and each pair, has a session of its own.
  const [one, three] = parties(1, 3) as [PartyIndex, PartyIndex];
  const sessions = [
    otSession(T, one, two),
    otSession(T, two, one),
    otSession(T, one, three),
    otSession(other, one, two),
  ];
  assert.equal(new Set(sessions.map(toHex)).size, 4);
});
