import { transcript, type TranscriptFields } from "@conclave/bytes";
import type { PartyIndex } from "../party.ts";
import { ssidFromAcks, type Ssid } from "../ssid.ts";

/**
 * A session id as a run gets it, from one fake ack per party. Another `seed` gives another id: a new attempt, or the
 * "previous session" of a replay test.
 */
export function testSsid({
  seed,
  committee,
  tag = "ssid/session",
  fields = {},
}: {
  seed: string;
  committee: readonly PartyIndex[];
  tag?: Parameters<typeof ssidFromAcks>[0];
  fields?: TranscriptFields;
}): Ssid {
  return ssidFromAcks(
    tag,
    fields,
    committee.map((party) => transcript("testing/ack", { seed, party })),
  );
}

/** Branded party numbers of a committee: `parties(1, 2, 5)`. */
export const parties = (...numbers: readonly number[]): PartyIndex[] => numbers.map((number) => number as PartyIndex);
