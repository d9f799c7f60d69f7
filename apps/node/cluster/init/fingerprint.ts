/** A charter as people compare it: who, how many, and a fingerprint to be read aloud. */
import { toHex } from "@conclave/bytes";
import { charterHash, type Charter } from "@conclave/consensus";
import type { Lines } from "./node-dir.ts";
import { WrongUsage } from "./wrong-usage.ts";

const GROUPS_IN_ROW = 4;

/** The whole hash, in groups of four digits: of a part of it, its author could make two charters that agree. */
export const fingerprintOf = (charter: Charter): string => grouped(charterHash(charter));

export const grouped = (hash: Uint8Array): string => toHex(hash).match(/.{4}/g)!.join(" ");

/** Whether this is what somebody typed, in whatever groups. Throws `WrongUsage` for less than the whole. */
export function isFingerprint(charter: Charter, typed: string): boolean {
  const digits = typed.replace(/[\s:.-]/g, "").toLowerCase();
  if (!/^[0-9a-f]{64}$/.test(digits))
    throw new WrongUsage("--fingerprint is all 64 digits that the charter's author reads out, spaces or not");
  return digits === toHex(charterHash(charter));
}

/** Everything that a signature under the charter would agree to. */
export function describeCharter(charter: Charter): Lines {
  const { roster, network, transport, threshold, quorum, genesisMs } = charter;
  const width = Math.max(...roster.nodes.map(({ name }) => name.length));
  const groups = fingerprintOf(charter).split(" ");
  const rows = Array.from({ length: groups.length / GROUPS_IN_ROW }, (_, i) =>
    groups.slice(i * GROUPS_IN_ROW, (i + 1) * GROUPS_IN_ROW).join(" "),
  );
  return [
    `Cluster    ${roster.cluster}, on Bitcoin's ${network}, talking over ${transport}`,
    `Rules      ${threshold} of ${roster.nodes.length} shares sign, ${quorum} votes approve`,
    `Genesis    ${new Date(genesisMs).toISOString()}`,
    "Nodes",
    ...roster.nodes.map(({ id, name }, i) => `  ${String(i + 1).padStart(2)} ${name.padEnd(width)}  ${id}`),
    "Fingerprint, to be compared aloud by all operators",
    ...rows.map((row) => `  ${row}`),
  ];
}
