/** Payments: what is asked for, and what became of it (document 004, "Transaction Lifecycle"). */
import { z } from "zod";
import {
  account,
  address,
  bitcoinTxid,
  feeRate,
  MAX_METADATA_BYTES,
  metadata,
  nodeName,
  nodeNumber,
  paidSats,
  sats,
  timestamp,
  txid,
} from "./fields.ts";
import { strictFields } from "./strict.ts";

/** `POST /api/v1/transactions`: document 004's body, with three optional fields. */
export const transactionRequest = strictFields({
  recipient: address,
  amount_sats: paidSats,
  fee_rate: feeRate.optional(),
  metadata: metadata.optional(),
  account: account.optional().describe("Whose coins pay; left out, the first account whose coins suffice"),
});

export type TransactionRequest = z.output<typeof transactionRequest>;

/** Document 004's voting machine. */
export const FSM_STATES = [
  "Initial",
  "Collecting",
  "ThresholdReached",
  "Submitted",
  "Confirmed",
  "AbortedByzantine",
  "AbortedTimeout",
] as const;

export type FsmState = (typeof FSM_STATES)[number];

interface StateRow {
  /** Document 004's name; null for states it does not have. */
  readonly fsm: FsmState | null;
  /** Nothing follows, unless the chain shows otherwise: a payment that exists overrules every verdict. */
  readonly final: boolean;
}

/** Every state of a payment, in the order of its life: the wire form of the consensus rules' table of states. */
export const STATES = {
  pending: { fsm: "Initial", final: false },
  voting: { fsm: "Collecting", final: false },
  approved: { fsm: "ThresholdReached", final: false },
  rejected: { fsm: "ThresholdReached", final: true },
  signing: { fsm: "Submitted", final: false },
  signed: { fsm: "Submitted", final: false },
  broadcasting: { fsm: "Submitted", final: false },
  confirmed: { fsm: "Confirmed", final: true },
  unresolved: { fsm: "Submitted", final: false },
  replaced: { fsm: null, final: true },
  failed: { fsm: null, final: true },
  aborted_byzantine: { fsm: "AbortedByzantine", final: true },
  aborted_timeout: { fsm: "AbortedTimeout", final: true },
} as const satisfies Readonly<Record<string, StateRow>>;

export type TransactionState = keyof typeof STATES;

/** Every state, in the order of a payment's life. */
export const TRANSACTION_STATES = Object.keys(STATES) as readonly TransactionState[];

export const transactionState = z.enum(TRANSACTION_STATES).describe("Where the payment is in its life");

/** Document 004's name of a state; null for `replaced` and `failed`, which it does not have. */
export const fsmStateOf = (state: TransactionState): FsmState | null => STATES[state].fsm;

export const vote = z.object({
  node_id: nodeNumber,
  node: nodeName,
  value: z.union([z.literal(0), z.literal(1)]).describe("1 approves, 0 rejects"),
  received_at: timestamp,
});

export const votes = z.object({
  approve: z.number().int().min(0),
  reject: z.number().int().min(0),
  required: z.number().int().min(1).describe("Approvals needed: the vote quorum q"),
  cast: z.array(vote).max(32).describe("Latest verified vote of each node, ascending by node_id"),
});

/** A retry budget is 32 attempts for each revision that was approved; what came before the latest says little. */
export const MAX_ATTEMPTS_TOLD = 64;

export const transaction = z.object({
  txid,
  account: account.nullable().describe("The account that pays; null if this node does not know its key"),
  state: transactionState,
  fsm_state: z.enum(FSM_STATES).nullable().describe("The same under its name in document 004; null if it has none"),
  settled: z
    .boolean()
    .describe(
      "True once nothing can change the outcome: buried in the chain, or proven dead. Only then pay the same again",
    ),
  recipient: address,
  amount_sats: sats.describe("Amount to the recipient, in satoshis"),
  fee_sats: sats.nullable().describe("Fee of the built transaction, in satoshis; null before it is built"),
  fee_rate: feeRate.nullable().describe("Fee rate asked for, in sat/vB; null if left to the node"),
  metadata: z.string().max(MAX_METADATA_BYTES).nullable(),
  votes,
  waits_for: z
    .array(nodeName)
    .max(32)
    .describe("Nodes whose operators have to approve it first, as far as the answering node heard"),
  signers: z.array(nodeNumber).max(32).describe("Nodes that signed, ascending; empty before signing"),
  confirmations: z.number().int().min(0).describe("Blocks on top of and including the one that holds it"),
  bitcoin_txid: bitcoinTxid.nullable().describe("Null before the transaction is signed"),
  created_at: timestamp,
  confirmed_at: timestamp.nullable(),
  reason: z.string().nullable().describe("Why it was refused, failed or was replaced; null otherwise"),
  failed_attempts: z
    .array(z.string())
    .max(MAX_ATTEMPTS_TOLD)
    .describe("Why attempts at signing it failed on the answering node, in order; the latest of many"),
});

export type Transaction = z.output<typeof transaction>;

/** Largest page of a list. */
export const MAX_PAGE = 100;
const DEFAULT_PAGE = 50;

/** Where a list goes on. Opaque: made by a node, given back unchanged. */
export const cursor = z
  .string()
  .regex(/^[A-Za-z0-9_-]{1,256}$/, { error: "cursor must be the next_cursor of an earlier page, unchanged" })
  .describe("next_cursor of the page before");

const PAGE_SIZE = `limit must be a whole number from 1 to ${MAX_PAGE}`;

/** `GET /api/v1/transactions`: newest first. */
export const transactionQuery = strictFields(
  {
    limit: z.coerce
      .number<number>({ error: PAGE_SIZE })
      .int({ error: PAGE_SIZE })
      .min(1, { error: PAGE_SIZE })
      .max(MAX_PAGE, { error: PAGE_SIZE })
      .default(DEFAULT_PAGE)
      .describe("How many at most"),
    cursor: cursor.optional(),
    state: transactionState.optional().describe("Only payments in this state"),
  },
  "query parameter",
);

export const transactionPage = z.object({
  items: z.array(transaction).max(MAX_PAGE),
  next_cursor: cursor.nullable().describe("Ask for the next page with this cursor; null on the last page"),
});

export type TransactionPage = z.output<typeof transactionPage>;
