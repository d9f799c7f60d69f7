/**
 * MinorityVote of document 004: who voted against what was decided. For the record, because an honest node may disagree or be
 * late; only a yes that a rule refutes, from the signed bytes alone, can ban its voter, and only on nodes that enforce it.
 */
import { toHex } from "@conclave/bytes";
import { networks, paysNothingLike } from "@conclave/bitcoin";
import {
  dissenters,
  evidenceCodec,
  type Evidence,
  type NodeId,
  type SignedVote,
  type Tally,
} from "@conclave/consensus";
import type { KnownMotion, KnownRevision } from "./docket.ts";
import type { Emit } from "./events.ts";
import { requestCodec, revisionCodec } from "./request.ts";
import type { CustodySettings } from "./settings.ts";

export interface DissentParts {
  readonly settings: Pick<CustodySettings, "network" | "minorityVotes">;
  readonly emit: Emit;
  readonly accuse: (evidence: Evidence) => void;
}

export class Dissent {
  readonly #parts: DissentParts;
  /** Slots and voters of a request that were told already. */
  readonly #told = new WeakMap<KnownMotion, Set<string>>();
  readonly #refuted = new WeakMap<KnownRevision, boolean>();

  constructor(parts: DissentParts) {
    this.#parts = parts;
  }

  /** The votes on a revision were counted. */
  note(entry: KnownMotion, known: KnownRevision, round: number, tally: Tally): void {
    const losers = dissenters(tally);
    const refuted = this.#isRefuted(entry, known) ? tally.yes : [];
    const told = this.#told.get(entry) ?? new Set<string>();
    this.#told.set(entry, told);
    for (const node of new Set([...refuted, ...losers])) {
      const slot = `${known.revision.number}.${round}/${node}`;
      if (told.has(slot)) continue;
      told.add(slot);
      const signed = voteOf(entry, known, round, node);
      if (signed !== undefined) this.#tell(entry, known, signed, refuted.includes(node));
    }
  }

  #tell(entry: KnownMotion, known: KnownRevision, signed: SignedVote, isRefuted: boolean): void {
    const { settings, emit, accuse } = this.#parts;
    const evidence = isRefuted ? refutation(entry, known, signed) : null;
    if (evidence !== null && settings.minorityVotes === "enforce") return accuse(evidence);
    const { revision, round, voter, value } = signed.vote;
    const proof = evidence === null ? null : evidenceCodec.encode(evidence);
    emit({ kind: "dissent", request: entry.id, revision, round, node: voter, value, evidence: proof });
  }

  /** Whether no honest node can say yes to it: see `wrongVote`. */
  #isRefuted({ request }: KnownMotion, known: KnownRevision): boolean {
    if (request.kind !== "payment") return false;
    const judged = this.#refuted.get(known);
    if (judged !== undefined) return judged;
    const isRefuted = paysNothingLike(known.revision.psbt, request.payment, networks[this.#parts.settings.network]);
    this.#refuted.set(known, isRefuted);
    return isRefuted;
  }
}

const voteOf = ({ votes }: KnownMotion, { revision, digest }: KnownRevision, round: number, node: NodeId) =>
  votes.find(
    ({ vote }) =>
      vote.voter === node &&
      vote.revision === revision.number &&
      vote.round === round &&
      toHex(vote.digest) === toHex(digest),
  );

const refutation = ({ request }: KnownMotion, { revision }: KnownRevision, vote: SignedVote): Evidence => ({
  kind: "MinorityVote",
  vote,
  request: requestCodec.encode(request),
  revision: revisionCodec.encode(revision),
});
