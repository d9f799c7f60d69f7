/** The states of a transaction, as data: what the API calls them, what document 004 calls them, and how they are shown. */

/** Document 004's voting machine. */
export type DocumentState =
  | "Initial"
  | "Collecting"
  | "ThresholdReached"
  | "Submitted"
  | "Confirmed"
  | "AbortedByzantine"
  | "AbortedTimeout";

/** The states that the API shows. */
export type TransactionState =
  | "pending"
  | "voting"
  | "approved"
  | "rejected"
  | "signing"
  | "signed"
  | "broadcasting"
  | "confirmed"
  | "unresolved"
  | "replaced"
  | "failed"
  | "aborted_byzantine"
  | "aborted_timeout";

/** How a state is shown: grey, blue, green, yellow, red. */
export type Tone = "neutral" | "active" | "good" | "attention" | "bad";

/** What is known of a state, whichever transaction is in it. */
export interface StateRow {
  /** Document 004's name; null for states it does not have. */
  readonly document: DocumentState | null;
  /** Only facts lead out of it. */
  readonly final: boolean;
  readonly tone: Tone;
  /** One sentence for people. */
  readonly meaning: string;
}

const row = (document: DocumentState | null, final: boolean, tone: Tone, meaning: string): StateRow => ({
  document,
  final,
  tone,
  meaning,
});

/** Every state, in the order of a transaction's life. */
export const STATES: Readonly<Record<TransactionState, StateRow>> = {
  pending: row("Initial", false, "neutral", "Created; this node has not begun to vote."),
  voting: row("Collecting", false, "active", "The nodes are voting."),
  approved: row("ThresholdReached", false, "active", "Enough nodes approved; signing has not begun."),
  rejected: row("ThresholdReached", true, "bad", "So many nodes rejected it that it cannot be approved."),
  signing: row("Submitted", false, "active", "The nodes are signing."),
  signed: row("Submitted", false, "active", "The signature is complete; the transaction is not yet in the network."),
  broadcasting: row("Submitted", false, "active", "In the network, not yet buried deep enough."),
  confirmed: row("Confirmed", true, "good", "Buried in the chain."),
  unresolved: row("Submitted", false, "attention", "Expired, but it may still be completed: its coins stay held."),
  replaced: row(null, true, "neutral", "A later revision took its place."),
  failed: row(null, true, "bad", "It can never be completed."),
  aborted_byzantine: row("AbortedByzantine", true, "bad", "Too few voters remain that did not contradict themselves."),
  aborted_timeout: row("AbortedTimeout", true, "bad", "Time ran out, and enough nodes gave it up for good."),
};

/** Every state, in the order of a transaction's life. */
export const TRANSACTION_STATES = Object.keys(STATES) as readonly TransactionState[];
