import { transcript } from "@conclave/bytes";
import type { Engine } from "@conclave/crypto";
import { ascending, type PartyIndex } from "@conclave/protocol";
import { CALM, parties, testSsid, type Simulation, type SimulationOptions } from "@conclave/protocol/testing";
import type { SetupConfig, SetupResult } from "../setup/config.ts";
import { setupProtocol } from "../setup/index.ts";
import { quickEngine } from "./engine.ts";

/** T of a made-up key. */
export const testCertificate = (label: string): Uint8Array => transcript("dkls23/testing/certificate", { label });

/** Everything that a simulation of setup needs: some seconds per pair, for real base OTs. */
export const setupRun = (
  numbers: readonly number[],
  { seed, label = "key", engine = quickEngine }: { seed: string; label?: string; engine?: Engine },
) => {
  const committee = parties(...numbers);
  const config: SetupConfig = { certificate: testCertificate(label) };
  return {
    protocol: setupProtocol(engine),
    committee,
    configs: new Map(committee.map((party) => [party, config])),
    seed,
    ssid: testSsid({ seed, committee }),
    schedule: CALM,
  } satisfies SimulationOptions<SetupConfig, SetupResult>;
};

/** What every party ended with. Throws `Error` naming the first that has no result. */
export const setupsOf = ({ outcomes }: Simulation<SetupResult>): ReadonlyMap<PartyIndex, SetupResult> =>
  new Map(
    ascending(outcomes.keys()).map((party) => {
      const outcome = outcomes.get(party)!;
      if (outcome.kind === "result") return [party, outcome.result];
      throw new Error(`party ${party} ended with ${outcome.kind === "abort" ? outcome.reason : outcome.kind}`);
    }),
  );
