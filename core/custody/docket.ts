/**
 * What this node knows of requests, their revisions and the votes on them. Nothing here is a promise: the docket is rebuilt
 * from what peers and the local store hand in, and every piece is checked again on the way in.
 */
import { toHex } from "@conclave/bytes";
import { hashMessage, readPayment, type Outpoint, type PaymentView, type Wallet } from "@conclave/bitcoin";
import {
  contradicts,
  tally,
  type Ballot,
  type NodeId,
  type Roster,
  type SignedVote,
  type Tally,
} from "@conclave/consensus";
import type { Engine } from "@conclave/crypto";
import { MAX_REVISION_GAP, type RevisionName } from "./locks/index.ts";
import {
  requestId,
  revisionDigest,
  type MessageRequestBody,
  type PaymentRequestBody,
  type Proposal,
  type Request,
  type Revision,
} from "./request.ts";

/** Revisions of one request that a node keeps; more would need more than the lock rules allow. */
const MAX_REVISIONS = 64;
/** Requests of one origin that are kept; beyond that, its oldest that binds this node to nothing goes. */
const MAX_REQUESTS_PER_ORIGIN = 512;
/**
 * Of those, requests with nothing left to promise: an origin that was away for some minutes is still answered about them from memory,
 * and later from the store, as after a restart. A request with its votes takes some 25 KB.
 */
const MAX_SETTLED_PER_ORIGIN = 32;
/** Their revisions, altogether: PSBTs hold the transactions that they spend. */
const MAX_REVISION_BYTES_PER_ORIGIN = 32 << 20;
/**
 * Rounds of one voter on one revision whose votes are kept, the lowest ones: honest nodes begin with the first and need another only
 * when a policy changes meanwhile. Of a round one vote is kept, or two that contradict each other.
 */
const MAX_ROUNDS_PER_VOTER = 8;

/** What a revision would have the key sign. */
export type Content =
  | { readonly kind: "payment"; readonly view: PaymentView }
  /** `hash`: 32 bytes that the key signs, computed here from the message. */
  | { readonly kind: "message"; readonly hash: Uint8Array };

export interface KnownRevision {
  readonly revision: Revision;
  readonly digest: Uint8Array;
  readonly content: Content;
}

export interface KnownRequest {
  readonly id: Uint8Array;
  readonly request: Request;
  readonly revisions: Map<number, KnownRevision>;
  readonly votes: SignedVote[];
}

/** A request that is voted on, for a key that this node holds a share of. */
export type KnownMotion = KnownRequest & { readonly request: PaymentRequestBody | MessageRequestBody };

/** Something handed in does not fit what is known, or is not well-formed. The reason says which rule it breaks. */
export class DocketRefused extends Error {
  override readonly name = "DocketRefused";
}

export interface DocketQuestions {
  /** The wallet of an active key. */
  readonly walletOf: (key: Uint8Array) => Wallet | undefined;
  /** Whether this node promised something about a request that is not settled. */
  readonly isBinding: (request: KnownRequest) => boolean;
  /** Whether all that can be promised about a request has been, and come to its end. */
  readonly isSettled: (request: KnownRequest) => boolean;
}

/** What a tally needs to know about the key that a request spends from. */
export interface Electorate {
  readonly committee: readonly NodeId[];
  readonly quorum: number;
  readonly epoch: number;
}

const revisionBytes = ({ revisions }: KnownRequest): number =>
  [...revisions.values()].reduce((sum, { revision }) => sum + revision.psbt.length, 0);

/** Whether a request is voted on. */
export const isMotion = <T extends Pick<KnownRequest, "request">>(
  entry: T,
): entry is T & { readonly request: KnownMotion["request"] } => MOTIONS.has(entry.request.kind);

const MOTIONS: ReadonlySet<string> = new Set(["payment", "message", "digest"]);

function contentOf(
  request: KnownMotion["request"],
  { number, psbt }: Revision,
  walletOf: (key: Uint8Array) => Wallet | undefined,
): Content {
  if (request.kind === "payment") {
    const wallet = walletOf(request.wallet);
    if (wallet === undefined) throw new DocketRefused("this node holds no share of the wallet's key");
    return { kind: "payment", view: readPayment(psbt, wallet) };
  }
  if (number !== 1 || psbt.length > 0) throw new DocketRefused("a message has one revision, which adds nothing to it");
  const hash = request.kind === "digest" ? request.digest : hashMessage(request.message, request.hash);
  return { kind: "message", hash };
}

/** Coins that a revision spends. */
export const outpointsOf = ({ content }: KnownRevision): readonly Outpoint[] =>
  content.kind === "payment" ? content.view.inputs.map(({ outpoint }) => outpoint) : [];

/** What the locks remember of a signature: the transaction's id, or in its place the hash of the message. */
export const signedName = ({ content }: KnownRevision): string =>
  content.kind === "payment" ? content.view.txid : toHex(content.hash);

export class Docket {
  readonly #engine: Engine;
  readonly #roster: Roster;
  readonly #requests = new Map<string, KnownRequest>();

  constructor({ engine, roster }: { engine: Engine; roster: Roster }) {
    this.#engine = engine;
    this.#roster = roster;
  }

