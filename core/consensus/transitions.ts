/**
 * What every event does in every state of a transaction, as data: API, store, CLI and docs read it, `advance` follows it.
 * The rows are built from what the states have in common; the compiler refuses a row without all columns.
 */
import type { TransactionState } from "./states.ts";

/** The columns of the table: the kinds of events, those with cases split into their cases. See `TransactionEvent`. */
export const SIGNALS = [
  "votingOpened",
  "votesOpen",
  "votesApproved",
  "votesRejected",
  "votersExhausted",
  "deadlinePassed",
  "abandonedByQuorum",
  "signingStarted",
  "retriesExhausted",
  "signatureComplete",
  "broadcastAccepted",
  "broadcastRefused",
  "seenInMempool",
  "mined",
  "buried",
  "reorganised",
  "conflictBuried",
  "replacedBySpend",
  "replacedFreely",
] as const;

/** One column of the table. */
export type Signal = (typeof SIGNALS)[number];

/** Why an event is not legal in a state. */
export const REFUSALS = {
  final: "the transaction has ended; only what is seen on the chain can change that",
  expired: "the transaction has expired",
  notApproved: "the transaction is not approved on this node",
  notSigned: "no complete signature of the transaction is known",
  notMined: "the transaction was not in a block",
  signed: "a complete signature of the transaction exists",
  buried: "the transaction is buried; a reorganisation has to be seen first",
  coinsHeld: "a partial signature may be out; a replacement has to spend one of the same coins",
} as const;

/** The short name of a refusal. */
export type Refusal = keyof typeof REFUSALS;

/** The next state, no change, or a refusal. */
export type Outcome = { readonly to: TransactionState } | { readonly refuse: Refusal } | "stay";

type Row = Readonly<Record<Signal, Outcome>>;

const to = (state: TransactionState): Outcome => ({ to: state });
const refuse = (refusal: Refusal): Outcome => ({ refuse: refusal });

function all<S extends Signal>(outcome: Outcome, ...signals: readonly S[]): Record<S, Outcome> {
  return Object.fromEntries(signals.map((signal) => [signal, outcome])) as Record<S, Outcome>;
}

const VOTES = ["votesOpen", "votesApproved", "votesRejected", "votersExhausted"] as const;

const FACTS = {
  signatureComplete: to("signed"),
  ...all(to("broadcasting"), "seenInMempool", "mined"),
  buried: to("confirmed"),
  reorganised: refuse("notMined"),
} as const;

const VERDICTS = {
  votesApproved: to("approved"),
  votesRejected: to("rejected"),
  votersExhausted: to("aborted_byzantine"),
} as const;

const UNSIGNED = {
  ...FACTS,
  ...all(refuse("notSigned"), "broadcastAccepted", "broadcastRefused"),
  conflictBuried: to("failed"),
  replacedBySpend: to("replaced"),
} as const;

const COLLECTING = {
  ...UNSIGNED,
  ...VERDICTS,
  ...all(refuse("notApproved"), "signingStarted", "retriesExhausted"),
  deadlinePassed: to("unresolved"),
  replacedFreely: to("replaced"),
  abandonedByQuorum: to("aborted_timeout"),
} as const;

const SIGNED: Row = {
  ...FACTS,
  ...all("stay", ...VOTES, "deadlinePassed", "signingStarted", "retriesExhausted", "signatureComplete"),
  ...all(refuse("signed"), "votingOpened", "abandonedByQuorum"),
  broadcastAccepted: to("broadcasting"),
  broadcastRefused: "stay",
  conflictBuried: to("failed"),
  replacedBySpend: to("replaced"),
  replacedFreely: refuse("coinsHeld"),
};

/** Opinions find it closed; facts do not. What proves it dead settles it. */
const ENDED: Row = {
  ...FACTS,
  ...all(refuse("final"), ...VOTES, "votingOpened", "deadlinePassed", "signingStarted", "retriesExhausted"),
  ...all(refuse("final"), "broadcastAccepted", "broadcastRefused", "replacedBySpend", "replacedFreely"),
  ...all("stay", "conflictBuried", "abandonedByQuorum"),
};

/** What every event does in every state. */
export const TRANSITIONS: Readonly<Record<TransactionState, Row>> = {
  pending: { ...COLLECTING, ...all(to("voting"), "votingOpened", "votesOpen") },
  voting: { ...COLLECTING, ...all("stay", "votingOpened", "votesOpen") },
  approved: {
    ...UNSIGNED,
    // An approval once seen stands: the votes were signed. Custody counts again before it signs.
    ...all("stay", ...VOTES),
    votingOpened: to("voting"),
    ...all(to("unresolved"), "deadlinePassed", "retriesExhausted"),
    signingStarted: to("signing"),
    replacedFreely: to("replaced"),
    abandonedByQuorum: to("aborted_timeout"),
  },
  signing: {
    ...UNSIGNED,
    // A new round (after a key refresh, say) does not lead back: partial signatures may be out.
    ...all("stay", ...VOTES, "votingOpened", "signingStarted"),
    ...all(to("unresolved"), "deadlinePassed", "retriesExhausted"),
    replacedFreely: refuse("coinsHeld"),
    abandonedByQuorum: to("failed"),
  },
  signed: SIGNED,
  broadcasting: {
    ...SIGNED,
    ...all("stay", "broadcastAccepted", "seenInMempool", "mined", "reorganised"),
  },
  confirmed: {
    ...ENDED,
    // Other sources may still show it less deep; only a reorganisation, named as such, takes it back.
    ...all("stay", "signatureComplete", "broadcastAccepted", "broadcastRefused", "seenInMempool", "mined", "buried"),
    reorganised: to("broadcasting"),
    conflictBuried: refuse("buried"),
    abandonedByQuorum: refuse("signed"),
  },
  unresolved: {
    ...UNSIGNED,
    ...all(refuse("expired"), ...VOTES, "votingOpened", "signingStarted"),
    ...all("stay", "deadlinePassed", "retriesExhausted"),
    replacedFreely: refuse("coinsHeld"),
    abandonedByQuorum: to("aborted_timeout"),
  },
  // Its signature may well exist and linger in some mempools; only a block decides between it and its successor.
  replaced: { ...ENDED, ...all("stay", "signatureComplete", "seenInMempool") },
  failed: ENDED,
  aborted_byzantine: ENDED,
  aborted_timeout: ENDED,
  rejected: ENDED,
};

/** What settles a transaction, unless it is refused. */
export const SETTLING: ReadonlySet<Signal> = new Set(["buried", "conflictBuried", "abandonedByQuorum"]);
