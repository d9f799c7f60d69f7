/**
 * The promises of one node, as its journal holds them. A record is durable before the bytes that depend on it leave the
 * process; what a node may still do follows from these records and from nothing else.
 */
import {
  bool,
  bytes,
  codec,
  fixedBytes,
  list,
  literal,
  oneOf,
  optional,
  record,
  text,
  uint,
  type Codec,
  type SchemaOf,
} from "@conclave/bytes";
import { MAX_INPUTS, outpointSchema, satsSchema, txidSchema } from "@conclave/bitcoin";
import { MAX_REVISION, MAX_VOTING_ROUND, nodeId } from "@conclave/consensus";

/** Whatever evidence an envelope carries, of 512 KiB at most, with what a conviction adds to it: who, when, which incident. */
const MAX_BAN_BYTES = (1 << 19) + 1_024;

/** What an operator says about a decision: a sentence, not a file. */
export const MAX_REASON_BYTES = 400;

const revisionNumber = uint({ min: 1, max: MAX_REVISION });
const votingRound = uint({ min: 1, max: MAX_VOTING_ROUND });

/** Which request (the intent) of which wallet. Locks belong to the wallet, whatever the epoch of its key. */
const intentFields = { wallet: fixedBytes(32), intent: fixedBytes(32) };
/** Concrete content of an intent: its number and the hash of the whole content. */
const revisionFields = { ...intentFields, revision: revisionNumber, digest: fixedBytes(32) };

const voteSchema = record({
  ...revisionFields,
  round: votingRound,
  value: bool,
  /** Hash of what else the vote says (policy, epoch, heights), so that the node never signs two versions of one vote. */
  context: fixedBytes(32),
  /** Coins the revision spends. Empty if it is no payment. */
  outpoints: list(outpointSchema, { max: MAX_INPUTS }),
  /** The coin that a replacement says it shares with what it replaces; null for a payment of its own. */
  anchor: optional(outpointSchema),
});

const signSchema = record({
  ...revisionFields,
  txid: txidSchema,
  /** The coin every later revision of this intent has to spend; null if the revision is no payment. */
  anchor: optional(outpointSchema),
  outpoints: list(outpointSchema, { max: MAX_INPUTS }),
});

const attemptSchema = record({
  request: fixedBytes(32),
  /** 0 and 0 where nothing is voted on (a presignature, a refresh). */
  revision: uint({ max: MAX_REVISION }),
  round: uint({ max: MAX_VOTING_ROUND }),
  input: uint({ max: MAX_INPUTS - 1 }),
  attempt: uint(),
});

const releaseSchema = record({
  ...intentFields,
  reason: literal("buried-payment", "foreign-spend", "abandoned-by-quorum"),
  /** Revisions that can never pay any more. */
  dead: list(record({ revision: revisionNumber, digest: fixedBytes(32) }), { max: MAX_REVISION }),
  /** Hash of the evidence that custody verified. */
  proof: fixedBytes(32),
});

/** Every kind of record there is. Another part of custody that makes promises of its own adds its kind here. */
const recordSchema = oneOf({
  vote: voteSchema,
  abandon: record(revisionFields),
  sign: signSchema,
  attempt: attemptSchema,
  /** A one-use secret is spent: `id` names it among its purpose, `binding` is the hash of what it was used on. */
  spend: record({
    purpose: text({ max: 32, pattern: /^[a-z0-9-]+$/ }),
    id: fixedBytes(32),
    binding: fixedBytes(32),
  }),
  release: releaseSchema,
  /** Two nodes cannot run pairwise protocols any more until they set up again: `setup` is the id of the dead setup. */
  deadEdge: record({
    setup: fixedBytes(32),
    a: nodeId,
    b: nodeId,
    reason: text({ max: 200 }),
    evidence: fixedBytes(32),
  }),
  /** `transcript` is the T that a key's certificate signs. */
  certificate: record({
    key: fixedBytes(32),
    epoch: uint(),
    transcript: fixedBytes(32),
    state: literal("pending", "signed", "active"),
  }),
  /**
   * An intent counts against this node's limit per day, from its first yes on. Every revision of it pays the same, so that it
   * counts once; it is written again only when a later yes comes after the day of the first.
   */
  promise: record({ ...intentFields, sats: satsSchema, atMs: uint() }),
  /** What this node's operator decided about an intent. `maxFee`: an approval holds for revisions that cost no more. */
  decision: record({
    ...intentFields,
    approved: bool,
    maxFee: satsSchema,
    atMs: uint(),
    reason: text({ max: MAX_REASON_BYTES }),
  }),
  /** A ban record as custody verified it. */
  ban: record({ ban: bytes({ min: 1, max: MAX_BAN_BYTES }) }),
  /** Promises nothing; raises the generation, for example at every start of the process. */
  note: record({ text: text({ max: 200 }) }),
});

/** One promise of this node. */
export type LockRecord = SchemaOf<typeof recordSchema>;
/** The records of one kind. */
export type LockRecordOf<K extends LockRecord["kind"]> = Extract<LockRecord, { kind: K }>;

/** Canonical bytes of a journal record. `decode` throws `CodecError`. */
export const lockRecordCodec: Codec<LockRecord> = codec(recordSchema);