  /** Every request, in the order in which they became known. */
  all(): readonly KnownRequest[] {
    return [...this.#requests.values()];
  }

  get(id: Uint8Array): KnownRequest | undefined {
    return this.#requests.get(toHex(id));
  }

  find(request: Request): KnownRequest | undefined {
    return this.get(requestId(request));
  }

  /**
   * Take in a request and perhaps a revision. Throws `DocketRefused` or, for a
   * PSBT that is not a payment of ours, `PaymentRefused`. True if anything was new.
   */
  learn({ request, revision }: Proposal, questions: DocketQuestions): boolean {
    if (request.cluster !== this.#roster.cluster) throw new DocketRefused("the request is for another cluster");
    if (request.expiresHeight < request.height) throw new DocketRefused("the request ends before it begins");
    const id = requestId(request);
    const known = this.#requests.get(toHex(id));
    if (known === undefined || revision !== null) this.#makeRoom(request.origin, known, questions);
    const entry = known ?? { id, request, revisions: new Map<number, KnownRevision>(), votes: [] };
    const added = revision !== null && this.#addRevision(entry, revision, questions.walletOf);
    this.#requests.set(toHex(id), entry);
    return known === undefined || added;
  }

  /** A member may propose as much as it likes: it crowds out its own requests only. */
  #makeRoom(origin: NodeId, wanted: KnownRequest | undefined, { isBinding, isSettled }: DocketQuestions): void {
    const all = [...this.#requests.values()].filter(({ request }) => request.origin === origin);
    const settled = all.filter((entry) => entry !== wanted && isSettled(entry)).slice(0, -MAX_SETTLED_PER_ORIGIN);
    for (const { id } of settled) this.#requests.delete(toHex(id));
    const own = all.filter((entry) => !settled.includes(entry));
    const count = wanted === undefined ? own.length + 1 : own.length;
    const bytes = own.reduce((sum, entry) => sum + revisionBytes(entry), 0);
    if (count <= MAX_REQUESTS_PER_ORIGIN && bytes < MAX_REVISION_BYTES_PER_ORIGIN) return;
    const oldest = own.find((entry) => entry !== wanted && !isBinding(entry));
    if (oldest === undefined) throw new DocketRefused("too many open requests of one node");
    this.#requests.delete(toHex(oldest.id));
  }

  #addRevision(entry: KnownRequest, revision: Revision, walletOf: (key: Uint8Array) => Wallet | undefined): boolean {
    if (!isMotion(entry)) throw new DocketRefused(`a ${entry.request.kind} has no revisions`);
    if (toHex(revision.request) !== toHex(entry.id)) throw new DocketRefused("the revision belongs to another request");
    const digest = revisionDigest(revision);
    const known = entry.revisions.get(revision.number);
    if (known !== undefined) {
      if (toHex(known.digest) === toHex(digest)) return false;
      throw new DocketRefused(`revision ${revision.number} of this request is already known with other content`);
    }
    if (entry.revisions.size >= MAX_REVISIONS) throw new DocketRefused("too many revisions of one request");
    entry.revisions.set(revision.number, { revision, digest, content: contentOf(entry.request, revision, walletOf) });
    return true;
  }

  /**
   * Keep a vote whose signature was verified. False if it says nothing new, is about a revision that no honest node can have come to
   * yet, or about a round too high.
   */
  addVote(entry: KnownRequest, signed: SignedVote): boolean {
    const { voter, revision, round } = signed.vote;
    if (revision > Math.max(0, ...entry.revisions.keys()) + MAX_REVISION_GAP) return false;
    const own = entry.votes.filter(({ vote }) => vote.voter === voter && vote.revision === revision);
    const inRound = own.filter(({ vote }) => vote.round === round);
    if (inRound.length > 1 || inRound.some(({ vote }) => !contradicts(vote, signed.vote))) return false;
    const rounds = new Set([...own.map(({ vote }) => vote.round), round]);
    if (rounds.size > MAX_ROUNDS_PER_VOTER) {
      const highest = Math.max(...rounds);
      if (highest === round) return false;
      for (const { vote } of own) if (vote.round === highest) removeVote(entry, vote);
    }
    entry.votes.push(signed);
    return true;
  }

  /** Count the votes on one revision in one round. Counts are never stored. */
  tally(
    entry: KnownMotion,
    { digest, revision }: KnownRevision,
    round: number,
    { committee, quorum, epoch }: Electorate,
    { network, banned }: { network: string; banned: ReadonlySet<NodeId> },
  ): Tally {
    const ballot: Ballot = ballotOf(entry.request, {
      cluster: this.#roster.cluster,
      network,
      digest,
      number: revision.number,
      request: entry.id,
      round,
      epoch,
    });
    return tally(this.#engine, { roster: this.#roster, committee, quorum, banned }, ballot, entry.votes);
  }
}

function removeVote({ votes }: KnownRequest, gone: SignedVote["vote"]): void {
  votes.splice(
    votes.findIndex(({ vote }) => vote === gone),
    1,
  );
}

/** Every field that a vote must match to count, apart from what is the voter's own. */
export const ballotOf = (
  request: KnownMotion["request"],
  subject: {
    readonly cluster: string;
    readonly network: string;
    readonly request: Uint8Array;
    readonly number: number;
    readonly digest: Uint8Array;
    readonly round: number;
    readonly epoch: number;
  },
): Ballot => ({
  cluster: subject.cluster,
  network: subject.network,
  wallet: request.wallet,
  request: subject.request,
  revision: subject.number,
  digest: subject.digest,
  round: subject.round,
  epoch: subject.epoch,
  fromHeight: request.height,
  toHeight: request.expiresHeight,
  policies: new Map(),
});

/** The revision that a lock speaks of. */
export const nameOf = (entry: KnownMotion, known: KnownRevision): RevisionName => ({
  wallet: entry.request.wallet,
  intent: entry.id,
  revision: known.revision.number,
  digest: known.digest,
});

/** What is sent about a request is withdrawn together. */
export const topicOf = (request: Uint8Array): string => `${REQUEST}${toHex(request)}`;

const REQUEST = "request:";

/** The request that a topic is of, hexadecimal; null for one of an attempt, which nobody needs once it is over. */
export const requestOfTopic = (topic: string): string | null =>
  topic.startsWith(REQUEST) ? topic.slice(REQUEST.length) : null;
