/** Approval by hand: payments that wait for a person, and what a node's operator says to them. */
import { z } from "zod";
import { account, address, bitcoinTxid, feeRate, nodeName, sats, timestamp, txid, utf8Length } from "./fields.ts";
import { strictFields } from "./strict.ts";
import { transaction } from "./transaction.ts";

/** What a record of a decision holds: a sentence. The safety journal's limit is the same. */
export const MAX_REASON_BYTES = 400;

const reason = z
  .string({ error: "reason must be text" })
  .refine((text) => (utf8Length(text) ?? Infinity) <= MAX_REASON_BYTES, {
    error: `reason must be at most ${MAX_REASON_BYTES} bytes of well-formed UTF-8`,
  })
  .describe("For this node's own record; no other node hears of it");

/** `POST /api/v1/transactions/:txid/approve`. */
export const approveRequest = strictFields({
  reason: reason.optional(),
  max_fee_sats: sats
    .optional()
    .describe("The highest fee that is approved; left out, the fee of the transaction as this node knows it now"),
});

/** `POST /api/v1/transactions/:txid/reject`. */
export const rejectRequest = strictFields({
  reason: reason.refine((text) => text.trim() !== "", { error: "reason must not be empty: say why" }),
});

/** What approving or rejecting answers with: what this node recorded, and how the payment stands then. */
export const decidedTransaction = transaction.extend({
  decision: z.object({
    node: nodeName.describe("The answering node, whose operator decided"),
    approved: z.boolean(),
    max_fee_sats: sats.nullable().describe("The highest fee that the approval holds for; null for a rejection"),
  }),
});

export type DecidedTransaction = z.output<typeof decidedTransaction>;

/** A payment that waits for a person, as the answering node read it itself from what would be signed. */
export const pendingApproval = z.object({
  txid,
  account: account.nullable().describe("The account that pays; null if this node does not know its key"),
  recipient: address,
  label: z
    .string()
    .max(64)
    .nullable()
    .describe("What this node's address book calls the recipient; null without a name"),
  amount_sats: sats,
  fee_sats: sats.nullable().describe("Fee of the transaction; null before it is built"),
  fee_rate: feeRate,
  metadata: z.string().nullable().describe("What is published along"),
  bitcoin_txid: bitcoinTxid.nullable().describe("Id of the transaction that would be signed; null before it is built"),
  waits_for: z.array(nodeName).max(32).describe("Nodes that wait for their operators, as far as this node heard"),
  here: z.boolean().describe("True if the answering node's operator is one of those asked"),
  created_at: timestamp,
  expires_at: timestamp.describe("Afterwards nobody votes for it any more"),
});

export type PendingApproval = z.output<typeof pendingApproval>;

/** Most payments in one answer; further ones show once these are decided. */
export const MAX_APPROVALS = 500;

/** `GET /api/v1/approvals`: oldest first. */
export const approvalPage = z.object({ items: z.array(pendingApproval).max(MAX_APPROVALS), next_cursor: z.null() });

export type ApprovalPage = z.output<typeof approvalPage>;
