/**
 * The handshake before a session: setup → ack → begin. The coordinator asks, everyone eligible acknowledges with a fresh
 * nonce and ephemeral key, and `begin` hands all acks to all signers. Anyone can recompute who coordinates and who signs.
 */
import {
  assert,
  bytes,
  codec,
  equalBytes,
  fixedBytes,
  list,
  record,
  toHex,
  transcript,
  uint,
  type Codec,
} from "@conclave/bytes";
import { ascending, MAX_PARTIES, type PartyIndex } from "@conclave/protocol";

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
}

/** Unfinished keys of one purpose that a node goes on with; an ack that names them all fits into `begin`. */
export const MAX_HELD_KEYS = 32;

export const ackCodec: Codec<Ack> = codec(
  record({
    setup: fixedBytes(32),
    nonce: fixedBytes(32),
    ephemeral: fixedBytes(32),
    generation: uint({ min: 1 }),
    holds: list(fixedBytes(32), { max: MAX_HELD_KEYS }),
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
  record({ setup: fixedBytes(32), acks: list(bytes({ max: 2_048 }), { min: 2, max: MAX_PARTIES }) }),
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

/** The first `threshold` of a shuffle of those who acknowledged, seeded by what everybody knows; ascending. */
export function selectSigners(
  seed: { readonly key: Uint8Array; readonly height: number; readonly subject: AttemptSubject },
  acked: readonly PartyIndex[],
  threshold: number,
): readonly PartyIndex[] {
  assert(acked.length >= threshold, "at least the threshold acknowledged");
  const { request, digest, round, attempt } = seed.subject;
  const order = ascending(acked);
  for (let i = order.length - 1; i > 0; i--) {
    const hash = transcript("custody/select", {
      key: seed.key,
      height: seed.height,
      request,
      digest,
      round,
      attempt,
      i,
    });
    // 48 bits over at most 32 places: a bias below 2^-43.
    const j = Number(BigInt(`0x${toHex(hash.subarray(0, 6))}`) % BigInt(i + 1));
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return ascending(order.slice(0, threshold));
}
