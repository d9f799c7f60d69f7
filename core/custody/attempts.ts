/**
 * The handshake before a session: setup → ack → begin. The coordinator asks, everyone eligible acknowledges with a fresh
 * nonce and ephemeral key, and `begin` hands all acks to all signers. Anyone can recompute who coordinates and who signs.
 */
import {
  assert,
  bytes,
  codec,
  CodecError,
  compareBytes,
  equalBytes,
  fixedBytes,
  list,
  record,
  refine,
  toHex,
  transcript,
  uint,
  type Codec,
  type Schema,
} from "@conclave/bytes";
import { ascending, MAX_PARTIES, partyIndex, type PartyIndex } from "@conclave/protocol";

/** How many heights one coordinator serves before the role moves on by itself. */
export const COORDINATOR_RANGE = 1_000;

/** What one attempt is about. Names the same for everybody; a different value anywhere is a different attempt. */
export interface AttemptSubject {
  readonly request: Uint8Array;
  /** Revision number and digest, and the voting round that approved it; 0, zeros and 0 where nothing was voted on. */
  readonly revision: number;
  readonly digest: Uint8Array;
  readonly round: number;
  readonly attempt: number;
}

export interface Setup extends AttemptSubject {
  /** Signed votes that approve the revision, for members that have not seen them all. */
  readonly votes: readonly Uint8Array[];
}

export const setupCodec: Codec<Setup> = codec(
  record({
    request: fixedBytes(32),
    revision: uint({ max: 1_000 }),
    digest: fixedBytes(32),
    round: uint({ max: 100 }),
    attempt: uint({ max: 1_000_000 }),
    votes: list(bytes({ max: 1_024 }), { max: MAX_PARTIES }),
  }),
);

/** One party's end of an edge: the other party, and the id of the setup that made it. */
export interface EdgeEnd {
  readonly peer: PartyIndex;
  readonly setup: Uint8Array;
}

/** A presignature that the sender holds a part of. */
export interface Offer {
  readonly id: Uint8Array;
  /** All who hold a part of it, ascending. */
  readonly signers: readonly PartyIndex[];
}

/** As many as an ack names: one is used, the others are there if somebody has lost that one. */
export const MAX_OFFERS = 4;

export interface Ack {
  /** Hash of the setup envelope: an ack joins exactly one attempt. */
  readonly setup: Uint8Array;
  readonly nonce: Uint8Array;
  /** X25519 public key for sealed parts of this attempt only. */
  readonly ephemeral: Uint8Array;
  /** The sender's journal position: shows a journal that was rolled back. */
  readonly generation: number;
  /**
   * For a key generation: certificates of keys of the same purpose that the sender finished and that are not active. What one
   * member does not name can never be certified by it any more, and so by nobody.
   */
  readonly holds: readonly Uint8Array[];
  /**
   * For a signature by a scheme with pairwise state: the sender's live edges, ascending by peer. Two parties sign together only
   * if each names the other, with the same setup: either end's word is enough to end an edge, and costs only that edge.
   */
  readonly edges: readonly EdgeEnd[];
  /** For a signature that a presignature may complete: those that the sender has for it. */
  readonly offers: readonly Offer[];
}

/** Unfinished keys of one purpose that a node goes on with; an ack that names them all fits into `begin`. */
export const MAX_HELD_KEYS = 32;

/** Distinct parties in order: one name stands for one party. */
const ascendingParties: Schema<readonly PartyIndex[]> = refine(list(partyIndex, { min: 2, max: MAX_PARTIES }), {
  parse: (parties) => {
    if (parties.some((party, i) => i > 0 && party <= parties[i - 1]!)) throw new CodecError("parties do not ascend");
    return parties;
  },
  print: (parties) => parties,
});

/** The longest ack envelope that `begin` carries. An honest one has at most 1.6 KB. */
export const MAX_ACK_BYTES = 2_048;

export const ackCodec: Codec<Ack> = codec(
  record({
    setup: fixedBytes(32),
    nonce: fixedBytes(32),
    ephemeral: fixedBytes(32),
    generation: uint({ min: 1 }),
    holds: list(fixedBytes(32), { max: MAX_HELD_KEYS }),
    edges: list(record({ peer: partyIndex, setup: fixedBytes(32) }), { max: MAX_PARTIES }),
    offers: list(record({ id: fixedBytes(32), signers: ascendingParties }), { max: MAX_OFFERS }),
  }),
);

/** Keys that every ack names. */
export const heldByAll = ([first = [], ...others]: readonly (readonly Uint8Array[])[]): readonly Uint8Array[] =>
  first.filter((held) => others.every((holds) => holds.some((other) => equalBytes(other, held))));

export interface Begin {
  readonly setup: Uint8Array;
  /** Ack envelopes of everyone who acknowledged, ascending by party. */
  readonly acks: readonly Uint8Array[];
}

export const beginCodec: Codec<Begin> = codec(
  record({ setup: fixedBytes(32), acks: list(bytes({ max: MAX_ACK_BYTES }), { min: 2, max: MAX_PARTIES }) }),
);

