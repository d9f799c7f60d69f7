/**
 * Who the nodes are. A roster binds each node's name to its separate keys: one for envelopes (its identity), one for votes.
 * Its hash stands in every envelope, so that nodes with different rosters notice before they exchange anything else.
 */
import {
  codec,
  CodecError,
  fixedBytes,
  fromHex,
  isHex,
  list,
  record,
  refine,
  text,
  toHex,
  transcript,
  uint,
  type Codec,
  type Schema,
} from "@conclave/bytes";
import { ed25519Group } from "@conclave/crypto";

/** A node's Ed25519 envelope key, in lower-case hexadecimal (64 digits). */
export type NodeId = string & { readonly __brand: "NodeId" };

/** Largest cluster; equals the largest committee of a session. */
export const MAX_NODES = 32;

/** A node id inside a message: its 32 bytes. */
export const nodeId: Schema<NodeId> = refine(fixedBytes(32), {
  parse: (bytes) => toHex(bytes) as NodeId,
  print: (id) => fromHex(id),
});

/** Text as a node id. Throws `CodecError` unless it is 64 lower-case hexadecimal digits. */
export function parseNodeId(value: string): NodeId {
  if (!isHex(value, 32) || value !== value.toLowerCase()) throw new CodecError("a node id is 64 hexadecimal digits");
  return value as NodeId;
}

/** One node of the roster. */
export interface RosterEntry {
  readonly id: NodeId;
  /** What people call the node: 1 to 32 of a–z, 0–9, - and _. Unique in the roster. */
  readonly name: string;
  /** Ed25519 public key that signs this node's votes; never equal to its envelope key. */
  readonly voteKey: Uint8Array;
}

/** All nodes of a cluster. */
export interface Roster {
  readonly cluster: string;
  /** Raised by one whenever the roster changes. */
  readonly version: number;
  /** In ascending order of name as written; the first is party 1. */
  readonly nodes: readonly RosterEntry[];
}

/** An Ed25519 public key inside a message: canonical and torsion-free. */
export const ed25519Key: Schema<Uint8Array> = refine(fixedBytes(32), {
  parse: (bytes) => {
    // A torsion-free, canonical key is checked once, at registration: verifiers disagree on others.
    ed25519Group.decode(bytes);
    return bytes;
  },
  print: (bytes) => bytes,
});

/** Names of nodes and clusters. */
export const NODE_NAME = /^[a-z0-9_-]{1,32}$/;

/** A roster inside a message, with distinct names in ascending order and distinct, canonical, torsion-free keys. */
export const rosterSchema: Schema<Roster> = refine(
  record({
    cluster: text({ max: 64, pattern: NODE_NAME }),
    version: uint({ min: 1 }),
    nodes: list(record({ id: nodeId, name: text({ max: 32, pattern: NODE_NAME }), voteKey: ed25519Key }), {
      min: 2,
      max: MAX_NODES,
    }),
  }),
  { parse: (roster) => checkKeys(checkOrder(roster)), print: checkOrder },
);

export const rosterCodec: Codec<Roster> = codec(rosterSchema);

/** The rules that cost nothing; kept on encoding too, so that no hash of a broken roster ever exists. */
function checkOrder(roster: Roster): Roster {
  const keys = roster.nodes.flatMap(({ id, voteKey }) => [id as string, toHex(voteKey)]);
  if (new Set(keys).size !== keys.length)
    throw new CodecError("two nodes share a key, or a node votes with its envelope key");
  const names = roster.nodes.map(({ name }) => name);
  if (new Set(names).size !== names.length) throw new CodecError("two nodes share a name");
  // Party numbers follow this order, so two rosters of the same nodes must not differ in it.
  if (names.some((name, i) => i > 0 && name < names[i - 1]!))
    throw new CodecError("the nodes are not in ascending order of name");
  return roster;
}

/** Envelope keys as strictly as vote keys: canonical and torsion-free. */
function checkKeys(roster: Roster): Roster {
  for (const { id } of roster.nodes) ed25519Group.decode(fromHex(id));
  return roster;
}

/** Stands in every envelope. Throws `CodecError` on nodes out of order or not distinct. */
export const rosterHash = (roster: Roster): Uint8Array =>
  transcript("consensus/roster", { roster: rosterCodec.encode(roster) });

/** The roster entry of a node; undefined for a stranger. */
export const entryOf = (roster: Roster, id: NodeId): RosterEntry | undefined =>
  roster.nodes.find((entry) => entry.id === id);

/** How many liars a cluster of n nodes tolerates: f = ⌊(n − 1) / 3⌋. */
export const toleratedFaults = (n: number): number => Math.floor((n - 1) / 3);

/** The default for both threshold and vote quorum: ⌊2n / 3⌋ + 1. */
export const defaultThreshold = (n: number): number => Math.floor((2 * n) / 3) + 1;

/**
 * Two revisions of one payment must never both find t willing signers: q votes and t signatures of any two sets have to
 * share more than f nodes. Throws `RangeError` naming the numbers that would do.
 */
export function checkQuorums({ n, t, q }: { readonly n: number; readonly t: number; readonly q: number }): void {
  const f = toleratedFaults(n);
  const whole = [n, t, q].every(Number.isInteger);
  const fits = whole && t >= 2 && t <= n && q >= t && q <= n && q + t > n + f;
  if (fits) return;
  const smallest = Math.max(t, n + f - t + 1);
  const advice =
    t >= 2 && t <= n && smallest <= n
      ? `with threshold ${t}, a quorum of ${smallest} to ${n} would do`
      : `a threshold of ${defaultThreshold(n)} and the same quorum would do`;
  throw new RangeError(
    `threshold ${t} and vote quorum ${q} are not safe for ${n} nodes (needed: 2 ≤ threshold ≤ quorum ≤ ${n} and quorum + threshold > ${n + f}): ${advice}`,
  );
}
