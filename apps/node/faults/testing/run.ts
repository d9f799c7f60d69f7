/** What a run of the fault suites was asked for. The names are no settings of nodes: their processes would refuse those. */
import { randomBytes } from "node:crypto";
import { seededDice } from "@conclave/protocol/testing";
import { TRANSPORTS, type TransportName } from "@conclave/consensus";

/** Begins every draw of a run; `FAULT_SEED` repeats one. */
export const SEED = process.env["FAULT_SEED"] ?? randomBytes(4).toString("hex");

/** Over which network; `FAULT_TRANSPORT`. */
export const TRANSPORT: TransportName = named(process.env["FAULT_TRANSPORT"] ?? "quic");

/** Everything on every node, however long it takes; `FAULT_CAMPAIGN=1`. */
export const CAMPAIGN = process.env["FAULT_CAMPAIGN"] === "1";

/** Where the results of all suites are collected, a JSON line each. */
export const RESULTS_FILE = process.env["FAULT_RESULTS"] ?? null;

/** All of them in a campaign; else so many, drawn from the seed, in their order: every run takes others. */
export function sampled<T>(things: readonly T[], count: number, what: string): readonly T[] {
  if (CAMPAIGN) return things;
  const dice = seededDice(`${SEED}/${what}`);
  const places = things.map((_, place) => place);
  while (places.length > count) places.splice(dice.below(places.length), 1);
  return places.map((place) => things[place]!);
}

function named(name: string): TransportName {
  const transport = TRANSPORTS.find((known) => known === name);
  if (transport === undefined) throw new RangeError(`FAULT_TRANSPORT is ${TRANSPORTS.join(", ")}, not ${name}`);
  return transport;
}
