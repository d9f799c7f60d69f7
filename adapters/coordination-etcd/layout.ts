/**
 * Where things lie in etcd: document 004's names, below one prefix for each cluster.
 *
 *     /conclave/<cluster>/config/{threshold,total_nodes,bitcoin_network}
 *     /conclave/<cluster>/tx/<request>/<proposal|abandon|result|…>/<node>/<digest>
 *     /conclave/<cluster>/votes/<request>/<node>/<revision>.<round>/<digest>
 *     /conclave/<cluster>/bans/<accused node>/<telling node>/<digest>
 *     /conclave/<cluster>/keys/<key>/<certificate|edge|…>/<node>/<digest>
 *     /conclave/<cluster>/other/<topic>/<digest>
 *     /conclave/<cluster>/peers/<node>
 *     /conclave/<cluster>/leader
 *
 * The names are for people and for ranges. A statement's name ends with the digest of its bytes: one statement has one place,
 * two different votes of one node have two, and bytes that are not their name's are left out unread.
 */
import { CodecError, rawCbor, toHex, transcript, type Cbor } from "@conclave/bytes";
import { evidenceCodec, type NodeId } from "@conclave/consensus";
import type { Statement } from "@conclave/node";

const STATEMENT_AREAS = ["tx", "votes", "bans", "keys", "other"] as const;

export interface Layout {
  /** What every key of this cluster begins with. */
  readonly prefix: string;
  readonly leader: string;
  config(name: string): string;
  peer(node: NodeId): string;
  /** Whose presence a key shows; null if it is no such key. Not known to be a member. */
  peerAt(key: string): string | null;
  statement(statement: Statement): string;
  /** The digest that a statement's key ends with; null if it is no such key. */
  digestAt(key: string): string | null;
}

export function layoutOf(cluster: string): Layout {
  const prefix = `/conclave/${cluster}/`;
  const peers = `${prefix}peers/`;
  const statementKey = new RegExp(`^(?:${STATEMENT_AREAS.join("|")})/.*/([0-9a-f]{32})$`);
  return {
    prefix,
    leader: `${prefix}leader`,
    config: (name) => `${prefix}config/${name}`,
    peer: (node) => `${peers}${node}`,
    peerAt: (key) => (key.startsWith(peers) ? key.slice(peers.length) : null),
    statement: (statement) => `${prefix}${shelfOf(statement)}/${digestOf(statement.wire)}`,
    digestAt: (key) => statementKey.exec(key.slice(prefix.length))?.[1] ?? null,
  };
}

/** 16 bytes: nobody gains by two statements in one place, for each is signed. */
export const digestOf = (wire: Uint8Array): string => toHex(transcript("etcd/statement", { wire }).subarray(0, 16));

/** The first key after all that begin with `prefix`, which ends with a slash. */
export const endOf = (prefix: string): string => `${prefix.slice(0, -1)}0`;

/** What this node's own envelope is about. Anything that is not read here lies with the others of its topic. */
function shelfOf({ wire, topic }: Statement): string {
  const label = labelOf(wire);
  if (label === null) return `other/${toHex(transcript("etcd/topic", { topic }).subarray(0, 16))}`;
  const { kind, sender, request, key, round, body } = label;
  if (kind === "vote") return `votes/${request}/${sender}/${round}`;
  if (kind === "evidence") return `bans/${accusedBy(body)}/${sender}`;
  if (key !== null) return `keys/${key}/${kind}/${sender}`;
  return `tx/${request}/${kind}/${sender}`;
}

/** As much of an envelope's header as a name needs. */
interface Label {
  readonly kind: string;
  readonly sender: string;
  readonly request: string;
  readonly key: string | null;
  readonly round: string;
  readonly body: Uint8Array;
}

/**
 * An envelope is [header, body, signature], its header a record of sixteen fields (core/custody/envelope.ts), which
 * `layout.test.ts` compares with the real thing. Only custody opens an envelope; here it is looked at to name it, and one that
 * looks different is named by its topic.
 */
const [KIND, REQUEST, KEY, ROUND, SENDER] = [2, 5, 7, 9, 11] as const;
const HEADER_FIELDS = 16;

function labelOf(wire: Uint8Array): Label | null {
  try {
    const [header, body, signature] = listOf(rawCbor.decode(wire));
    if (!(header instanceof Uint8Array && body instanceof Uint8Array && signature instanceof Uint8Array)) return null;
    const fields = listOf(rawCbor.decode(header));
    if (fields.length !== HEADER_FIELDS) return null;
    const [kind, sender] = [nameAt(fields, KIND), nameAt(fields, SENDER)];
    if (kind === "" || sender === "") return null;
    const [request, round] = [idAt(fields, REQUEST) ?? "none", nameAt(fields, ROUND)];
    return { kind, sender, request, key: idAt(fields, KEY), round, body };
  } catch (error) {
    if (!(error instanceof CodecError)) throw error;
    return null;
  }
}

const listOf = (value: Cbor): readonly Cbor[] => (Array.isArray(value) ? (value as readonly Cbor[]) : []);

/** Part of a key: nothing that would read as more than one part. */
const NAME = /^[A-Za-z0-9._-]{1,64}$/;

function nameAt(fields: readonly Cbor[], at: number): string {
  const value = fields[at];
  return typeof value === "string" && NAME.test(value) ? value : value instanceof Uint8Array ? toHex(value) : "";
}

function idAt(fields: readonly Cbor[], at: number): string | null {
  const value = fields[at];
  return value instanceof Uint8Array && value.length === 32 ? toHex(value) : null;
}

/** Whom evidence accuses; whether it proves anything, custody decides. */
function accusedBy(body: Uint8Array): string {
  try {
    const evidence = evidenceCodec.decode(body);
    switch (evidence.kind) {
      case "DoubleVote":
        return evidence.first.vote.voter;
      case "MinorityVote":
        return evidence.vote.vote.voter;
      case "Equivocation":
        return senderOf(evidence.first);
      case "ProtocolFault":
        // Its proof ends with the envelope that fails the check.
        return senderOf(listOf(rawCbor.decode(evidence.proof)).at(-1));
    }
  } catch (error) {
    if (!(error instanceof CodecError)) throw error;
    return "unnamed";
  }
}

const senderOf = (wire: Cbor | undefined): string =>
  (wire instanceof Uint8Array ? labelOf(wire)?.sender : undefined) ?? "unnamed";
