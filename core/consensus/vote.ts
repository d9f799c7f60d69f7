/**
 * A vote: one node's signed yes or no on the full content of one revision of one request. It names content, policy and
 * circumstances, so that it counts for nothing else (safety rules for requests and votes).
 */
import {
  bool,
  codec,
  equalBytes,
  fixedBytes,
  literal,
  record,
  text,
  transcript,
  uint,
  type Codec,
  type SchemaOf,
} from "@conclave/bytes";
import type { Ed25519Signer, Engine } from "@conclave/crypto";
import { entryOf, nodeId, type Roster } from "./roster.ts";

/** An intent's revisions and rounds are few; a higher number is a mistake or an attack. */
export const MAX_REVISION = 1_000;
export const MAX_VOTING_ROUND = 100;

const voteRecord = record({
  domain: literal("conclave/vote/v1"),
  /** Cluster name and Bitcoin network (or "messages"), so that a vote counts in one place only. */
  cluster: text({ max: 64 }),
  network: text({ max: 16 }),
  wallet: fixedBytes(32),
  request: fixedBytes(32),
  /** The revision's number (1, 2, …) and the hash of its concrete content. */
  revision: uint({ min: 1, max: MAX_REVISION }),
  digest: fixedBytes(32),
  round: uint({ min: 1, max: MAX_VOTING_ROUND }),
  policy: fixedBytes(32),
  epoch: uint(),
  /** Ledger heights between which this vote may count. */
  fromHeight: uint(),
  toHeight: uint(),
  /** The voter's journal position when it voted: shows a journal that was rolled back. */
  generation: uint({ min: 1 }),
  voter: nodeId,
  value: bool,
});

/** What a voter signs. */
export type Vote = SchemaOf<typeof voteRecord>;

/** A vote inside another message. */
export const signedVoteSchema = record({ vote: voteRecord, signature: fixedBytes(64) });

/** A vote and its voter's Ed25519 signature over it; nothing is proven until `verifyVote`. */
export type SignedVote = SchemaOf<typeof signedVoteSchema>;

/** A vote's canonical bytes: what is hashed and signed. */
export const voteCodec: Codec<Vote> = codec(voteRecord);
/** A signed vote as it is stored and sent. */
export const signedVoteCodec: Codec<SignedVote> = codec(signedVoteSchema);

const signedBytes = (vote: Vote): Uint8Array => transcript("consensus/vote", { vote: voteCodec.encode(vote) });

/** Signs with the voter's vote key. Journal the vote first: a second one in its slot is a lie. */
export const signVote = (signer: Ed25519Signer, vote: Vote): SignedVote => ({
  vote,
  signature: signer.sign(signedBytes(vote)),
});

/** Votes that were found good, each with its voter's key: every tally asks of all of them again, and nothing of a vote changes. */
const good = new WeakMap<SignedVote, Uint8Array>();

/** True if the roster's vote key of the named voter signed exactly this vote. False for strangers. */
export function verifyVote(engine: Engine, roster: Roster, signed: SignedVote): boolean {
  const { vote, signature } = signed;
  const entry = entryOf(roster, vote.voter);
  if (entry === undefined) return false;
  const known = good.get(signed);
  if (known !== undefined && equalBytes(known, entry.voteKey)) return true;
  const isGood = engine.ed25519Verifier(entry.voteKey)(signedBytes(vote), signature);
  if (isGood) good.set(signed, entry.voteKey);
  return isGood;
}

/** One voter has one vote per slot: request, revision number, round. */
export const sameSlot = (a: Vote, b: Vote): boolean =>
  a.voter === b.voter && a.revision === b.revision && a.round === b.round && equalBytes(a.request, b.request);

/** What a vote says, apart from when in its voter's journal it was said. */
const statement = (vote: Vote): Uint8Array => voteCodec.encode({ ...vote, generation: 1 });

/**
 * True if one voter said two different things in one slot: other content, other value, or other circumstances (policy,
 * epoch, heights, wallet), which an honest node votes on in a new round. The journal position may differ: saying the same
 * thing twice is no contradiction. Says nothing about signatures.
 */
export const contradicts = (a: Vote, b: Vote): boolean => sameSlot(a, b) && !equalBytes(statement(a), statement(b));
