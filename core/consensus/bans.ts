/**
 * Bans follow from proven incidents: 24 hours for a node's first, 7 days for its second, for good at its third.
 *
 * An incident's time is when *this* node first verified it, durably recorded. The evidence itself cannot give one: every
 * byte in it was signed by the accused, who would date it so that the ban is over before it begins. A strike is the number
 * of distinct incidents, never of proofs, and the records are kept after a ban is over, so that old evidence does not strike
 * again. Two nodes with the same evidence therefore agree on who is struck how often; what may differ by the delay of
 * gossip, by a clock, or by a node that learns of an old incident late, is when a ban ends. That is harmless: a ban only
 * takes away yes votes and signers, so while nodes disagree less is approved, never more.
 */
import {
  bytes,
  codec,
  compareBytes,
  fixedBytes,
  record,
  toHex,
  uint,
  type Codec,
  type SchemaOf,
} from "@conclave/bytes";
import { nodeId, type NodeId, type Roster } from "./roster.ts";
import { evidenceCodec, verifyEvidence, type Evidence, type EvidenceContext } from "./violations.ts";

const HOUR_MS = 3_600_000;

/** How long the first and the second ban last; from the third on a ban is for good. */
export const BAN_DURATIONS_MS: readonly number[] = [24 * HOUR_MS, 7 * 24 * HOUR_MS];

/** A node banned for good needs no further proof against it. */
export const MAX_STRIKES = 3;

const convictionRecord = record({
  /** Identifies the act, whichever proof of it came first. */
  incident: fixedBytes(32),
  node: nodeId,
  /** An `evidenceCodec` encoding, for whoever wants to check it. */
  evidence: bytes({ min: 1, max: 1 << 20 }),
  /** When this node first verified it. */
  seenAtMs: uint(),
});

/** An incident that this node verified itself. Made by `convict`, or read back from this node's own journal. */
export type Conviction = SchemaOf<typeof convictionRecord>;

/**
 * For this node's own journal only. From others comes evidence, never a conviction: decoding does not verify, so that a
 * conviction outlives the roster and the vote key that its evidence was signed under.
 */
export const convictionCodec: Codec<Conviction> = codec(convictionRecord, { maxBytes: 1 << 21 });

/** Verifies evidence and dates it. Undefined if it proves nothing, so that nobody can be banned by a lie. */
export function convict(context: EvidenceContext, evidence: Evidence, nowMs: number): Conviction | undefined {
  const incident = verifyEvidence(context, evidence);
  if (incident === undefined) return undefined;
  return { incident: incident.id, node: incident.node, evidence: evidenceCodec.encode(evidence), seenAtMs: nowMs };
}

/**
 * True if a conviction adds a strike to those recorded: a new incident of a node that is not yet banned for good. Only such
 * are worth a place in the journal, which keeps it bounded.
 */
export const addsStrike = (recorded: readonly Conviction[], conviction: Conviction): boolean => {
  const own = incidentsOf(recorded, conviction.node);
  return own.length < MAX_STRIKES && !own.some(({ incident }) => toHex(incident) === toHex(conviction.incident));
};

/** One per node: its latest. What others need of it is the evidence; they convict for themselves. */
export interface Ban {
  readonly node: NodeId;
  /** 1, 2 or 3. */
  readonly strike: number;
  /** The incidents' ids, earliest first. */
  readonly incidents: readonly Uint8Array[];
  /** Of the latest strike, an `evidenceCodec` encoding. */
  readonly evidence: Uint8Array;
  readonly sinceMs: number;
  /** The ban is over from here on; null: never. */
  readonly untilMs: number | null;
}

/** The bans that follow from this node's convictions, by node. The same for the same convictions in any order or number. */
export function bansOf(convictions: readonly Conviction[]): readonly Ban[] {
  const nodes = [...new Set(convictions.map(({ node }) => node))].sort();
  return nodes.map((node) => {
    const incidents = incidentsOf(convictions, node).slice(0, MAX_STRIKES);
    const { evidence, seenAtMs: sinceMs } = incidents.at(-1)!;
    const strike = incidents.length;
    const durationMs = BAN_DURATIONS_MS[strike - 1];
    const untilMs = durationMs === undefined ? null : sinceMs + durationMs;
    return { node, strike, incidents: incidents.map(({ incident }) => incident), evidence, sinceMs, untilMs };
  });
}

/** A node's distinct incidents, earliest first; one that was recorded twice has its earliest time. */
function incidentsOf(convictions: readonly Conviction[], node: NodeId): readonly Conviction[] {
  const earliest = new Map<string, Conviction>();
  for (const conviction of convictions) {
    if (conviction.node !== node) continue;
    const key = toHex(conviction.incident);
    const known = earliest.get(key);
    if (known === undefined || inTime(conviction, known) < 0) earliest.set(key, conviction);
  }
  return [...earliest.values()].sort(inTime);
}

const inTime = (a: Conviction, b: Conviction): number =>
  a.seenAtMs - b.seenAtMs || compareBytes(a.incident, b.incident) || compareBytes(a.evidence, b.evidence);

/** Who is banned at a time. A clock that runs backwards does not lift a ban. */
export const bannedAt = (bans: readonly Ban[], nowMs: number): ReadonlySet<NodeId> =>
  new Set(bans.filter(({ untilMs }) => untilMs === null || nowMs < untilMs).map(({ node }) => node));

/** The nodes that may vote and sign at a time, in roster order. */
export function eligible(roster: Roster, bans: readonly Ban[], nowMs: number): readonly NodeId[] {
  const banned = bannedAt(bans, nowMs);
  return roster.nodes.map(({ id }) => id).filter((id) => !banned.has(id));
}

/** What a key needs: t signers and q yes votes out of its committee. */
export interface Needs {
  readonly committee: readonly NodeId[];
  readonly threshold: number;
  readonly quorum: number;
}

export type Guard =
  | { readonly halted: false; readonly eligible: readonly NodeId[] }
  /** Nothing is approved or signed, visibly, until a ban ends or an operator replaces a node: never with fewer. */
  | { readonly halted: true; readonly eligible: readonly NodeId[]; readonly reason: string };

/** Whether a key's committee can still decide and sign without its banned nodes. `reason` names the nodes and what to do. */
export function quorumGuard(roster: Roster, needs: Needs, bans: readonly Ban[], nowMs: number): Guard {
  const free = new Set(eligible(roster, bans, nowMs));
  const left = needs.committee.filter((id) => free.has(id));
  const needed = Math.max(needs.threshold, needs.quorum);
  if (left.length >= needed) return { halted: false, eligible: left };
  const banned = bannedAt(bans, nowMs);
  const named = roster.nodes.filter(({ id }) => needs.committee.includes(id) && banned.has(id)).map(({ name }) => name);
  const because = named.length === 0 ? "" : `; banned: ${named.join(", ")}`;
  const reason = `halted: ${left.length} of ${needs.committee.length} nodes may vote and sign, ${needed} are needed${because}. Wait for a ban to end, or replace a node by a reshare`;
  return { halted: true, eligible: left, reason };
}