export const setupHash = (wire: Uint8Array): Uint8Array => transcript("custody/setup", { wire });

/** A name for logs, topics and maps. */
export const attemptId = ({ request, digest, round, attempt }: AttemptSubject): string =>
  toHex(transcript("custody/attempt", { request, digest, round, attempt })).slice(0, 32);

/** Header field `round` of handshake envelopes: tells attempts of different revisions apart. */
export const subjectRound = ({ revision, round }: AttemptSubject): string => `${revision}.${round}`;

/** index (⌊height / range⌋ + attempt) mod n of the sorted members. The height stands in the request, so all agree. */
export function coordinatorIndex(members: number, height: number, attempt: number): number {
  assert(members > 0, "a committee has members");
  return (Math.floor(height / COORDINATOR_RANGE) + attempt) % members;
}

/** Where a presignature stands among those of a request: requests that run at once each prefer another. */
export const offerOrder = (request: Uint8Array, id: Uint8Array): Uint8Array =>
  transcript("custody/offer", { request, id });

/** The presignature to use: the first for this request that everybody who holds a part of it offers alike; null if there is none. */
export function selectOffer(
  request: Uint8Array,
  acks: ReadonlyMap<PartyIndex, Pick<Ack, "offers">>,
  needed: number,
): Offer | null {
  const offered = (party: PartyIndex, { id, signers }: Offer): boolean =>
    acks.get(party)?.offers.some((own) => equalBytes(own.id, id) && own.signers.join() === signers.join()) === true;
  const whole = [...acks].flatMap(([party, { offers }]) =>
    offers.filter(
      (offer) =>
        offer.signers.length === needed &&
        offer.signers.includes(party) &&
        offer.signers.every((signer) => offered(signer, offer)),
    ),
  );
  const order = ({ id }: Offer): Uint8Array => offerOrder(request, id);
  return whole.toSorted((a, b) => compareBytes(order(a), order(b)))[0] ?? null;
}

/** Whether two parties may sign together. */
export type Compatible = (a: PartyIndex, b: PartyIndex) => boolean;

/** From the acks of a scheme with pairwise state: both ends of the edge name it alike. */
export const alongEdges =
  (acks: ReadonlyMap<PartyIndex, Pick<Ack, "edges">>): Compatible =>
  (a, b) => {
    const end = (from: PartyIndex, to: PartyIndex) => acks.get(from)?.edges.find(({ peer }) => peer === to)?.setup;
    const [one, other] = [end(a, b), end(b, a)];
    return one !== undefined && other !== undefined && equalBytes(one, other);
  };

/**
 * So many sets of signers are told apart. With more, which takes 20 nodes, attempts go round among the first so many.
 */
const MAX_SETS = 16_384;

/**
 * Who signs, ascending: of all sets of `threshold` that acknowledged and whose members are all `compatible` with one another,
 * in an order that everybody computes from what it knows, the next one for this attempt. No set comes a second time before
 * all were tried; and each round of all sets begins one further, so that no coordinator meets the same sets for ever. Null if
 * there is no such set.
 */
export function selectSigners(
  seed: { readonly key: Uint8Array; readonly height: number; readonly subject: AttemptSubject },
  acked: readonly PartyIndex[],
  threshold: number,
  compatible: Compatible = () => true,
): readonly PartyIndex[] | null {
  assert(acked.length >= threshold, "at least the threshold acknowledged");
  const sets = [...take(cliques(shuffled(seed, acked), threshold, compatible), MAX_SETS)];
  if (sets.length === 0) return null;
  const { attempt } = seed.subject;
  return ascending(sets[(attempt + Math.floor(attempt / sets.length)) % sets.length]!);
}

/** Every set of `size` whose members are all compatible, in lexicographic order of `order`. */
function* cliques(order: readonly PartyIndex[], size: number, compatible: Compatible): Generator<PartyIndex[]> {
  if (size === 0) return yield [];
  for (const [i, party] of order.entries()) {
    const rest = order.slice(i + 1).filter((other) => compatible(party, other));
    if (rest.length + 1 < size) continue;
    for (const others of cliques(rest, size - 1, compatible)) yield [party, ...others];
  }
}

function* take<T>(values: Iterable<T>, count: number): Generator<T> {
  let left = count;
  for (const value of values) {
    if (left === 0) return;
    left -= 1;
    yield value;
  }
}

function shuffled(
  seed: { readonly key: Uint8Array; readonly height: number; readonly subject: AttemptSubject },
  acked: readonly PartyIndex[],
): readonly PartyIndex[] {
  const { request, digest, round } = seed.subject;
  const order = ascending(acked);
  for (let i = order.length - 1; i > 0; i--) {
    const hash = transcript("custody/select", {
      key: seed.key,
      height: seed.height,
      request,
      digest,
      round,
      i,
    });
    // 48 bits over at most 32 places: a bias below 2^-43.
    const j = Number(BigInt(`0x${toHex(hash.subarray(0, 6))}`) % BigInt(i + 1));
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}
