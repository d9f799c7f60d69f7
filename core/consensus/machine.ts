/**
 * The life of one transaction (one revision of one request), as document 004 names it, with its corrections. Pure: a status
 * and an event give the next status or a refusal with its reason. The table is data; API, store, CLI and docs read it.
 *
 * Two kinds of events. *Opinions* (votes, deadlines, attempts) move a transaction that is not at its end. *Facts* (a verified
 * complete signature, the transaction seen in the network or in a block) overrule every opinion and even an end: no state
 * may deny a payment that exists. So an end is final except that a fact overrules it, and that a reorganisation brings
 * `confirmed` back to `broadcasting`.
 *
 * What one node sees is not what all see: two rejections here may be a liar's, whose approvals reached the others. Therefore
 * a status also says whether it is *settled*: buried in the chain, or proven dead (one of its coins went elsewhere, or
 * n − t + 1 + f nodes signed that they never will sign it). Only then are its coins free, and only after its proven death is
 * it safe to pay the same thing again. An expired transaction that is not proven dead is `unresolved`, never failed: partial
 * signatures may be out.
 *
 * An equivocating voter is excluded and the voting goes on; `aborted_byzantine` is reached only when too few voters remain.
 */
import type { TransactionState } from "./states.ts";
import type { Verdict } from "./tally.ts";
import { REFUSALS, SETTLING, TRANSITIONS, type Refusal, type Signal } from "./transitions.ts";

/** What happens to a transaction. */
export type TransactionEvent =
  /** The revision was put to the vote, or to a new round of it (its policy, epoch or height window had changed). */
  | { readonly kind: "votingOpened" }
  /** A tally; see `tally.ts`. */
  | { readonly kind: "votesCounted"; readonly verdict: Verdict; readonly exhausted: boolean }
  /** The voting or signing deadline passed. */
  | { readonly kind: "deadlinePassed" }
  /** Signed abandons of n − t + 1 + f nodes: nobody can complete this transaction any more. */
  | { readonly kind: "abandonedByQuorum" }
  | { readonly kind: "signingStarted" }
  /** The retry budget is used up. */
  | { readonly kind: "retriesExhausted" }
  /** Every input is signed, and this node verified it. A fact. */
  | { readonly kind: "signatureComplete" }
  | { readonly kind: "broadcastAccepted" }
  /** A server's answer, not a fact: it may be wrong, and another server may accept. */
  | { readonly kind: "broadcastRefused" }
  /** Unconfirmed in the network. A fact. */
  | { readonly kind: "seenInMempool" }
  /** In a block, `confirmations` deep (1 = the tip). A fact. */
  | { readonly kind: "confirmed"; readonly confirmations: number; readonly requiredConfirmations: number }
  /** The block that held it left the chain. */
  | { readonly kind: "reorganised" }
  /** One of its inputs was spent, buried to the required depth, by another transaction. */
  | { readonly kind: "conflictBuried" }
  /** A later revision of the request took over. `spendsAnchor`: it spends an input of this one, so that only one can be paid. */
  | { readonly kind: "replaced"; readonly spendsAnchor: boolean };

/** Where a transaction stands, as far as this node knows. */
export interface TransactionStatus {
  readonly state: TransactionState;
  /** Buried, or proven dead: nobody can change the outcome any more, short of a deep reorganisation. */
  readonly settled: boolean;
}

/** Where every transaction begins. */
export const NEW_TRANSACTION: TransactionStatus = { state: "pending", settled: false };

/** The answer to an event: the next status, or the old one and why the event was refused. */
export type Step =
  | { readonly status: TransactionStatus; readonly refused?: undefined }
  | { readonly refused: Refusal; readonly reason: string; readonly status: TransactionStatus };

/** The status after an event. A refusal leaves it as it was and says why; it is an answer, not an error. */
export function advance(status: TransactionStatus, event: TransactionEvent): Step {
  const signal = signalOf(event);
  const outcome = TRANSITIONS[status.state][signal];
  const settles = SETTLING.has(signal);
  if (outcome === "stay") return { status: { ...status, settled: status.settled || settles } };
  if ("to" in outcome) return { status: { state: outcome.to, settled: settles } };
  const reason = `${signal} in state ${status.state}: ${REFUSALS[outcome.refuse]}`;
  return { status, refused: outcome.refuse, reason };
}

/**
 * True while coins that the transaction spends must not be chosen for another request: in every state, until it is settled.
 * A rejected or replaced transaction may still be completed by nodes that saw other votes than this one.
 */
export const holdsCoins = ({ settled }: TransactionStatus): boolean => !settled;

/** The column of an event. Throws `RangeError` on confirmations below 1. */
export function signalOf(event: TransactionEvent): Signal {
  switch (event.kind) {
    case "votesCounted":
      if (event.exhausted) return "votersExhausted";
      return ({ approved: "votesApproved", rejected: "votesRejected", open: "votesOpen" } as const)[event.verdict];
    case "confirmed":
      if (!(event.confirmations >= 1 && event.requiredConfirmations >= 1))
        throw new RangeError("confirmations count from 1, the tip of the chain");
      return event.confirmations >= event.requiredConfirmations ? "buried" : "mined";
    case "replaced":
      return event.spendsAnchor ? "replacedBySpend" : "replacedFreely";
    default:
      return event.kind;
  }
}
