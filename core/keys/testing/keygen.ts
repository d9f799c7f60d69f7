import type { Group } from "@conclave/crypto";
import { ascending, type PartyIndex } from "@conclave/protocol";
import { parties, simulate, testSsid, type Simulation, type SimulationOptions } from "@conclave/protocol/testing";
import { transcript } from "@conclave/bytes";
import { keygenProtocol, type KeygenConfig, type KeyShare, type Scheme } from "../index.ts";

export interface KeygenOptions {
  readonly n: number;
  readonly t: number;
  /** Default: the threshold. */
  readonly quorum?: number;
  readonly scheme?: Scheme;
}

/** Parties 1 to n. */
export const committeeOf = (n: number): PartyIndex[] => parties(...Array.from({ length: n }, (_, i) => i + 1));

/** What every party of a test's key generation starts with. */
export function keygenConfigs(group: Group, options: KeygenOptions): ReadonlyMap<PartyIndex, KeygenConfig> {
  const { n, t, quorum = t } = options;
  const committee = committeeOf(n);
  const scheme = options.scheme ?? (group.name === "ed25519" ? "frost-ed25519" : "frost-secp256k1-taproot");
  const config: KeygenConfig = {
    scheme,
    purpose: scheme === "frost-secp256k1-taproot" ? "wallet/regtest" : "messages",
    threshold: t,
    quorum,
    nodes: new Map(committee.map((party) => [party, transcript("testing/node", { party })])),
  };
  return new Map(committee.map((party) => [party, config]));
}

/** Everything that a simulation, a cheat or a mutation table of key generation needs beside its own. */
export const keygenRun = (group: Group, options: KeygenOptions & { readonly seed: string }) => {
  const committee = committeeOf(options.n);
  return {
    protocol: keygenProtocol(group),
    committee,
    configs: keygenConfigs(group, options),
    seed: options.seed,
    ssid: testSsid({ seed: options.seed, committee, tag: "ssid/keygen" }),
  };
};

/** Run key generation among n honest parties. */
export const simulateKeygen = (
  group: Group,
  options: KeygenOptions & { readonly seed: string },
  more: Partial<SimulationOptions<KeygenConfig, KeyShare>> = {},
): Simulation<KeyShare> => simulate({ ...keygenRun(group, options), ...more });

/** The shares that came out, in order of parties. Throws `Error` with every party's outcome if one has none. */
export function sharesOf(simulation: Simulation<KeyShare>): readonly KeyShare[] {
  return ascending(simulation.outcomes.keys()).map((party) => {
    const outcome = simulation.outcomes.get(party)!;
    if (outcome.kind === "result") return outcome.result;
    throw new Error(`party ${party} ended with ${outcome.kind === "abort" ? outcome.reason : outcome.kind}`);
  });
}
