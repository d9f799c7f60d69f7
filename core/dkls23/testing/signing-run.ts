/** What the tests of liars in signing have in common: three signers and a pair, and how a run of them ended. */
import { seededRng } from "@conclave/crypto/testing";
import { type Abort, type Message, type PartyIndex } from "@conclave/protocol";
import { CALM, type Simulation, parties, simulate } from "@conclave/protocol/testing";
import { type Edge, type SignConfig, signProtocol } from "../index.ts";
import { dealKey, quickEngine, signConfigs, testDigest, testGroup } from "./index.ts";
import assert from "node:assert/strict";

export const group = testGroup;
export const [COMMIT, MULTIPLY, OPEN, COMBINE] = ["1-commit", "2-multiply", "3-open", "4-combine"].map(
  (round) => `dkls23/sign/${round}`,
) as [string, string, string, string];

export const protocol = signProtocol(quickEngine);
export const committee = parties(1, 2, 3);
export const [one, two, three] = committee as [PartyIndex, PartyIndex, PartyIndex];
export const key = dealKey({ n: 3, t: 3, rng: seededRng("cheating") });
export const pairKey = dealKey({ n: 2, t: 2, rng: seededRng("cheating pair") });
export const digest = testDigest("cheating");

export const configs = (): Map<PartyIndex, SignConfig> => signConfigs(key, committee, { digest });
export const base = { protocol, committee, seed: "cheating", schedule: CALM };
export const pair = { ...base, committee: parties(1, 2) };
export const pairConfigs = (): Map<PartyIndex, SignConfig> => signConfigs(pairKey, pair.committee, { digest });

export const abortsOf = ({ outcomes }: Simulation<Uint8Array>, honest: readonly PartyIndex[]): Abort[] =>
  honest.map((party) => {
    const outcome = outcomes.get(party)!;
    assert.ok(outcome.kind === "abort", `party ${party}: ${outcome.kind}`);
    return outcome;
  });

/** All of them stopped for this reason, nobody is blamed, and nothing was promised or signed. */
export function blamesNobody(simulation: Simulation<Uint8Array>, honest: readonly PartyIndex[], reason: RegExp): void {
  const aborts = abortsOf(simulation, honest);
  for (const { culprits } of aborts) assert.deepEqual(culprits, []);
  const loud = aborts.filter(({ fault }) => fault !== "silence");
  assert.ok(loud.length > 0);
  for (const abort of loud) {
    assert.equal(abort.fault, "mismatch");
    assert.match(abort.reason, reason);
  }
}

/** The victim stops for this reason and blames exactly the liar; no honest party blames anybody else. */
export function blames(
  simulation: Simulation<Uint8Array>,
  { victim, liar }: { victim: PartyIndex; liar: PartyIndex },
  expected: Pick<Abort, "fault" | "reason" | "round">,
): void {
  for (const [party, outcome] of simulation.outcomes) {
    if (party === liar) continue;
    assert.ok(outcome.kind === "abort", `party ${party}: ${outcome.kind}`);
    assert.ok(
      outcome.culprits.every((culprit) => culprit === liar),
      `party ${party} blames ${outcome.culprits.join()}`,
    );
    if (party !== victim) continue;
    const { fault, reason, round } = outcome;
    assert.deepEqual({ fault, reason, round, culprits: outcome.culprits }, { ...expected, culprits: [liar] });
  }
}

/** A message of an honest run of this configuration. */
export function messageOf(
  run: Simulation<Uint8Array>,
  { round, part, from, to }: { round: string; part: Message["part"]; from: PartyIndex; to: PartyIndex },
): Message {
  const sent = run.trace.find(
    (event) =>
      event.kind === "send" &&
      event.to === to &&
      event.message.round === round &&
      event.message.part === part &&
      event.message.from === from,
  );
  assert.ok(sent?.kind === "send");
  return sent.message;
}

export const run = (changed: Map<PartyIndex, SignConfig>): Simulation<Uint8Array> =>
  simulate({ ...base, configs: changed });

/** Configs in which one party's differs. */
export const withConfig = (
  party: PartyIndex,
  change: (honest: SignConfig) => Partial<SignConfig>,
): Map<PartyIndex, SignConfig> => {
  const changed = configs();
  const honest = changed.get(party)!;
  return changed.set(party, { ...honest, ...change(honest) });
};

export const withEdge = (
  party: PartyIndex,
  peer: PartyIndex,
  change: (honest: Edge) => Partial<Edge>,
): Map<PartyIndex, SignConfig> =>
  withConfig(party, ({ edges }) => {
    const honest = edges.get(peer)!;
    return { edges: new Map([...edges, [peer, { ...honest, ...change(honest) }]]) };
  });
